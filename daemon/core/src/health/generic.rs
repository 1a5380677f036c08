//! Every other kind, by the conventions that most controllers keep (kstatus: sigs.k8s.io/cli-utils/pkg/kstatus).
//!
//! An object that says nothing is healthy. A controller that is slow to write its first status is so taken for one that
//! never writes any: a gate's `settle` is there for it.

use taffrail_model::Health;
use taffrail_model::health::DegradationCause;

use super::Neighbours;
use super::verdict::{degraded, progressing};
use super::view::View;

pub fn judge(object: View<'_>, _: &Neighbours<'_>) -> Health {
    if let Some(stalled) = object.holds("Stalled") {
        return degraded(DegradationCause::Other, &stalled.to_string());
    }
    if let Some(reconciling) = object.holds("Reconciling") {
        return progressing(&reconciling.to_string());
    }
    // Not ready is not degraded: it is also how most controllers say that they have begun.
    match object.condition("Ready") {
        Some(ready) if !ready.is("True") => progressing(&ready.to_string()),
        _ => Health::Healthy,
    }
}
