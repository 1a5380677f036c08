//! Folds a journal: from its snapshot, or from the first event.

use taffrail_core::State;
use taffrail_core::fold::{Document, DocumentKind, Documents, apply, required};
use taffrail_model::configuration::Configuration;
use taffrail_model::{DesiredSet, Digest, Event, FieldSet, Plan, Seq};
use taffrail_ports::journal::{Journal, JournalError, Snapshot};

/// How many events are read at once.
const PAGE: usize = 1000;

/// The journal cannot be folded.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A document that an event names does not read.
    #[error("event {seq} names the document {digest}, which cannot be read: {reason}")]
    Document {
        /// The event.
        seq: Seq,
        /// The document.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// It took longer than whoever asked waits.
    #[error("folding the journal up to there takes too long")]
    TooLong,
}

/// The state after the newest event. `code` names this build: a snapshot of another is ignored.
pub fn replay(journal: &dyn Journal, code: &str) -> Result<State, ReplayError> {
    let head = journal.head();
    let state = from_snapshot(journal, code)?.unwrap_or_else(|| State::empty(head.epoch));
    fold(journal, state, head.seq, || Ok(()))
}

/// The state after an earlier event. `go_on` may end it between two pages of events.
pub(crate) fn replay_to(
    journal: &dyn Journal,
    code: &str,
    last: Seq,
    go_on: impl Fn() -> Result<(), ReplayError>,
) -> Result<State, ReplayError> {
    let snapshot = from_snapshot(journal, code)?.filter(|state| state.seq <= last);
    fold(journal, snapshot.unwrap_or_else(|| State::empty(journal.head().epoch)), last, go_on)
}

fn fold(
    journal: &dyn Journal,
    mut state: State,
    last: Seq,
    go_on: impl Fn() -> Result<(), ReplayError>,
) -> Result<State, ReplayError> {
    while state.seq < last {
        go_on()?;
        let page = usize::try_from(last.0 - state.seq.0).unwrap_or(PAGE).min(PAGE);
        let events = journal.events(state.seq, page)?;
        if events.is_empty() {
            let reason = "it is not there, although a later one is".to_owned();
            return Err(JournalError::Damaged { seq: state.seq.next(), reason }.into());
        }
        for event in &events {
            let documents = documents(journal, event)?;
            apply(&mut state, event, &documents);
        }
    }
    Ok(state)
}

fn from_snapshot(journal: &dyn Journal, code: &str) -> Result<Option<State>, ReplayError> {
    let Some(snapshot) = journal.snapshot()? else { return Ok(None) };
    if snapshot.code != code {
        return Ok(None);
    }
    let chained = journal.event(snapshot.seq)?.is_some_and(|stored| stored.event.hash == snapshot.hash);
    Ok(if chained { State::from_bytes(&snapshot.state).ok() } else { None })
}

/// Keeps the state as a snapshot.
pub(crate) fn keep(journal: &dyn Journal, state: &State, code: &str) -> Result<(), JournalError> {
    let Some(stored) = journal.event(state.seq)? else { return Ok(()) };
    journal.save_snapshot(Snapshot {
        seq: state.seq,
        hash: stored.event.hash,
        code: code.to_owned(),
        state: state.to_bytes(),
    })
}

fn documents(journal: &dyn Journal, event: &Event) -> Result<Documents, ReplayError> {
    let seq = event.seq();
    let mut documents = Documents::new();
    for (digest, kind) in required(&event.envelope.fact) {
        let unreadable = |reason: String| ReplayError::Document { seq, digest, reason };
        let bytes = journal.document(digest).map_err(|error| unreadable(error.to_string()))?;
        let document = match kind {
            DocumentKind::Set => DesiredSet::from_bytes(&bytes).map(|set| Document::Set(set.into())),
            DocumentKind::Plan => Plan::from_bytes(&bytes).map(|plan| Document::Plan(plan.into())),
            DocumentKind::Configuration => {
                Configuration::from_bytes(&bytes).map(|configuration| Document::Configuration(configuration.into()))
            }
            DocumentKind::Fields => {
                let fields = FieldSet::from_bytes(&bytes).map_err(|error| unreadable(error.to_string()))?;
                Ok(Document::Fields(fields.into()))
            }
        };
        documents.insert(digest, document.map_err(|error| unreadable(error.to_string()))?);
    }
    Ok(documents)
}
