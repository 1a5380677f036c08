//! PersistentVolumeClaims: healthy when bound, and while nobody waits for them.
//!
//! A claim of a class that binds on first use (WaitForFirstConsumer) stays Pending until a pod that mounts it is
//! scheduled, and would hold a gate forever: the mount may be a CronJob's. The class is not at hand, but who waits is:
//! a pod that mounts it, a node that was selected, a provisioner that was asked (it is asked at once unless the class
//! binds on first use: kubernetes pkg/controller/volume/persistentvolume/pv_controller.go), a volume that was named.

use taffrail_model::Health;
use taffrail_model::health::DegradationCause;

use super::verdict::{degraded, progressing};
use super::view::View;
use super::{Neighbours, pods};

const SELECTED_NODE: &str = "/metadata/annotations/volume.kubernetes.io~1selected-node";
const PROVISIONERS: [&str; 2] = [
    "/metadata/annotations/volume.kubernetes.io~1storage-provisioner",
    "/metadata/annotations/volume.beta.kubernetes.io~1storage-provisioner",
];

pub fn judge(claim: View<'_>, neighbours: &Neighbours<'_>) -> Health {
    match claim.text("/status/phase") {
        Some("Bound") => match claim.text("/status/allocatedResourceStatuses/storage") {
            Some(resize) if resize.ends_with("Infeasible") => {
                degraded(DegradationCause::Other, &format!("it cannot be resized: {resize}"))
            }
            _ => Health::Healthy,
        },
        Some("Lost") => degraded(DegradationCause::Final, "its volume is lost"),
        _ => {
            awaited(claim, neighbours).map_or(Health::Healthy, |by| progressing(&format!("it is not bound, and {by}")))
        }
    }
}

/// Who waits for the claim to be bound.
fn awaited(claim: View<'_>, neighbours: &Neighbours<'_>) -> Option<String> {
    let mounts = |pod: &View<'_>| {
        pod.list("/spec/volumes").any(|volume| volume.text("/persistentVolumeClaim/claimName") == Some(claim.name()))
    };
    let pods = neighbours.pods.iter().map(|pod| View::new(pod));
    let waiting = pods.filter(|pod| pods::lives(*pod) && pod.deletion().is_none()).filter(mounts);
    let provisioner = || PROVISIONERS.into_iter().find_map(|annotation| claim.text(annotation));
    None.or_else(|| waiting.map(View::name).min().map(|pod| format!("pod {pod} mounts it")))
        .or_else(|| claim.text(SELECTED_NODE).map(|node| format!("node {node} was selected for it")))
        .or_else(|| provisioner().map(|provisioner| format!("{provisioner} was asked for a volume")))
        .or_else(|| claim.text("/spec/volumeName").map(|volume| format!("it wants volume {volume}")))
}
