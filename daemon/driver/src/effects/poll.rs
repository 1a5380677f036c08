//! Fetches what is followed, once, when it is due.

use std::time::Duration;

use taffrail_core::{EffectKey, Input, Polled, Revision};
use taffrail_model::configuration::Repository;
use taffrail_model::{Known, RepositoryName};

use taffrail_ports::repositories::Fetched;

use super::{Hands, Stop};
use crate::run::blocking;

pub(super) async fn poll(
    hands: &Hands,
    key: EffectKey,
    name: RepositoryName,
    repository: Repository,
    known: Option<Known>,
    wait: Duration,
    stop: &mut Stop,
) {
    if stop.within(wait).await {
        return;
    }
    let Ok(_turn) = hands.polls.acquire().await else { return };
    let repositories = hands.world.repositories.clone();
    let fetching = name.clone();
    let fetched = blocking(move || repositories.fetch(&fetching, &repository, known.as_ref())).await;
    let outcome = match fetched {
        Ok(Ok(Fetched::Refused(refusal))) => Ok(Polled::Refused(refusal)),
        Ok(Ok(Fetched::Taken(observation))) => Ok(Polled::Taken(Revision {
            revision: observation.revision,
            tag: observation.tag,
            relation: observation.relation,
            commits: observation.commits,
            count: observation.count,
        })),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = &outcome {
        hands.world.metrics.poll_failures.with_label_values(&[name.as_str()]).inc();
        tracing::warn!(repository = %name, %error, "a poll failed");
    }
    hands.give(Input::Polled { key, repository: name, outcome }).await;
}
