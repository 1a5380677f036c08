//! Jobs: healthy when complete, failed for good when they gave up.

use taffrail_model::Health;
use taffrail_model::health::DegradationCause;

use super::verdict::{Finding, degraded, list};
use super::view::View;
use super::workload::weigh;
use super::{Neighbours, pods};

pub fn judge(job: View<'_>, neighbours: &Neighbours<'_>) -> Health {
    if job.holds("Complete").is_some() {
        return Health::Healthy;
    }
    let pods = pods::of(job, neighbours);
    let failures = || pods.iter().filter_map(|pod| pods::failure(*pod));
    // FailureTarget is Failed before its pods have ended; nothing turns it back.
    if let Some(failed) = job.holds("Failed").or(job.holds("FailureTarget")) {
        let failures: Vec<Finding> = failures().collect();
        let pods = if failures.is_empty() { String::new() } else { format!("; {}", list(failures)) };
        return degraded(DegradationCause::Final, &format!("{failed}{pods}"));
    }
    // Retries are the Job's own business, up to its backoffLimit. A container that cannot start has no such limit.
    let (retried, stuck): (Vec<Finding>, Vec<Finding>) =
        failures().partition(|finding| matches!(finding.cause, DegradationCause::Restarts(_)));
    let count = |pointer: &str| job.count(pointer);
    let mut progress = format!(
        "{} of {} completed, {} running, {} failed",
        count("/status/succeeded"),
        job.number("/spec/completions").unwrap_or(1),
        count("/status/active"),
        count("/status/failed"),
    );
    if !retried.is_empty() {
        progress = format!("{progress}; {}", list(retried));
    }
    weigh(stuck, Some(progress), &pods)
}
