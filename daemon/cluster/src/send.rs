//! Sends one apply, and tells what came of it.
//!
//! Always: after a write of which nothing was heard the object is looked at, and the error says what is there.

use taffrail_model::Manifest;
use taffrail_ports::cluster::{WriteError, WriteErrorKind};

use crate::look::Looked;
use crate::place::{Place, Precondition};
use crate::refusal::{one_line, unreachable};
use crate::server::{Answer, NoAnswer};

/// What the server did with an apply.
pub(crate) enum Sent {
    /// It wrote it.
    Written { object: Looked, created: bool },
    /// Others own some of the fields, with other values.
    Contested(WriteError),
}

/// Why an apply did not go on.
pub(crate) enum Failure {
    /// Others wrote the object meanwhile: it can be looked at and tried again.
    Overtaken(WriteError),
    /// That is that.
    Final(WriteError),
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        Self::Final(error)
    }
}

/// Applies `body` as `manager`.
pub(crate) async fn send(
    place: &Place,
    body: &Manifest,
    manager: &str,
    precondition: Precondition<'_>,
    force: bool,
) -> Result<Sent, Failure> {
    let answer = place.apply(body, manager, precondition, force).await;
    if let Ok(Answer { code: 409, .. }) = &answer {
        let answer = answer.map_err(|none| unreachable(&none))?;
        let error = place.refusal(&answer).of_write(&place.object);
        return match error.kind {
            WriteErrorKind::Conflict(_) => Ok(Sent::Contested(error)),
            WriteErrorKind::Gone => Err(Failure::Final(error)),
            _ => Err(Failure::Overtaken(error)),
        };
    }
    let (object, created) = written(place, answer).await?;
    Ok(Sent::Written { object: object.staying()?, created })
}

/// The object that a write answers with, and whether it was made.
pub(crate) async fn written(place: &Place, answer: Result<Answer, NoAnswer>) -> Result<(Looked, bool), WriteError> {
    let answer = match answer {
        Ok(answer) => answer,
        Err(none @ NoAnswer::TimedOut(_)) => return Err(unsure(place, none.to_string()).await),
        Err(none) => return Err(unreachable(&none)),
    };
    if answer.is_success() {
        let object = Looked::read(&answer).map_err(|none| unreachable(&none))?;
        return Ok((object, answer.code == 201));
    }
    let refusal = place.refusal(&answer);
    if matches!(refusal.code, 408 | 504) {
        return Err(unsure(place, refusal.words(place.object.is_secret())).await);
    }
    Err(refusal.of_write(&place.object))
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
