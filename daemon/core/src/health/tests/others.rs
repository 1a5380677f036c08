//! Kinds without replicas, and the generic rule.

use serde_json::{Value, json};

use super::{check, pod, verdict, with};

fn conditions(conditions: Value) -> Value {
    json!({ "status": { "conditions": conditions } })
}

#[test]
fn claims() {
    let key = "PersistentVolumeClaim:shop/data";
    let pending = |changes| with(json!({ "metadata": { "name": "data" }, "status": { "phase": "Pending" } }), changes);
    let annotated = |name: &str| pending(json!({ "metadata": { "annotations": { name: "x" } } }));
    check(
        key,
        &[
            ("bound", json!({ "status": { "phase": "Bound" } }), "healthy"),
            ("lost", json!({ "status": { "phase": "Lost" } }), "degraded, Final: its volume is lost"),
            (
                "the size cannot be had",
                json!({ "status": { "phase": "Bound", "allocatedResourceStatuses": { "storage": "ControllerResizeInfeasible" } } }),
                "degraded, Other: it cannot be resized: ControllerResizeInfeasible",
            ),
            ("nobody waits for it: it may bind on first use", pending(json!({})), "healthy"),
            (
                "a node was selected",
                annotated("volume.kubernetes.io/selected-node"),
                "progressing: it is not bound, and node x was selected for it",
            ),
            (
                "a provisioner was asked",
                annotated("volume.kubernetes.io/storage-provisioner"),
                "progressing: it is not bound, and x was asked for a volume",
            ),
            (
                "by the older name",
                annotated("volume.beta.kubernetes.io/storage-provisioner"),
                "progressing: it is not bound, and x was asked for a volume",
            ),
            (
                "a volume is named",
                pending(json!({ "spec": { "volumeName": "v" } })),
                "progressing: it is not bound, and it wants volume v",
            ),
        ],
    );
    let mounting = |name: &str, claim: &str| {
        with(pod(name, ""), json!({ "spec": { "volumes": [{ "persistentVolumeClaim": { "claimName": claim } }] } }))
    };
    let waits = "progressing: it is not bound, and pod a mounts it";
    assert_eq!(verdict(key, &pending(json!({})), &[mounting("b", "data"), mounting("a", "data")], &[]), waits);
    assert_eq!(verdict(key, &pending(json!({})), &[mounting("a", "other")], &[]), "healthy", "of another claim");
    let leaving = with(mounting("a", "data"), json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }));
    assert_eq!(verdict(key, &pending(json!({})), &[leaving], &[]), "healthy", "nor one that is leaving");
    let done = with(mounting("a", "data"), json!({ "status": { "phase": "Succeeded" } }));
    assert_eq!(verdict(key, &pending(json!({})), &[done], &[]), "healthy", "a pod that has ended waits for nothing");
}

#[test]
fn services_and_ingresses() {
    let balancer = |changes| with(json!({ "spec": { "type": "LoadBalancer" } }), changes);
    let address = json!({ "status": { "loadBalancer": { "ingress": [{ "ip": "192.0.2.1" }] } } });
    check(
        "Service:shop/api",
        &[
            ("without a load balancer", json!({ "spec": { "type": "ClusterIP" } }), "healthy"),
            (
                "a load balancer without an address",
                balancer(json!({})),
                "progressing: it has no load balancer address yet",
            ),
            ("with an address", balancer(address.clone()), "healthy"),
            ("with addresses routed by hand", balancer(json!({ "spec": { "externalIPs": ["192.0.2.2"] } })), "healthy"),
        ],
    );
    check(
        "networking.k8s.io/Ingress:shop/api",
        &[("without an address", json!({}), "progressing: it has no address yet"), ("with one", address, "healthy")],
    );
}

#[test]
fn autoscalers_and_budgets() {
    let able = json!({ "type": "AbleToScale", "status": "True" });
    let inactive =
        |reason: &str| json!({ "type": "ScalingActive", "status": "False", "reason": reason, "message": "why" });
    check(
        "autoscaling/HorizontalPodAutoscaler:shop/api",
        &[
            ("not seen yet", json!({}), "progressing: its controller has not seen it yet"),
            ("able to scale", conditions(json!([able])), "healthy"),
            (
                "no metrics",
                conditions(json!([able, inactive("FailedGetResourceMetric")])),
                "degraded, Other: FailedGetResourceMetric: why",
            ),
            ("its target is scaled to zero", conditions(json!([able, inactive("ScalingDisabled")])), "suspended"),
            (
                "no target",
                conditions(json!([{ "type": "AbleToScale", "status": "False", "reason": "FailedGetScale" }])),
                "degraded, Other: FailedGetScale",
            ),
        ],
    );
    let budget = |reason: &str| json!({ "status": { "observedGeneration": 1, "conditions": [{ "type": "DisruptionAllowed", "status": "False", "reason": reason }] } });
    check(
        "policy/PodDisruptionBudget:shop/api",
        &[
            ("not seen yet", json!({}), "progressing: its controller has not seen it yet"),
            ("allows none just now", budget("InsufficientPods"), "healthy"),
            ("cannot be computed", budget("SyncFailed"), "degraded, Other: SyncFailed"),
        ],
    );
}

