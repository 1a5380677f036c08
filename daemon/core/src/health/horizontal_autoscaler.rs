//! HorizontalPodAutoscalers: healthy when they can read their metrics and scale. Reported only: metrics come minutes
//! after the pods, and a wrong one stops no pod.

use taffrail_model::Health;
use taffrail_model::health::DegradationCause;

use super::Neighbours;
use super::verdict::{degraded, progressing};
use super::view::View;

pub fn judge(autoscaler: View<'_>, _: &Neighbours<'_>) -> Health {
    let inactive = autoscaler.fails("ScalingActive");
    // Its target has no replicas.
    if inactive.is_some_and(|condition| condition.reason() == "ScalingDisabled") {
        return Health::Suspended;
    }
    match (autoscaler.fails("AbleToScale").or(inactive), autoscaler.condition("AbleToScale")) {
        (Some(condition), _) => degraded(DegradationCause::Other, &condition.to_string()),
        (None, None) => progressing("its controller has not seen it yet"),
        (None, Some(_)) => Health::Healthy,
    }
}
