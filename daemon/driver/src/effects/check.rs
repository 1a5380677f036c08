//! Makes a check of a gate again and again.

use std::time::Duration;

use taffrail_core::{EffectKey, Input};
use taffrail_model::configuration::{Check, ServiceTarget};

use super::{Hands, Stop};

pub(super) async fn check(
    hands: &Hands,
    key: EffectKey,
    check: Check,
    namespace: Option<String>,
    interval: Duration,
    stop: &mut Stop,
) {
    loop {
        let outcome = tokio::select! {
            biased;
            () = stop.stopped() => return,
            outcome = once(hands, &check, namespace.clone()) => outcome,
        };
        hands.give(Input::Checked { key: key.clone(), outcome }).await;
        if stop.within(interval).await {
            return;
        }
    }
}

async fn once(hands: &Hands, check: &Check, namespace: Option<String>) -> Result<(), String> {
    let (url, timeout) = match check {
        Check::Http { url, timeout, .. } => (url, timeout),
        Check::Service { target, timeout, .. } => {
            let target = ServiceTarget { namespace: target.namespace.clone().or(namespace), ..target.clone() };
            return hands.cluster.probe(target, *timeout).await;
        }
    };
    let response = hands.http.get(url).timeout(*timeout).send().await;
    match response {
        Ok(response) if response.status().is_success() => Ok(()),
        Ok(response) => Err(format!("GET {url} answers {}", response.status())),
        Err(error) if error.is_timeout() => Err(format!("GET {url} does not answer within {timeout:?}")),
        Err(error) => Err(format!("GET {url} fails: {}", root(&error))),
    }
}

/// The innermost cause, which says more than "error sending request".
fn root(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
