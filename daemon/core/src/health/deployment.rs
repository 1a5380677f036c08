//! Deployments: every replica is of the newest revision and available. Pods of the newest ReplicaSet count, those of
//! older ones are on their way out.

use taffrail_model::Health;

use super::verdict::Finding;
use super::view::View;
use super::workload::{missing, wanted, weigh};
use super::{Neighbours, pods};

const REVISION: &str = "/metadata/annotations/deployment.kubernetes.io~1revision";

pub fn judge(deployment: View<'_>, neighbours: &Neighbours<'_>) -> Health {
    let pods = newest_pods(deployment, neighbours);
    let mut findings = pods::failures(&pods);
    // ReplicaFailure: a quota or an admission webhook refuses pods. Progressing is False when the deadline has passed,
    // or no ReplicaSet could be made.
    let conditions = [deployment.holds("ReplicaFailure"), deployment.fails("Progressing")];
    findings.extend(conditions.into_iter().flatten().map(Finding::other));

    let wanted = wanted(deployment);
    let updated = deployment.count("/status/updatedReplicas");
    let old = deployment.count("/status/replicas").saturating_sub(updated);
    let counts = [
        (updated, "updated"),
        (deployment.count("/status/readyReplicas"), "ready"),
        (deployment.count("/status/availableReplicas"), "available"),
    ];
    let missing = missing(deployment, wanted, &counts)
        .or_else(|| (old > 0).then(|| format!("{old} of an older revision still there")));
    weigh(findings, missing, &pods)
}

fn newest_pods<'a>(deployment: View<'_>, neighbours: &Neighbours<'a>) -> Vec<View<'a>> {
    let Some(revision) = deployment.text(REVISION) else { return Vec::new() };
    pods::controlled(deployment, &neighbours.replica_sets)
        .into_iter()
        .filter(|replica_set| replica_set.text(REVISION) == Some(revision))
        .flat_map(|replica_set| pods::of(replica_set, neighbours))
        .collect()
}
