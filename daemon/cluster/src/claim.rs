//! The claim on an application: a ConfigMap that says whose it is.
//!
//! Always: it is written only over what was looked at, so that of two who claim at one moment one is told of the other.

use serde_json::json;
use taffrail_model::claim::CLAIM_ANNOTATION;
use taffrail_model::{Holder, Manifest};
use taffrail_ports::cluster::{APPLICATION_LABEL, Claim, Claimed, FIELD_MANAGER, WriteError, WriteErrorKind};

use crate::look::Looked;
use crate::place::{Place, Precondition};
use crate::refusal::{one_line, unreachable};

/// Most looks, when others write the claim between ours and the write.
const MOST_LOOKS: usize = 5;

/// Writes `claim` at `place`, if it may.
pub(crate) async fn claim(place: &Place, claim: &Claim) -> Result<Claimed, WriteError> {
    let body = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": place.object.name, "namespace": place.object.namespace,
            "labels": { APPLICATION_LABEL: claim.application.as_str() },
            "annotations": { CLAIM_ANNOTATION: claim.holder.mark() },
        },
    });
    let body = Manifest::new(body).expect("it has apiVersion, kind and name");
    for _ in 0..MOST_LOOKS {
        let found = place.look().await?.map(Looked::staying).transpose()?;
        match found.as_ref().map(|found| holder(found, claim)).transpose()?.flatten() {
            Some(holder) if holder == claim.holder => return Ok(Claimed::Held),
            Some(holder) if claim.over.as_ref() != Some(&holder) => return Ok(Claimed::By(holder)),
            _ => {}
        }
        let precondition = found.as_ref().map_or(Precondition::Absent, Precondition::Unchanged);
        let answer = place.apply(&body, FIELD_MANAGER, precondition, true).await.map_err(|e| unreachable(&e))?;
        match answer.code {
            200 | 201 => return Ok(Claimed::Held),
            409 => {} // It was changed or made since the look.
            _ => return Err(place.refusal(&answer).of_write(&place.object)),
        }
    }
    let message = format!("{} was written by others at every try", place.object);
    Err(WriteError { kind: WriteErrorKind::Transient(None), message })
}

/// Who holds what was found; nobody when the application's claim lost its annotation.
fn holder(found: &Looked, claim: &Claim) -> Result<Option<Holder>, WriteError> {
    let refused = |message: &str| WriteError { kind: WriteErrorKind::Refused, message: one_line(message) };
    match found.annotation(CLAIM_ANNOTATION) {
        Some(mark) => mark.parse().map(Some).map_err(|error| refused(&format!("the claim cannot be read: {error}"))),
        None if found.label(APPLICATION_LABEL) == Some(claim.application.as_str()) => Ok(None),
        None => Err(refused("a ConfigMap that has the name of the claim was not made by Taffrail")),
    }
}
