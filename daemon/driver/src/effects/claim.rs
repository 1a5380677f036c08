//! The claim on an application, and the search for what was made for it before. Whatever fails is tried again, with
//! back-off, until it is stopped.

use std::time::Duration;

use taffrail_core::{EffectKey, Input};
use taffrail_model::{ApiVersion, ApplicationName};
use taffrail_ports::cluster::{Claim, WriteError};

use super::{Hands, Stop};

const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);

pub(super) async fn claim(hands: &Hands, key: EffectKey, claim: Claim, stop: &mut Stop) {
    let attempt = || hands.cluster.claim(claim.clone());
    if let Some(outcome) = persist(hands, &key, stop, attempt).await {
        hands.give(Input::Claimed { key, outcome }).await;
    }
}

pub(super) async fn find(
    hands: &Hands,
    key: EffectKey,
    application: ApplicationName,
    kinds: Vec<(ApiVersion, String)>,
    stop: &mut Stop,
) {
    let attempt = || hands.cluster.marked(application.clone(), kinds.clone());
    if let Some(objects) = persist(hands, &key, stop, attempt).await {
        hands.give(Input::Found { key, objects }).await;
    }
}

/// What an attempt gives once one succeeds; `None` when it is stopped before.
async fn persist<T, F: Future<Output = Result<T, WriteError>>>(
    hands: &Hands,
    key: &EffectKey,
    stop: &mut Stop,
    attempt: impl Fn() -> F,
) -> Option<T> {
    let mut back_off = FIRST_BACK_OFF;
    loop {
        let error = match attempt().await {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        hands.give(Input::Retrying { key: key.clone(), reason: error.message }).await;
        if stop.within(back_off).await {
            return None;
        }
        back_off = LONGEST_BACK_OFF.min(back_off * 2);
    }
}
