//! No shape of JSON makes a verdict panic, grow beyond its line, or depend on the order of neighbours.
//!
//! Arbitrary JSON has none of the fields that the rules read, so the shapes are bred instead: a document that has them
//! all, with every part of it replaced by every odd value in turn, then with many parts replaced at once.

use serde_json::{Value, json};
use taffrail_model::Health;

use super::super::{LONGEST, Neighbours, judge};
use super::{crash_loop, no_image};

const KINDS: [&str; 18] = [
    "ConfigMap:shop/x",
    "Namespace:x",
    "PersistentVolumeClaim:shop/x",
    "Pod:shop/x",
    "ReplicationController:shop/x",
    "Service:shop/x",
    "apiextensions.k8s.io/CustomResourceDefinition:x",
    "apiregistration.k8s.io/APIService:x",
    "apps/DaemonSet:shop/x",
    "apps/Deployment:shop/x",
    "apps/ReplicaSet:shop/x",
    "apps/StatefulSet:shop/x",
    "autoscaling/HorizontalPodAutoscaler:shop/x",
    "batch/CronJob:shop/x",
    "batch/Job:shop/x",
    "example.org/Thing:shop/x",
    "networking.k8s.io/Ingress:shop/x",
    "policy/PodDisruptionBudget:shop/x",
];

fn odd_values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5),
        json!(""),
        json!("3"),
        json!("True"),
        json!("False"),
        json!("é\n".repeat(400)),
        json!([]),
        json!({}),
        json!([null, [], {}]),
        json!({ "": { "": null } }),
    ]
}

/// An object, its pods and its ReplicaSets, with all that any rule reads.
fn whole() -> Value {
    let metadata = |uid: &str| {
        json!({
            "name": "x", "uid": uid, "generation": 2, "finalizers": ["f"],
            "labels": { "controller-revision-hash": "new", "pod-template-generation": "2" },
            "annotations": {
                "deployment.kubernetes.io/revision": "2", "deprecated.daemonset.template.generation": "2",
                "volume.kubernetes.io/selected-node": "n",
            },
            "ownerReferences": [{ "uid": "u", "controller": true }],
        })
    };
    let pod = |uid: &str, container: Value, init: Value| {
        json!({
            "metadata": metadata(uid),
            "spec": {
                "containers": [{ "name": "app", "image": "i" }], "initContainers": [{ "name": "wait", "image": "i" }],
                "volumes": [{ "persistentVolumeClaim": { "claimName": "x" } }],
            },
            "status": {
                "phase": "Running",
                "conditions": [{ "type": "Ready", "status": "False", "message": "m" }, { "type": "ContainersReady", "status": "False", "lastTransitionTime": "t" }],
                "containerStatuses": [container], "initContainerStatuses": [init],
            },
        })
    };
    let conditions: Vec<Value> = [
        "Ready",
        "Progressing",
        "ReplicaFailure",
        "Complete",
        "Failed",
        "Available",
        "Established",
        "Stalled",
    ]
    .map(|kind| json!({ "type": kind, "status": "Unknown", "reason": "r", "message": "m", "observedGeneration": 2 }))
    .to_vec();
    json!({
        "object": {
            "metadata": metadata("u"),
            "spec": {
                "replicas": 3, "completions": 3, "type": "LoadBalancer", "suspend": false, "paused": false,
                "containers": [{ "name": "app", "image": "i" }],
                "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } },
            },
            "status": {
                "observedGeneration": 2, "phase": "Running", "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3,
                "availableReplicas": 3, "updateRevision": "new", "currentRevision": "new", "active": 1, "failed": 1,
                "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3,
                "containerStatuses": [crash_loop(3)], "conditions": conditions,
            },
        },
        "replicaSets": [{ "metadata": metadata("r") }],
        "pods": [
            pod("a", crash_loop(3), no_image()),
            pod("b", json!({ "name": "app", "state": { "running": { "startedAt": "s" } }, "lastState": { "terminated": { "exitCode": 1 } } }), json!({})),
        ],
    })
}

/// Where everything in a document is, as JSON pointers.
fn places(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                self::places(value, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                self::places(value, format!("{at}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}

fn assert_judged(document: &Value) {
    let list = |name: &str| document.get(name).and_then(Value::as_array).into_iter().flatten();
    let forward = Neighbours { pods: list("pods").collect(), replica_sets: list("replicaSets").collect() };
    let backward = Neighbours { pods: list("pods").rev().collect(), replica_sets: list("replicaSets").rev().collect() };
    for key in KINDS {
        let key = key.parse().unwrap();
        let object = document.get("object").unwrap_or(document);
        let health = judge(&key, object, &forward);
        assert_eq!(health, judge(&key, object, &backward), "{key}: {document}");
        let (Health::Progressing(reason)
        | Health::Degraded(taffrail_model::health::Degradation { message: reason, .. })) = health
        else {
            continue;
        };
        assert!(reason.chars().count() <= LONGEST && !reason.contains(char::is_control), "{key}: {reason:?}");
    }
}

#[test]
fn one_odd_value_anywhere() {
    let whole = whole();
    let mut all = Vec::new();
    places(&whole, String::new(), &mut all);
    for place in &all {
        for odd in odd_values() {
            let mut document = whole.clone();
            *document.pointer_mut(place).expect("it was listed") = odd;
            assert_judged(&document);
        }
    }
}

#[test]
fn many_odd_values_at_once() {
    let (whole, odd) = (whole(), odd_values());
    let mut all = Vec::new();
    places(&whole, String::new(), &mut all);
    // Knuth's linear congruential generator: the same documents in every run.
    let mut seed = 1_u64;
    let mut below = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % limit
    };
    for _ in 0..1_000 {
        let mut document = whole.clone();
        for _ in 0..=below(12) {
            let value = odd[below(odd.len())].clone();
            // An earlier value may have taken the place away.
            if let Some(place) = document.pointer_mut(&all[below(all.len())]) {
                *place = value;
            }
        }
        assert_judged(&document);
    }
}
