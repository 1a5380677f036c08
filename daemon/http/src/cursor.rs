//! Where a reader is: the last event that it knows, by its number or by its id, `EPOCH-SEQ`.
//!
//! Always: an id is that of an event of this journal. One of a life of the journal that was lost is refused, since what was
//! read then did not happen here; a number is taken as it is.

use axum::http::StatusCode;
use taffrail_model::{Epoch, Fact, Seq};
use taffrail_ports::journal::EventQuery;

use crate::app::App;
use crate::problem::Problem;

/// Restores that are looked through for the one that ended a life.
const RESTORES: usize = 1000;

/// The last event that a reader knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    epoch: Option<Epoch>,
    pub(crate) seq: Seq,
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once('-') {
            Some((epoch, seq)) => Some(Self { epoch: Some(Epoch(epoch.parse().ok()?)), seq: Seq(seq.parse().ok()?) }),
            None => Some(Self { epoch: None, seq: Seq(text.parse().ok()?) }),
        }
    }

    /// The number, if the event that is named is one of this journal.
    pub(crate) async fn check(self, app: &App) -> Result<Seq, Problem> {
        let Self { epoch: Some(epoch), seq } = self else { return Ok(self.seq) };
        let event = app.read(move |journal| journal.event(seq)).await?;
        if event.is_some_and(|event| event.event.envelope.epoch == epoch) {
            return Ok(seq);
        }
        let kinds = vec!["JournalRestored".to_owned()];
        let restores = app.query(EventQuery { kinds, limit: RESTORES, ..EventQuery::default() }).await?;
        let lost_after = restores.events.iter().find_map(|event| match event.event.envelope.fact {
            Fact::JournalRestored { from_epoch, at_seq, .. } if from_epoch == epoch => Some(at_seq),
            _ => None,
        });
        let name = format!("event {}-{seq}", epoch.0);
        let detail = match lost_after {
            Some(at) => format!(
                "{name} is lost: the journal was restored as it was at event {at}. What was read up to there holds, what was \
                 read after it does not; go on with after={at}"
            ),
            None => {
                let head = app.head().await?;
                format!("there is no {name} in this journal, whose newest is {}-{}", head.epoch.0, head.seq)
            }
        };
        Err(Problem::new(StatusCode::GONE, detail))
    }
}

/// The id of an event, which a reader may come back with.
pub(crate) async fn id(app: &App, seq: Seq) -> Result<String, Problem> {
    let event = app.read(move |journal| journal.event(seq)).await?;
    // There is no event before the first; and what the journal once showed it still has.
    Ok(event.map_or_else(|| seq.to_string(), |event| event.event.envelope.id))
}
