//! One server-side apply.
//!
//! Always: one PATCH, without force. An object whose uid is known is written under that uid and nothing else is asked;
//! any other is looked at first, since the server lets an apply co-own what somebody else made.

use http::Request;
use http::header::{ACCEPT, CONTENT_TYPE};
use taffrail_model::{ObjectKey, Uid};
use taffrail_ports::cluster::{Applied, FIELD_MANAGER, WriteError, WriteErrorKind};

use crate::address::Resource;
use crate::kube_cluster::Inner;
use crate::look::{Looked, look};
use crate::prepare::Prepared;
use crate::refusal::{Refusal, one_line, unreachable};
use crate::server::{METADATA, NoAnswer};

/// Writes `prepared`, to the object with `uid` if one is given.
pub(crate) async fn apply(
    inner: &Inner,
    resource: &Resource,
    prepared: &Prepared,
    uid: Option<Uid>,
) -> Result<Applied, WriteError> {
    let uid = match uid {
        Some(uid) => Some(uid),
        None => look(inner, resource, &prepared.key).await?.map(|found| ours(&found, prepared)).transpose()?,
    };
    let object = &prepared.key;
    let path = resource.object_path(object.namespace.as_deref(), &object.name);
    let request = Request::patch(format!("{path}?fieldManager={FIELD_MANAGER}&force=false&fieldValidation=Strict"))
        .header(CONTENT_TYPE, "application/apply-patch+yaml") // JSON is YAML
        .header(ACCEPT, METADATA)
        .body(prepared.bytes(uid.as_ref()))
        .expect("paths are encoded");
    let answer = {
        let _timer = inner.server.metrics.apply_seconds.with_label_values(&["apply"]).start_timer();
        inner.server.ask("apply", request).await
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(none @ NoAnswer::TimedOut(_)) => return Err(unsure(inner, resource, object, none.to_string()).await),
        Err(none) => return Err(unreachable(&none)),
    };
    if !answer.is_success() {
        let refusal = Refusal::read(&answer);
        inner.learn_from(&refusal, resource, object);
        return Err(refused(inner, resource, object, uid, &refusal).await);
    }
    let written = Looked::read(&answer).map_err(|none| unreachable(&none))?;
    if written.is_going() {
        return Err(going(&written));
    }
    Ok(Applied {
        uid: written.uid(),
        created: answer.code == 201,
        resource_version: written.resource_version(),
        fields: written.ours(),
        taken: Vec::new(),
        adopted: None,
    })
}

/// The uid of what was found, if it may be written.
fn ours(found: &Looked, prepared: &Prepared) -> Result<Uid, WriteError> {
    let refused = |message: String| Err(WriteError { kind: WriteErrorKind::Refused, message: one_line(&message) });
    if found.is_going() {
        return Err(going(found));
    }
    match found.mark() {
        Some(mark) if mark == prepared.mark => Ok(found.uid()),
        Some(mark) => refused(format!("it exists and belongs to {mark}")),
        None => refused(format!("it exists and was not made by Taffrail (field managers: {})", found.managers())),
    }
}

async fn refused(
    inner: &Inner,
    resource: &Resource,
    object: &ObjectKey,
    uid: Option<Uid>,
    refusal: &Refusal,
) -> WriteError {
    if matches!(refusal.code, 408 | 504) {
        return unsure(inner, resource, object, refusal.words(object.is_secret())).await;
    }
    // The server finds conflicts before it compares uids: one with another object of the name is none of ours.
    if let Some(uid) = uid.filter(|_| refusal.is_field_conflict())
        && let Ok(found) = look(inner, resource, object).await
        && found.is_none_or(|found| found.uid() != uid)
    {
        let message = "another object has its name".to_owned();
        return WriteError { kind: WriteErrorKind::Gone, message };
    }
    refusal.of_write(object)
}

/// A write whose outcome is not known, and what a look afterwards shows.
async fn unsure(inner: &Inner, resource: &Resource, object: &ObjectKey, words: String) -> WriteError {
    let shown = match look(inner, resource, object).await {
        Ok(Some(found)) => {
            let written =
                found.written().map_or("never written by us".to_owned(), |at| format!("last written by us at {at}"));
            format!("afterwards it was there, with uid {}, {written}", found.uid())
        }
        Ok(None) => "afterwards it was not there".to_owned(),
        Err(_) => "afterwards it could not be looked at either".to_owned(),
    };
    WriteError { kind: WriteErrorKind::Unreachable, message: one_line(&format!("{words}; {shown}")) }
}

fn going(found: &Looked) -> WriteError {
    let message = match found.finalizers() {
        none if none.is_empty() => "it is being deleted".to_owned(),
        finalizers => format!("it is being deleted, and waits for the finalizers {finalizers}"),
    };
    WriteError { kind: WriteErrorKind::Transient(None), message: one_line(&message) }
}
