//! The pod: its volumes, what it may do on its node, and how the kubelet asks how it is.

use serde_json::{Value, json};

use super::{CONFIGURATION, NAME, Part, Plan, SECRETS, labels};

/// The user of distroless images that is not root.
const USER: u32 = 65532;
/// Longer than the driver waits for what was sent to be answered (45 s).
const GRACE: u32 = 60;

/// The volumes and the Deployment.
pub(super) fn parts(plan: &Plan) -> Vec<Part> {
    vec![
        Part::new("The journal and the Git mirrors.", volume(plan, NAME, "10Gi")),
        Part::new(
            "The key that Secrets are stored with, which the daemon makes at its first start: on a volume of its own, so\n\
             that no copy of the journal has it. Back it up apart. To bring a key of yours instead, make the Secret\n\
             taffrail-key from a file (`openssl rand -hex 32`) and put it in the place of this claim in the Deployment.",
            volume(plan, "taffrail-key", "10Mi"),
        ),
        Part::new("One daemon a journal: the old one ends before the new one starts.", deployment(plan)),
    ]
}

fn volume(plan: &Plan, name: &str, size: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": plan.metadata(name),
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size } } },
    })
}

fn deployment(plan: &Plan) -> Value {
    let probe = |path: &str, failures: u32| {
        json!({
            "httpGet": { "path": path, "port": "telemetry" }, "periodSeconds": 5, "timeoutSeconds": 5,
            "failureThreshold": failures,
        })
    };
    let port = |name: &str, number: u16| json!({ "name": name, "containerPort": number });
    let api = plan.ports.api.map(|number| port("api", number));
    let ports: Vec<Value> = api.into_iter().chain([port("telemetry", plan.ports.telemetry)]).collect();
    let (volumes, mounts) = volumes(plan);
    let container = json!({
        "name": NAME,
        "image": plan.image,
        "args": ["run", "--config", format!("{CONFIGURATION}/taffrail.yaml")],
        "ports": ports,
        // A large journal is looked through before anything is served.
        "startupProbe": probe("/livez", 120),
        "livenessProbe": probe("/livez", 6),
        "readinessProbe": probe("/readyz", 2),
        "resources": {
            "requests": { "cpu": "100m", "memory": "128Mi" },
            "limits": { "memory": "1Gi" },
        },
        "securityContext": {
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        },
        "volumeMounts": mounts,
    });
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": plan.metadata(NAME),
        "spec": {
            "replicas": 1,
            "strategy": { "type": "Recreate" },
            "selector": { "matchLabels": labels() },
            "template": {
                "metadata": { "labels": labels() },
                "spec": {
                    "serviceAccountName": NAME,
                    "automountServiceAccountToken": true,
                    "enableServiceLinks": false,
                    "terminationGracePeriodSeconds": GRACE,
                    "securityContext": {
                        "runAsNonRoot": true,
                        "runAsUser": USER,
                        "runAsGroup": USER,
                        "fsGroup": USER,
                        // Else each start would let the group read the key.
                        "fsGroupChangePolicy": "OnRootMismatch",
                        "seccompProfile": { "type": "RuntimeDefault" },
                    },
                    "containers": [container],
                    "volumes": volumes,
                },
            },
        },
    })
}

/// The volumes, and where they are mounted.
fn volumes(plan: &Plan) -> (Vec<Value>, Vec<Value>) {
    let claim = |name: &str| json!({ "persistentVolumeClaim": { "claimName": name } });
    // The daemon refuses files that others may read; with fsGroup they are its group's.
    let secret = |name: &str, optional: bool| json!({ "secret": { "secretName": name, "defaultMode": 0o440, "optional": optional } });
    let mut all = vec![
        ("configuration", json!({ "configMap": { "name": NAME } }), CONFIGURATION.to_owned(), true),
        ("data", claim(NAME), plan.data.clone(), false),
        ("key", claim("taffrail-key"), plan.key_folder.clone(), false),
        ("secrets", secret("taffrail-secrets", true), SECRETS.to_owned(), true),
    ];
    if let Some(folder) = &plan.tokens_folder {
        all.push(("tokens", secret("taffrail-tokens", false), folder.clone(), true));
    }
    all.into_iter()
        .map(|(name, mut volume, path, read_only)| {
            volume["name"] = name.into();
            (volume, json!({ "name": name, "mountPath": path, "readOnly": read_only }))
        })
        .unzip()
}
