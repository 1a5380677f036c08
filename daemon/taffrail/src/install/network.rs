//! How the pod is reached, and what it may reach.

use serde_json::{Value, json};

use super::{NAME, Part, Plan, Ports, labels};

/// A namespace with this label may ask the API.
const MAY_ASK: &str = "taffrail.dev/may-ask";

/// The Service, the NetworkPolicy, and the ServiceMonitor if it is wanted.
pub(super) fn parts(plan: &Plan) -> Vec<Part> {
    let mut parts = vec![
        Part::new(
            "The API, if it is served beyond loopback, and telemetry. Both also while the daemon is not ready, which is\n\
             when one wants to ask it why.",
            service(plan),
        ),
        Part::new(
            &format!(
                "Whoever may ask the API: pods of namespaces that are labelled {MAY_ASK}=true, by token.\n\
                 Telemetry: pods of the namespace \"monitoring\". Going out: names, and the ports of API servers (443, \
                 6443)\nand of Git (443, 22); a policy cannot name either, so narrow it by ipBlock where their addresses \
                 are fixed.\nChecks by URL of other ports want a rule of their own."
            ),
            policy(plan),
        ),
    ];
    if plan.service_monitor {
        parts.push(Part::new("For the Prometheus operator, whose definitions must be there.", monitor(plan)));
    }
    parts
}

fn service(plan: &Plan) -> Value {
    let Ports { api, telemetry } = plan.ports;
    let port = |name: &str, number: u16| json!({ "name": name, "port": number, "targetPort": name });
    let ports: Vec<Value> = api.map(|api| port("api", api)).into_iter().chain([port("telemetry", telemetry)]).collect();
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": plan.metadata(NAME),
        "spec": { "selector": labels(), "publishNotReadyAddresses": true, "ports": ports },
    })
}

fn policy(plan: &Plan) -> Value {
    let from = |label: &str, value: &str| json!([{ "namespaceSelector": { "matchLabels": { label: value } } }]);
    let tcp = |port: Value| json!({ "protocol": "TCP", "port": port });
    let mut ingress = Vec::new();
    if plan.ports.api.is_some() {
        ingress.push(json!({ "from": from(MAY_ASK, "true"), "ports": [tcp("api".into())] }));
    }
    ingress.push(json!({
        "from": from("kubernetes.io/metadata.name", "monitoring"), "ports": [tcp("telemetry".into())],
    }));
    json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": plan.metadata(NAME),
        "spec": {
            "podSelector": { "matchLabels": labels() },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": [
                { "ports": [{ "protocol": "UDP", "port": 53 }, tcp(53.into())] },
                { "ports": [tcp(443.into()), tcp(6443.into()), tcp(22.into())] },
            ],
        },
    })
}

fn monitor(plan: &Plan) -> Value {
    json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": plan.metadata(NAME),
        "spec": {
            "selector": { "matchLabels": labels() },
            "endpoints": [{ "port": "telemetry", "path": "/metrics" }],
        },
    })
}
