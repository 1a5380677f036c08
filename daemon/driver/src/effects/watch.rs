//! Passes on what a watch sees.

use futures_util::StreamExt;
use taffrail_core::Input;
use taffrail_model::{Watch, WatchEvent};

use super::{Hands, Stop};

pub(super) async fn watch(hands: &Hands, watch: Watch, stop: &mut Stop) {
    let mut events = hands.world.cluster.watch(watch.clone());
    loop {
        let event = tokio::select! {
            biased;
            () = stop.stopped() => return,
            event = events.next() => event,
        };
        let Some(event) = event else {
            let reason = "the watch ended by itself".to_owned();
            hands.give(Input::Seen { watch, event: WatchEvent::Lost(reason) }).await;
            return;
        };
        hands.give(Input::Seen { watch: watch.clone(), event }).await;
    }
}
