//! Looks at one object that its watch does not see, until the server answers.

use std::time::Duration;

use taffrail_core::{EffectKey, Input};
use taffrail_model::{ApiVersion, ObjectKey};

use super::{Hands, Stop};

const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);

pub(super) async fn look(hands: &Hands, key: EffectKey, object: ObjectKey, api_version: ApiVersion, stop: &mut Stop) {
    let mut back_off = FIRST_BACK_OFF;
    loop {
        let found = tokio::select! {
            biased;
            () = stop.stopped() => return,
            found = hands.cluster.look(object.clone(), api_version.clone()) => found,
        };
        match found {
            Ok(found) => return hands.give(Input::Looked { key, found }).await,
            Err(error) => tracing::warn!(%object, reason = error.message, "an object cannot be looked at"),
        }
        if stop.within(back_off).await {
            return;
        }
        back_off = LONGEST_BACK_OFF.min(back_off * 2);
    }
}
