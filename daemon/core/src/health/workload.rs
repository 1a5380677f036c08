//! What the workloads have in common: counts of replicas, and the pods behind them.

use taffrail_model::Health;

use super::pods;
use super::verdict::{Finding, progressing, worst};
use super::view::View;

/// The replicas that are wanted; the API server's default is one.
pub fn wanted(workload: View<'_>) -> i64 {
    workload.number("/spec/replicas").unwrap_or(1)
}

/// Which of the counts is not as wanted, in words.
pub fn missing(workload: View<'_>, wanted: i64, counts: &[(i64, &str)]) -> Option<String> {
    // Without it the counts, which leave out zero, say nothing.
    if workload.number("/status/observedGeneration").is_none() {
        return Some("its controller has not seen it yet".to_owned());
    }
    let (count, what) = counts.iter().find(|(count, _)| *count != wanted)?;
    Some(format!("{wanted} wanted, {count} {what}"))
}

/// Degraded by what was found, else progressing while something is missing, else healthy. Findings come first: one that
/// is seen before the counts follow must not pass for health.
pub fn weigh(findings: Vec<Finding>, missing: Option<String>, pods: &[View<'_>]) -> Health {
    worst(findings).unwrap_or_else(|| match missing {
        None => Health::Healthy,
        Some(missing) => match pods.iter().filter_map(|pod| pods::waiting(*pod)).min() {
            None => progressing(&missing),
            Some(waiting) => progressing(&format!("{missing}; {waiting}")),
        },
    })
}
