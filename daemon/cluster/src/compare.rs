//! What an apply would do, as the server says in a dry run.
//!
//! Always: nothing is changed, and no Secret is asked for.

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;
use taffrail_model::Replicas;
use taffrail_ports::cluster::{Comparison, FIELD_MANAGER, WriteError};

use crate::place::Place;
use crate::prepare::Prepared;
use crate::refusal::unreachable;
use crate::replicas;
use crate::server::Answer;

const JSON: &str = "application/json";

/// Compares `prepared` with what is at `place`.
pub(crate) async fn compare(place: &Place, prepared: &Prepared, replicas: Replicas) -> Result<Comparison, WriteError> {
    let live = match place.get(JSON).await? {
        Some(answer) => Some(object(&answer)?),
        None => None,
    };
    let body = match (replicas, &live) {
        (Replicas::Autoscaled, Some(live)) => {
            let set = live.pointer("/spec/replicas").and_then(Value::as_i64);
            replicas::with(prepared.body.clone(), set)
        }
        _ => prepared.body.clone(),
    };
    let query = format!("?fieldManager={FIELD_MANAGER}&force=true&fieldValidation=Strict&dryRun=All");
    let request =
        place.request(Method::PATCH, &query).header(CONTENT_TYPE, "application/apply-patch+yaml").header(ACCEPT, JSON);
    let answer = place.ask("compare", request, body.to_bytes()).await.map_err(|none| unreachable(&none))?;
    if answer.is_success() {
        return Ok(Comparison { live, after: object(&answer)? });
    }
    let refusal = place.refusal(&answer);
    // In a namespace that is to be made as well nothing can be tried.
    if live.is_none() && refusal.is_absence_of_namespace() {
        return Ok(Comparison { live, after: body.into_value() });
    }
    Err(refusal.of_write(&place.object))
}

fn object(answer: &Answer) -> Result<Value, WriteError> {
    let mut object: Value = answer.json().map_err(|none| unreachable(&none))?;
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    Ok(object)
}
