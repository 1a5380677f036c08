//! Checking the chain and the documents.

use taffrail_model::{Digest, Seq};
use taffrail_ports::journal::{JournalError, StoredEvent};

use crate::documents;
use crate::head::Mark;
use crate::key::Keys;
use crate::open::{self, OpenError, Options};
use crate::store::Store;

/// What was checked and found good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many events.
    pub events: u64,
    /// How many documents.
    pub documents: u64,
    /// The hash of the newest event.
    pub head: Digest,
}

/// Checks a journal that no daemon has open: as [`crate::SledJournal::verify`], and the head file. Writes nothing but
/// what sled itself repairs when it opens a folder; after an unclean stop a copy is made first, as at a start.
pub fn verify_folder(options: &Options) -> Result<Verified, OpenError> {
    open::offline(options, all)
}

/// Checks everything up to `head`.
pub(crate) fn all(store: &Store, keys: &Keys, head: Mark) -> Result<Verified, JournalError> {
    to_head(store, Mark::NONE, head)?;
    let mut documents = 0;
    for digest in store.document_names() {
        let digest = digest?;
        documents::decode(digest, &store.document(digest)?, keys)
            .map_err(|reason| JournalError::Document { digest, reason: reason.to_owned() })?;
        documents += 1;
    }
    Ok(Verified { events: head.seq.0, documents, head: head.hash })
}

/// Checks the events after `start` up to `head`.
pub(crate) fn to_head(store: &Store, start: Mark, head: Mark) -> Result<(), JournalError> {
    let last = chain(store, start, head.seq, |_| {})?;
    if last != head {
        return Err(JournalError::Damaged { seq: head.seq, reason: "its hash is not the recorded one".to_owned() });
    }
    Ok(())
}

/// Reads the events after `start` up to `last`, each checked against its hash and the one before.
pub(crate) fn chain(
    store: &Store,
    start: Mark,
    last: Seq,
    mut each: impl FnMut(StoredEvent),
) -> Result<Mark, JournalError> {
    let mut mark = start;
    while mark.seq < last {
        let event = after(store, mark)?;
        mark = Mark { seq: event.event.seq(), hash: event.event.hash };
        each(event);
    }
    Ok(mark)
}

/// The event that follows `mark`, checked to do so.
pub(crate) fn after(store: &Store, mark: Mark) -> Result<StoredEvent, JournalError> {
    let seq = mark.seq.next();
    let event = store.existing_event(seq)?;
    if event.event.previous != mark.hash {
        return Err(JournalError::Damaged { seq, reason: format!("it does not follow event {}", mark.seq) });
    }
    Ok(event)
}

/// The mark of event `seq`.
pub(crate) fn mark(store: &Store, seq: Seq) -> Result<Mark, JournalError> {
    if seq == Seq(0) {
        return Ok(Mark::NONE);
    }
    Ok(Mark { seq, hash: store.existing_event(seq)?.event.hash })
}
