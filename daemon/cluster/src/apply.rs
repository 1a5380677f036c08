//! One server-side apply.
//!
//! Always: one PATCH, without force. An object whose uid is known is written under that uid and nothing else is asked;
//! any other is looked at first, since the server lets an apply co-own what somebody else made.

use taffrail_model::Uid;
use taffrail_ports::cluster::{Applied, FIELD_MANAGER, WriteError, WriteErrorKind};

use crate::look::Looked;
use crate::place::{Place, Precondition};
use crate::prepare::Prepared;
use crate::refusal::{Refusal, one_line, unreachable};
use crate::server::NoAnswer;

/// Writes `prepared`, to the object with `uid` if one is given.
pub(crate) async fn apply(place: &Place, prepared: &Prepared, uid: Option<Uid>) -> Result<Applied, WriteError> {
    let uid = match uid {
        Some(uid) => Some(uid),
        None => place.look().await?.map(|found| ours(found, prepared)).transpose()?,
    };
    let precondition = uid.as_ref().map_or(Precondition::Absent, Precondition::Uid);
    let answer = place.apply(&prepared.body, FIELD_MANAGER, precondition, false).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(none @ NoAnswer::TimedOut(_)) => return Err(unsure(place, none.to_string()).await),
        Err(none) => return Err(unreachable(&none)),
    };
    if !answer.is_success() {
        return Err(refused(place, uid, &place.refusal(&answer)).await);
    }
    let written = Looked::read(&answer).map_err(|none| unreachable(&none))?.staying()?;
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
fn ours(found: Looked, prepared: &Prepared) -> Result<Uid, WriteError> {
    let refused = |message: String| Err(WriteError { kind: WriteErrorKind::Refused, message: one_line(&message) });
    let found = found.staying()?;
    match found.mark() {
        Some(mark) if mark == prepared.mark => Ok(found.uid()),
        Some(mark) => refused(format!("it exists and belongs to {mark}")),
        None => refused(format!("it exists and was not made by Taffrail (field managers: {})", found.managers())),
    }
}

async fn refused(place: &Place, uid: Option<Uid>, refusal: &Refusal) -> WriteError {
    if matches!(refusal.code, 408 | 504) {
        return unsure(place, refusal.words(place.object.is_secret())).await;
    }
    // The server finds conflicts before it compares uids: one with another object of the name is none of ours.
    if let Some(uid) = uid.filter(|_| refusal.is_field_conflict())
        && let Ok(found) = place.look().await
        && found.is_none_or(|found| found.uid() != uid)
    {
        let message = "another object has its name".to_owned();
        return WriteError { kind: WriteErrorKind::Gone, message };
    }
    refusal.of_write(&place.object)
}

/// A write whose outcome is not known, and what a look afterwards shows.
async fn unsure(place: &Place, words: String) -> WriteError {
    let shown = match place.look().await {
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
