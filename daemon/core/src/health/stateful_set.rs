//! StatefulSets: every replica is available, and those that the update strategy updates are of the newest revision.

use taffrail_model::Health;

use super::verdict::list;
use super::view::View;
use super::workload::{missing, wanted, weigh};
use super::{Neighbours, pods};

pub fn judge(set: View<'_>, neighbours: &Neighbours<'_>) -> Health {
    let newest = set.text("/status/updateRevision");
    let (new, old): (Vec<View<'_>>, Vec<View<'_>>) = pods::of(set, neighbours)
        .into_iter()
        .partition(|pod| newest.is_some() && pod.text("/metadata/labels/controller-revision-hash") == newest);

    let wanted = wanted(set);
    let ready = set.count("/status/readyReplicas");
    let counts = [
        (set.count("/status/replicas"), "made"),
        (ready, "ready"),
        (set.number("/status/availableReplicas").unwrap_or(ready), "available"),
    ];
    let missing = unmended(set, &old).or_else(|| outdated(set, wanted)).or_else(|| missing(set, wanted, &counts));
    weigh(pods::failures(&new), missing, &new)
}

fn updates(set: View<'_>) -> bool {
    set.text("/spec/updateStrategy/type") != Some("OnDelete")
}

/// A broken pod of an older revision keeps an ordered update waiting until a person deletes it:
/// <https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback>. After a revert that is the
/// pod which the bad revision left.
fn unmended(set: View<'_>, old: &[View<'_>]) -> Option<String> {
    if !updates(set) || set.text("/spec/podManagementPolicy") == Some("Parallel") {
        return None;
    }
    let broken = pods::failures(old);
    (!broken.is_empty()).then(|| {
        let broken = list(broken);
        format!("the update waits for broken pods of an older revision, which may have to be deleted: {broken}")
    })
}

/// What a rolling update has still to do. The partition keeps that many replicas at the older revision on purpose.
fn outdated(set: View<'_>, wanted: i64) -> Option<String> {
    if !updates(set) {
        return None;
    }
    let partition = set.count("/spec/updateStrategy/rollingUpdate/partition").max(0);
    let expected = wanted.saturating_sub(partition).max(0);
    let updated = set.count("/status/updatedReplicas");
    if updated < expected {
        return Some(format!("{expected} to be updated, {updated} updated"));
    }
    let (current, newest) = (set.text("/status/currentRevision")?, set.text("/status/updateRevision")?);
    (partition == 0 && current != newest).then(|| format!("revision {newest} is being rolled out"))
}
