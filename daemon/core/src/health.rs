//! Whether an object does what it is for: a pure function, a file a kind.
//!
//! Always: no time, no order of neighbours and no shape of JSON matters; messages are one line of at most [`LONGEST`]
//! characters and never quote what a container wrote, which may be a secret.

mod api_service;
mod claim;
mod cron_job;
mod custom_resource_definition;
mod daemon_set;
mod deployment;
mod disruption_budget;
mod generic;
mod horizontal_autoscaler;
mod ingress;
mod job;
mod namespace;
mod pod;
mod pods;
mod replica_set;
mod service;
mod stateful_set;
mod verdict;
mod view;
mod workload;

#[cfg(test)]
mod tests;

use serde_json::Value;
use taffrail_model::{Health, ObjectKey};

pub use verdict::LONGEST;
use verdict::progressing;
use view::View;

/// What else lives in the object's namespace that its health depends on. Whose is whose is told by `ownerReferences`,
/// so all of a namespace may be given. Without pods a verdict rests on the object's own status.
#[derive(Clone, Default)]
pub struct Neighbours<'a> {
    /// Pods.
    pub pods: Vec<&'a Value>,
    /// ReplicaSets, which tell a Deployment's new pods from its old ones.
    pub replica_sets: Vec<&'a Value>,
}

/// Judges an object as it was seen.
pub fn judge(key: &ObjectKey, object: &Value, neighbours: &Neighbours<'_>) -> Health {
    if !object.is_object() {
        return Health::Unknown;
    }
    let object = View::new(object);
    // A Namespace says itself what its deletion waits for.
    if let (Some(why), false) = (object.deletion(), key.is("", "Namespace")) {
        return progressing(&why);
    }
    // Before the generation: a controller that rests need not observe.
    if object.flag("/spec/suspend") || object.flag("/spec/paused") {
        return Health::Suspended;
    }
    if let Some(why) = object.unobserved() {
        return progressing(&why);
    }
    (rule(key).judge)(object, neighbours)
}

/// The names of an object's pods that are not well: those that fail first, then those that wait.
pub fn unwell_pods(key: &ObjectKey, object: &Value, neighbours: &Neighbours<'_>) -> Vec<String> {
    let object = View::new(object);
    if key.is("", "Pod") {
        return vec![object.name().to_owned()];
    }
    let mut all = pods::of(object, neighbours);
    for replica_set in pods::controlled(object, &neighbours.replica_sets) {
        all.extend(pods::of(replica_set, neighbours));
    }
    let failing = all.iter().filter(|pod| pods::failure(**pod).is_some());
    let waiting = all.iter().filter(|pod| pods::failure(**pod).is_none() && pods::waiting(**pod).is_some());
    failing.chain(waiting).map(|pod| pod.name().to_owned()).collect()
}

/// Whether gates wait for this kind. An Ingress' address and an autoscaler's metrics often come from what the cluster
/// lacks, and say nothing about what was deployed.
pub fn gates(key: &ObjectKey) -> bool {
    rule(key).gates
}

/// Whether the verdict looks at pods.
pub fn needs_pods(key: &ObjectKey) -> bool {
    rule(key).pods
}

struct Rule {
    judge: fn(View<'_>, &Neighbours<'_>) -> Health,
    gates: bool,
    pods: bool,
}

fn rule(key: &ObjectKey) -> Rule {
    let alone = |judge| Rule { judge, gates: true, pods: false };
    let with_pods = |judge| Rule { judge, gates: true, pods: true };
    let reported = |judge| Rule { judge, gates: false, pods: false };
    match (key.group.as_str(), key.kind.as_str()) {
        ("apps", "Deployment") => with_pods(deployment::judge),
        ("apps", "ReplicaSet") | ("", "ReplicationController") => with_pods(replica_set::judge),
        ("apps", "StatefulSet") => with_pods(stateful_set::judge),
        ("apps", "DaemonSet") => with_pods(daemon_set::judge),
        ("batch", "Job") => with_pods(job::judge),
        ("batch", "CronJob") => alone(cron_job::judge),
        ("", "Pod") => alone(pod::judge),
        ("", "PersistentVolumeClaim") => with_pods(claim::judge),
        ("", "Service") => alone(service::judge),
        ("", "Namespace") => alone(namespace::judge),
        ("networking.k8s.io", "Ingress") => reported(ingress::judge),
        ("autoscaling", "HorizontalPodAutoscaler") => reported(horizontal_autoscaler::judge),
        ("policy", "PodDisruptionBudget") => alone(disruption_budget::judge),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => alone(custom_resource_definition::judge),
        ("apiregistration.k8s.io", "APIService") => alone(api_service::judge),
        _ => alone(generic::judge),
    }
}
