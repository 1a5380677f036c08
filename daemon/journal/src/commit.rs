//! What one group of appends writes.
//!
//! Always: the mark is the last thing written, so a crash in between leaves none of the group's events visible. Events
//! continue the head: in number, epoch and time.

use std::collections::BTreeSet;

use taffrail_model::{Digest, Envelope, Event};
use taffrail_ports::journal::{Document, Head, JournalError, StoredEvent};

use crate::documents;
use crate::head::Mark;
use crate::index;
use crate::key::Keys;
use crate::store::{BATCH_BYTES, BATCH_EVENTS, LARGEST_EVENT, Store, Write};

/// Appends that are written together.
pub(crate) struct Group {
    /// The head once it is written.
    pub(crate) head: Head,
    documents: Vec<Write>,
    names: BTreeSet<Digest>,
    events: Vec<Write>,
    count: usize,
    bytes: usize,
}

impl Group {
    pub(crate) fn new(head: Head) -> Self {
        Self { head, documents: Vec::new(), names: BTreeSet::new(), events: Vec::new(), count: 0, bytes: 0 }
    }

    /// Adds an append, whole or not at all.
    pub(crate) fn add(
        &mut self,
        store: &Store,
        keys: &Keys,
        envelopes: Vec<Envelope>,
        documents: &[Document],
    ) -> Result<Vec<Event>, JournalError> {
        let (head, events, writes) = seal(store, &self.head, envelopes)?;
        for document in documents {
            if self.names.contains(&document.digest) || store.has_document(document.digest)? {
                continue;
            }
            let stored = documents::encode(document, keys).map_err(|e| store.failed(e))?;
            self.bytes += stored.len();
            self.documents.extend(Store::set_document(document.digest, &stored));
            self.names.insert(document.digest);
        }
        self.bytes += writes.iter().map(Write::size).sum::<usize>();
        self.head = head;
        self.events.extend(writes);
        self.count += events.len();
        Ok(events)
    }

    /// Whether it fills a transaction.
    pub(crate) fn is_full(&self) -> bool {
        self.count >= BATCH_EVENTS || self.bytes >= BATCH_BYTES
    }

    /// Bytes to be written.
    pub(crate) fn size(&self) -> u64 {
        self.bytes as u64
    }

    /// What is to be written, in this order.
    pub(crate) fn writes(&mut self) -> Vec<Write> {
        let mut writes = std::mem::take(&mut self.documents);
        if !self.events.is_empty() {
            writes.append(&mut self.events);
            writes.push(Store::set_mark(Mark { seq: self.head.seq, hash: self.head.hash }));
        }
        writes
    }
}

/// Chains `envelopes` to `head`: the head after them, the events, and what stores and indexes them.
fn seal(store: &Store, head: &Head, envelopes: Vec<Envelope>) -> Result<(Head, Vec<Event>, Vec<Write>), JournalError> {
    let mut head = head.clone();
    let (mut events, mut writes) = (Vec::with_capacity(envelopes.len()), Vec::new());
    for envelope in envelopes {
        check(&head, &envelope, events.is_empty())?;
        let (event, bytes) = Event::seal(envelope, head.hash);
        if bytes.len() > LARGEST_EVENT {
            return Err(store.failed(format!("event {} is larger than {LARGEST_EVENT} bytes", event.seq())));
        }
        head = Head { seq: event.seq(), hash: event.hash, time: event.envelope.time, epoch: event.envelope.epoch };
        let stored = StoredEvent { event, bytes };
        writes.extend(Store::set_event(&stored.event, &stored.bytes));
        writes.extend(index::entries(&stored));
        events.push(stored.event);
    }
    if head.seq.0 == events.len() as u64 {
        writes.extend((!events.is_empty()).then(index::version));
    }
    Ok((head, events, writes))
}

fn check(head: &Head, envelope: &Envelope, first: bool) -> Result<(), JournalError> {
    let damaged = |reason: &str| Err(JournalError::Damaged { seq: envelope.seq, reason: reason.to_owned() });
    if envelope.seq != head.seq.next() && !first {
        return damaged("it does not follow the one before it in the same append");
    }
    if envelope.seq != head.seq.next() || envelope.epoch < head.epoch {
        let expected = taffrail_model::Seq(envelope.seq.0.saturating_sub(1));
        return Err(JournalError::Fenced { expected, found: head.seq });
    }
    if envelope.time < head.time {
        return damaged("its time is before that of the event before it");
    }
    Ok(())
}
