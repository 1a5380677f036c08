//! One delete, in the background, bound to a uid.
//!
//! Always: an object without our annotation, or with another uid, is not deleted.

use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::json;
use taffrail_model::Uid;
use taffrail_ports::cluster::{Deleted, Owner, WriteError, WriteErrorKind};
use tokio::time::Instant;

use crate::place::Place;
use crate::refusal::{one_line, unreachable};
use crate::server::METADATA;

const FIRST_LOOK: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Deletes the object with `uid`, or the one that bears the mark of `owner`.
pub(crate) async fn delete(place: &Place, owner: &Owner, uid: Option<Uid>) -> Result<Deleted, WriteError> {
    let object = &place.object;
    let uid = match uid {
        Some(uid) => uid,
        None => match place.look().await? {
            Some(found) if found.mark().is_some_and(|mark| owner.bears(mark, object)) => found.uid(),
            _ => return Ok(Deleted::Absent),
        },
    };
    let options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "preconditions": { "uid": uid },
    });
    let request = place.request(Method::DELETE, "").header(CONTENT_TYPE, "application/json").header(ACCEPT, METADATA);
    let answer = {
        let _timer = place.inner.server.metrics.apply_seconds.with_label_values(&["delete"]).start_timer();
        place.ask("delete", request, options.to_string().into_bytes()).await.map_err(|e| unreachable(&e))?
    };
    if answer.is_success() {
        return Ok(Deleted::Gone(uid));
    }
    let refusal = place.refusal(&answer);
    if refusal.is_absence_of(object) {
        return Ok(Deleted::Absent);
    }
    if refusal.code != 409 {
        return Err(refusal.of_write(object));
    }
    // Another uid, a namespace that is being emptied, or a race: the object tells.
    match place.look().await? {
        Some(found) if found.uid() == uid && found.is_going() => Ok(Deleted::Gone(uid)),
        Some(found) if found.uid() == uid => Err(refusal.of_write(object)),
        _ => Ok(Deleted::Absent),
    }
}

/// Waits until the object with `uid` is no more.
pub(crate) async fn gone(place: &Place, uid: &Uid) -> Result<(), WriteError> {
    let deadline = Instant::now() + LONGEST_WAIT;
    let mut pause = FIRST_LOOK;
    loop {
        let Some(found) = place.look().await?.filter(|found| found.uid() == *uid) else {
            return Ok(());
        };
        if Instant::now() >= deadline {
            let message = match found.finalizers() {
                none if none.is_empty() => "it is still there".to_owned(),
                finalizers => format!("it is still there, and waits for the finalizers {finalizers}"),
            };
            return Err(WriteError { kind: WriteErrorKind::Transient(None), message: one_line(&message) });
        }
        tokio::time::sleep(pause).await;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}
