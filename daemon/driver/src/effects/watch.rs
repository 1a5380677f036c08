//! Passes on what a watch sees.

use std::time::Duration;

use futures_util::StreamExt;
use taffrail_core::Input;
use taffrail_model::{Watch, WatchEvent};

use super::{Hands, Stop};

/// A watch reconnects by itself. One that ended all the same is made anew after this long.
const AGAIN: Duration = Duration::from_secs(5);

pub(super) async fn watch(hands: &Hands, watch: Watch, stop: &mut Stop) {
    loop {
        let mut events = hands.cluster.watch(watch.clone());
        loop {
            let event = tokio::select! {
                biased;
                () = stop.stopped() => return,
                event = events.next() => event,
            };
            let Some(event) = event else { break };
            hands.give(Input::Seen { watch: watch.clone(), event }).await;
        }
        let event = WatchEvent::Lost("the watch ended by itself".to_owned());
        hands.give(Input::Seen { watch: watch.clone(), event }).await;
        if stop.within(AGAIN).await {
            return;
        }
    }
}
