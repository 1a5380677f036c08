//! CustomResourceDefinitions: healthy when established, so that objects of theirs can be made.

use taffrail_model::Health;
use taffrail_model::health::DegradationCause;

use super::Neighbours;
use super::verdict::{degraded, progressing};
use super::view::View;

pub fn judge(definition: View<'_>, _: &Neighbours<'_>) -> Health {
    // Also once established: names of a later change may clash.
    if let Some(refused) = definition.fails("NamesAccepted") {
        return degraded(DegradationCause::Other, &refused.to_string());
    }
    match definition.holds("Established") {
        Some(_) => Health::Healthy,
        None => progressing("it is not established yet"),
    }
}
