//! Verdicts as text, in tables: a sentence for each rule.

mod any_shape;
mod others;
mod pods;
mod workloads;

use serde_json::{Value, json};
use taffrail_model::{Health, ObjectKey};

use super::{Neighbours, judge};

/// The verdict in words, with its cause when degraded.
fn verdict(key: &str, object: &Value, pods: &[Value], replica_sets: &[Value]) -> String {
    let neighbours = Neighbours { pods: pods.iter().collect(), replica_sets: replica_sets.iter().collect() };
    match judge(&key.parse().unwrap(), object, &neighbours) {
        Health::Degraded(degradation) => format!("degraded, {:?}: {}", degradation.cause, degradation.message),
        health => health.to_string(),
    }
}

/// Rows of (the rule, the object, the verdict), without neighbours.
fn check(key: &str, rows: &[(&str, Value, &str)]) {
    for (rule, object, expected) in rows {
        assert_eq!(verdict(key, object, &[], &[]), *expected, "{rule}");
    }
}

/// `object` with `changes` merged over it (RFC 7386).
fn with(mut object: Value, changes: Value) -> Value {
    fn merge(into: &mut Value, changes: Value) {
        match changes {
            Value::Object(changes) => {
                if !into.is_object() {
                    *into = json!({});
                }
                for (key, change) in changes {
                    match change {
                        Value::Null => drop(into.as_object_mut().unwrap().remove(&key)),
                        change => merge(&mut into[key], change),
                    }
                }
            }
            other => *into = other,
        }
    }
    merge(&mut object, changes);
    object
}

/// A ready pod of one container, controlled by `owner`.
fn pod(name: &str, owner: &str) -> Value {
    json!({
        "metadata": { "name": name, "ownerReferences": [{ "uid": owner, "controller": true }] },
        "spec": { "containers": [{ "name": "app", "image": "shop/app:2" }] },
        "status": {
            "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [{ "name": "app", "ready": true, "restartCount": 0, "image": "sha256:1" }],
        },
    })
}

/// Such a pod whose container is not ready, and in this status.
fn broken(name: &str, owner: &str, container: Value) -> Value {
    let status = with(json!({ "name": "app", "ready": false, "restartCount": 0 }), container);
    with(
        pod(name, owner),
        json!({ "status": { "containerStatuses": [status], "conditions": [{
            "type": "Ready", "status": "False", "reason": "ContainersNotReady",
            "message": "containers with unready status: [app]",
        }] } }),
    )
}

fn crash_loop(restarts: u32) -> Value {
    json!({
        "restartCount": restarts,
        "state": { "waiting": { "reason": "CrashLoopBackOff" } },
        "lastState": { "terminated": { "exitCode": 1, "reason": "Error", "message": "password is hunter2" } },
    })
}

fn no_image() -> Value {
    json!({ "state": { "waiting": { "reason": "ImagePullBackOff", "message": "Back-off pulling image" } } })
}

#[test]
fn what_gates_and_what_looks_at_pods() {
    let answers = |key: &str| {
        let key: ObjectKey = key.parse().unwrap();
        (super::gates(&key), super::needs_pods(&key))
    };
    for kind in ["apps/Deployment", "apps/StatefulSet", "apps/DaemonSet", "batch/Job", "PersistentVolumeClaim"] {
        assert_eq!(answers(&format!("{kind}:shop/x")), (true, true), "{kind}");
    }
    for kind in ["Pod", "Service", "ConfigMap", "policy/PodDisruptionBudget", "example.org/Deployment"] {
        assert_eq!(answers(&format!("{kind}:shop/x")), (true, false), "{kind}");
    }
    for kind in ["networking.k8s.io/Ingress", "autoscaling/HorizontalPodAutoscaler"] {
        assert_eq!(answers(&format!("{kind}:shop/x")), (false, false), "{kind}");
    }
}
