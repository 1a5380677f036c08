//! `POST /hooks/{repository}`: a Git server says that something was pushed.
//!
//! Always: what a hook says is never parsed or trusted; it only brings the next poll forward. The body is taken up to a
//! limit, before anything else is done with it, and few at once. A repository is polled for hints at most once in
//! [`APART`], and after the last hint once more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use taffrail_model::RepositoryName;
use tokio::time::Instant;

use crate::app::App;
use crate::body;
use crate::problem::Problem;
use crate::routes::NoParameters;

/// The largest hook; GitHub's own limit is 25 MB, but a push is far smaller.
const LARGEST: usize = 1 << 20;
/// The least time between two polls of a repository that were hinted at.
const APART: Duration = Duration::from_secs(1);

/// When each repository may be hinted at next.
#[derive(Default)]
pub(crate) struct Hints(Mutex<BTreeMap<RepositoryName, Instant>>);

impl Hints {
    /// When this hint is passed on; never when one that was not passed on yet says the same.
    fn due(&self, repository: &RepositoryName, now: Instant) -> Option<Instant> {
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = times.entry(repository.clone()).or_insert(now);
        if *next > now + APART {
            return None;
        }
        let due = (*next).max(now);
        *next = due + APART;
        Some(due)
    }
}

/// `POST /hooks/{repository}`
pub(crate) async fn hook(
    State(app): State<Arc<App>>,
    _: NoParameters,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let name = name.ok().and_then(|Path(name)| name.parse::<RepositoryName>().ok());
    let secret = name.and_then(|name| {
        let secret = app.readers.keys.borrow().hooks.get(&name).cloned();
        secret.map(|secret| (name, secret))
    });
    let Some((name, secret)) = secret else {
        return Err(Problem::not_found("there is no hook of this name: `hook` of a repository makes one"));
    };
    let busy = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many hooks come at once: try again");
    let _place = app.hooks.try_acquire().map_err(|_| busy())?;
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(body::too_large(LARGEST));
    }
    let body = body::read(body, LARGEST, app.readers.options.header_timeout).await?;
    if !secret.signed(&headers, &body) {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the signature is missing or wrong"));
    }
    if let Some(due) = app.hints.due(&name, Instant::now()) {
        let app = app.clone();
        tokio::spawn(async move {
            tokio::time::sleep_until(due).await;
            app.readers.orders.hint(name).await;
        });
    }
    Ok(StatusCode::ACCEPTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_hints_the_first_is_passed_on_at_once_and_one_more_after_them() {
        let (hints, shop) = (Hints::default(), "shop".parse().unwrap());
        let now = Instant::now();
        assert_eq!(hints.due(&shop, now), Some(now));
        assert_eq!(hints.due(&shop, now), Some(now + APART));
        assert_eq!(hints.due(&shop, now), None);
        assert_eq!(hints.due(&"web".parse().unwrap(), now), Some(now));
        assert_eq!(hints.due(&shop, now + APART), Some(now + APART * 2));
        assert_eq!(hints.due(&shop, now + APART * 6), Some(now + APART * 6));
    }
}
