//! PodDisruptionBudgets: healthy when computed. That no disruption is allowed just now says nothing about the budget.

use taffrail_model::Health;
use taffrail_model::health::DegradationCause;

use super::Neighbours;
use super::verdict::{degraded, progressing};
use super::view::View;

pub fn judge(budget: View<'_>, _: &Neighbours<'_>) -> Health {
    let failed = budget.fails("DisruptionAllowed").filter(|condition| condition.reason() == "SyncFailed");
    if let Some(failed) = failed {
        return degraded(DegradationCause::Other, &failed.to_string());
    }
    match budget.number("/status/observedGeneration") {
        Some(_) => Health::Healthy,
        None => progressing("its controller has not seen it yet"),
    }
}
