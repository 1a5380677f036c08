//! ReplicaSets, and ReplicationControllers, whose status is the same: every replica is available.

use taffrail_model::Health;

use super::verdict::Finding;
use super::view::View;
use super::workload::{missing, wanted, weigh};
use super::{Neighbours, pods};

pub fn judge(set: View<'_>, neighbours: &Neighbours<'_>) -> Health {
    let pods = pods::of(set, neighbours);
    let mut findings = pods::failures(&pods);
    findings.extend(set.holds("ReplicaFailure").map(Finding::other));
    let counts = [
        (set.count("/status/replicas"), "made"),
        (set.count("/status/readyReplicas"), "ready"),
        (set.count("/status/availableReplicas"), "available"),
    ];
    weigh(findings, missing(set, wanted(set), &counts), &pods)
}
