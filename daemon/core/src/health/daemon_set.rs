//! DaemonSets: on every node that shall have one, a pod is available and, unless updates wait for deletions, of the
//! newest template.

use taffrail_model::Health;

use super::view::View;
use super::workload::{missing, weigh};
use super::{Neighbours, pods};

pub fn judge(set: View<'_>, neighbours: &Neighbours<'_>) -> Health {
    let mut pods = pods::of(set, neighbours);
    // The status does not name the newest revision; the generation of its template is in this annotation and in a label
    // of its pods. Pods without the label are kept: a failure that nobody can date is better told.
    let newest = set.text("/metadata/annotations/deprecated.daemonset.template.generation");
    pods.retain(|pod| {
        let generation = pod.text("/metadata/labels/pod-template-generation");
        newest.is_none() || generation.is_none() || generation == newest
    });

    let desired = set.count("/status/desiredNumberScheduled");
    let updated = match set.text("/spec/updateStrategy/type") {
        Some("OnDelete") => desired,
        _ => set.count("/status/updatedNumberScheduled"),
    };
    let counts = [
        (updated, "updated"),
        (set.count("/status/numberReady"), "ready"),
        (set.count("/status/numberAvailable"), "available"),
    ];
    weigh(pods::failures(&pods), missing(set, desired, &counts), &pods)
}
