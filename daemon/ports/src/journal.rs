//! The journal: the log of events and the documents that lie beside them.
//!
//! Always: what `append` or `put` returned `Ok` for is durable, over kill -9 and power loss. Sequence numbers are dense.
//! All calls block and are meant for a blocking thread; reads may run beside writes.

use std::io;

use serde::{Deserialize, Serialize};
use taffrail_model::{Digest, Envelope, Epoch, Event, ObjectKey, Seq, SubjectKind, Timestamp};
use tokio::sync::watch;

/// The newest event, or `seq` 0 of an empty journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub seq: Seq,
    /// Its hash.
    pub hash: Digest,
    /// Its time; the epoch of Unix in an empty journal.
    pub time: Timestamp,
    /// The life of the journal that the next event belongs to.
    pub epoch: Epoch,
}

/// A document to be stored. Its name is its digest: keyed when it is confidential.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The name: of [`Journal::digest`] for the same bytes and confidentiality.
    pub digest: Digest,
    /// The content.
    pub bytes: Vec<u8>,
    /// Whether it is stored encrypted.
    pub confidential: bool,
}

/// Which events to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Only events after this one.
    pub after: Option<Seq>,
    /// Only events before this one.
    pub before: Option<Seq>,
    /// Only events at or after this time.
    pub since: Option<Timestamp>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// Only events of this subject kind and, with it, name.
    pub subject: Option<(SubjectKind, Option<String>)>,
    /// Only events of one of these kinds; all when empty.
    pub kinds: Vec<String>,
    /// Only events of the actor of this name.
    pub actor: Option<String>,
    /// Only events that name a revision that starts with this.
    pub revision: Option<String>,
    /// Only events about this object.
    pub object: Option<ObjectKey>,
    /// Only events of this sync or revert, its own start included.
    pub sync: Option<Seq>,
    /// At most so many.
    pub limit: usize,
    /// Newest first.
    pub descending: bool,
}

/// Events that match, and whether more would.
#[derive(Clone, Debug, PartialEq)]
pub struct EventPage {
    /// The events, with their stored bytes.
    pub events: Vec<StoredEvent>,
    /// Whether there may be more: the limit cut the rest off, or the page took as much work as one may.
    pub more: bool,
    /// When there is more, where to go on: the next page's `after`, or `before` when descending. A page that took too
    /// much work may be short or even empty.
    pub resume: Option<Seq>,
}

/// An event with the bytes that were stored for it and that its hash is made from.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// The event.
    pub event: Event,
    /// Its bytes: RFC 8785 JSON.
    pub bytes: Vec<u8>,
}

/// A cache of the fold of all events up to `seq`. Losing it loses nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last event that is folded in.
    pub seq: Seq,
    /// Its hash.
    pub hash: Digest,
    /// The version of the code that made it: another version ignores it.
    pub code: String,
    /// The state.
    pub state: Vec<u8>,
}

/// What an export holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Its last event; the first is 1.
    pub seq: Seq,
    /// The hash of that event.
    pub hash: Digest,
    /// How many documents lie beside the events.
    pub documents: u64,
}

/// Why there is no whole export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It was to end with an event that there is not.
    #[error("there is no event {at}: the newest is {head}")]
    NoSuchEvent {
        /// That event.
        at: Seq,
        /// The newest there is.
        head: Seq,
    },
    /// The journal cannot be read, or is damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Nobody takes it.
    #[error("the export cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// What went wrong with the journal.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The store could not be written or read.
    #[error("the journal at {path} failed: {reason}")]
    Store {
        /// Where it is.
        path: String,
        /// What it said.
        reason: String,
    },
    /// There is not enough free space to write safely.
    #[error("the journal at {path} has {free} bytes of free space left and needs {needed}: nothing was written")]
    NoSpace {
        /// Where it is.
        path: String,
        /// What is left.
        free: u64,
        /// What is kept free.
        needed: u64,
    },
    /// Somebody else appended: this writer's view is old.
    #[error("the journal is at event {found}, this daemon at {expected}: another daemon writes to it")]
    Fenced {
        /// The last event that this writer knew.
        expected: Seq,
        /// The last event there is.
        found: Seq,
    },
    /// An event does not follow from the one before it.
    #[error("event {seq} is damaged: {reason}")]
    Damaged {
        /// The first bad one.
        seq: Seq,
        /// How it is bad.
        reason: String,
    },
    /// A document is not there, or not what its name says.
    #[error("document {digest} {reason}")]
    Document {
        /// Its name.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
}

/// The log of events and the documents beside them.
pub trait Journal: Send + Sync + 'static {
    /// The newest event.
    fn head(&self) -> Head;

    /// Random name of this installation, from the first event.
    fn installation(&self) -> String;

    /// Told the number of the newest event after each append.
    fn watch(&self) -> watch::Receiver<Seq>;

    /// Stores `documents`, then chains and stores `envelopes`, whose numbers must follow the head. Either all events are
    /// durable when it returns, or none is stored.
    fn append(&self, envelopes: Vec<Envelope>, documents: Vec<Document>) -> Result<Vec<Event>, JournalError>;

    /// Stores documents. One that is there already is left alone.
    fn put(&self, documents: Vec<Document>) -> Result<(), JournalError>;

    /// The content of a document, checked against its name.
    fn document(&self, digest: Digest) -> Result<Vec<u8>, JournalError>;

    /// The name that a document gets.
    fn digest(&self, bytes: &[u8], confidential: bool) -> Digest;

    /// At most `limit` events after `after`, in order.
    fn events(&self, after: Seq, limit: usize) -> Result<Vec<Event>, JournalError>;

    /// One event.
    fn event(&self, seq: Seq) -> Result<Option<StoredEvent>, JournalError>;

    /// The events that match.
    fn query(&self, query: &EventQuery) -> Result<EventPage, JournalError>;

    /// Writes everything that is needed to restore the journal as it was at event `at` (the newest one when there is
    /// none given): a stream that ends abruptly where this fails. Takes as long as `to` takes, and holds up nothing.
    fn export(&self, at: Option<Seq>, to: &mut dyn io::Write) -> Result<Exported, ExportError>;

    /// The newest snapshot that is not damaged, if any.
    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError>;

    /// Keeps a snapshot in place of the last one.
    fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), JournalError>;
}
