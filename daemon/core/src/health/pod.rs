//! Pods that stand alone: healthy when ready or done. A failed one is not started again by anybody.

use taffrail_model::Health;
use taffrail_model::health::DegradationCause;

use super::verdict::{degraded, progressing, worst};
use super::view::View;
use super::{Neighbours, pods};

pub fn judge(pod: View<'_>, _: &Neighbours<'_>) -> Health {
    let failure = pods::failure(pod);
    match pod.text("/status/phase") {
        Some("Succeeded") => Health::Healthy,
        Some("Failed") => {
            let why = ["/status/reason", "/status/message"].into_iter().filter_map(|pointer| pod.text(pointer));
            let parts: Vec<&str> = why.chain(failure.as_ref().map(|failure| failure.text.as_str())).collect();
            let why = if parts.is_empty() { "its containers failed".to_owned() } else { parts.join(": ") };
            degraded(DegradationCause::Final, &why)
        }
        Some("Running") if pod.holds("Ready").is_some() => Health::Healthy,
        phase => worst(failure.into_iter().collect()).unwrap_or_else(|| {
            let phase = || format!("it is {}", phase.unwrap_or("not seen by a node yet"));
            progressing(&pods::waiting(pod).unwrap_or_else(phase))
        }),
    }
}