#[test]
fn definitions_and_services_of_the_api() {
    let established = |status: &str| json!({ "type": "Established", "status": status });
    let refused = json!({ "type": "NamesAccepted", "status": "False", "reason": "PluralConflict", "message": "taken" });
    check(
        "apiextensions.k8s.io/CustomResourceDefinition:x.example.org",
        &[
            ("no status", json!({}), "progressing: it is not established yet"),
            ("not established", conditions(json!([established("False")])), "progressing: it is not established yet"),
            ("established", conditions(json!([established("True")])), "healthy"),
            (
                "names clash",
                conditions(json!([established("True"), refused])),
                "degraded, Other: PluralConflict: taken",
            ),
        ],
    );
    check(
        "apiregistration.k8s.io/APIService:v1.example.org",
        &[
            ("not asked yet", json!({}), "progressing: nobody has asked the server behind it yet"),
            ("available", conditions(json!([{ "type": "Available", "status": "True" }])), "healthy"),
            (
                "does not answer",
                conditions(json!([{ "type": "Available", "status": "False", "reason": "MissingEndpoints" }])),
                "progressing: MissingEndpoints",
            ),
        ],
    );
}

#[test]
fn namespaces_say_what_keeps_them() {
    let going = json!({
        "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" },
        "status": { "phase": "Terminating", "conditions": [
            { "type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "All resources successfully discovered" },
            { "type": "NamespaceContentRemaining", "status": "True", "message": "Some resources are remaining: pods. has 1 resource instances" },
        ] },
    });
    check(
        "Namespace:shop",
        &[
            ("active", json!({ "status": { "phase": "Active" } }), "healthy"),
            ("just made", json!({}), "healthy"),
            ("terminating", json!({ "status": { "phase": "Terminating" } }), "progressing: it is being deleted"),
            (
                "terminating, with what is left",
                going,
                "progressing: it is being deleted; Some resources are remaining: pods. has 1 resource instances",
            ),
        ],
    );
}

#[test]
fn other_kinds_by_convention() {
    let ready = |status: &str, generation: u32| {
        json!({
            "metadata": { "generation": 2 },
            "status": { "conditions": [{ "type": "Ready", "status": status, "reason": "Issuing", "observedGeneration": generation }] },
        })
    };
    let rows = [
        ("no status", json!({ "data": {} }), "healthy"),
        ("a status without conditions", json!({ "status": { "x": 1 } }), "healthy"),
        ("ready", ready("True", 2), "healthy"),
        ("not ready", ready("False", 2), "progressing: Issuing"),
        ("unknown whether ready", ready("Unknown", 2), "progressing: Issuing"),
        (
            "ready in an older generation, whatever the status observed",
            with(ready("True", 1), json!({ "status": { "observedGeneration": 2 } })),
            "progressing: its controller has seen generation 1, and 2 is the newest",
        ),
        (
            "ready in an older generation",
            ready("True", 1),
            "progressing: its controller has seen generation 1, and 2 is the newest",
        ),
        (
            "reconciling",
            conditions(json!([{ "type": "Ready", "status": "True" }, { "type": "Reconciling", "status": "True" }])),
            "progressing: Reconciling is True",
        ),
        (
            "stalled",
            conditions(
                json!([{ "type": "Reconciling", "status": "True" }, { "type": "Stalled", "status": "True", "message": "bad chart" }]),
            ),
            "degraded, Other: bad chart",
        ),
        (
            "the generation may be text",
            json!({ "metadata": { "generation": 2 }, "status": { "observedGeneration": "1" } }),
            "progressing: its controller has seen generation 1, and 2 is the newest",
        ),
        (
            "a generation that is no number says nothing",
            json!({ "metadata": { "generation": 2 }, "status": { "observedGeneration": "6b9f" } }),
            "healthy",
        ),
        (
            "suspended, and behind",
            json!({ "metadata": { "generation": 2 }, "spec": { "suspend": true }, "status": { "observedGeneration": 1 } }),
            "suspended",
        ),
        (
            "being deleted",
            json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } }),
            "progressing: it is being deleted",
        ),
        ("no object at all", json!(null), "unknown"),
    ];
    check("example.org/Thing:shop/x", &rows);
    check(
        "batch/CronJob:shop/x",
        &[("as it is", json!({}), "healthy"), ("suspended", json!({ "spec": { "suspend": true } }), "suspended")],
    );
}
