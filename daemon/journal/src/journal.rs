//! The journal as others see it. Reads go to the store directly and show nothing above the acknowledged head; writes go
//! to the writer.

use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use taffrail_model::{Digest, Envelope, Event, Seq};
use taffrail_ports::journal::{
    Document, EventPage, EventQuery, ExportError, Exported, Head, Journal, JournalError, Snapshot, StoredEvent,
};
use tokio::sync::watch;

use crate::export::Reads;
use crate::head::Mark;
use crate::key::Keys;
use crate::paths::Paths;
use crate::store::Store;
use crate::verify::{self, Verified};
use crate::writer::{self, QUEUE, Request};
use crate::{disk, documents, export, query, snapshot};

/// The journal in sled. Dropping it closes it cleanly.
pub struct SledJournal {
    shared: Arc<Shared>,
    /// None while it is being dropped.
    requests: Option<SyncSender<Request>>,
    writer: Option<JoinHandle<()>>,
    saving: Mutex<()>,
    pub(crate) installation: String,
    /// Held, not read; released after the writer has stopped.
    _lock: File,
}

/// What the writer and the readers share.
pub(crate) struct Shared {
    pub(crate) paths: Paths,
    pub(crate) keys: Keys,
    cache: u64,
    minimum_free: AtomicU64,
    /// None after a failed write, until it is opened again.
    store: RwLock<Option<Store>>,
    head: RwLock<Head>,
    newest: watch::Sender<Seq>,
}

impl Shared {
    pub(crate) fn new(paths: Paths, keys: Keys, cache: u64, minimum_free: u64, store: Store, head: Head) -> Self {
        Self {
            paths,
            keys,
            cache,
            minimum_free: minimum_free.into(),
            store: RwLock::new(Some(store)),
            newest: watch::Sender::new(head.seq),
            head: RwLock::new(head),
        }
    }

    pub(crate) fn minimum_free(&self) -> u64 {
        self.minimum_free.load(Ordering::Relaxed)
    }

    /// Refuses when less than the minimum would be free after writing `bytes`.
    pub(crate) fn room(&self, bytes: u64) -> Result<(), JournalError> {
        disk::room(&self.paths.data, self.minimum_free(), bytes)
    }

    pub(crate) fn head(&self) -> Head {
        self.head.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn mark(&self) -> Mark {
        let head = self.head();
        Mark { seq: head.seq, hash: head.hash }
    }

    /// Shows a head that is on the disk.
    pub(crate) fn publish(&self, head: Head) {
        let seq = head.seq;
        *self.head.write().unwrap_or_else(PoisonError::into_inner) = head;
        self.newest.send_if_modified(|newest| std::mem::replace(newest, seq) != seq);
    }

    /// Opens the store again if a failed write closed it.
    pub(crate) fn ensure_open(&self) -> Result<(), JournalError> {
        let closed = self.store.read().unwrap_or_else(PoisonError::into_inner).is_none();
        if closed { self.reopen() } else { Ok(()) }
    }

    /// Closes the store and opens it again, without anything that was not acknowledged.
    pub(crate) fn reopen(&self) -> Result<(), JournalError> {
        let mut slot = self.store.write().unwrap_or_else(PoisonError::into_inner);
        *slot = None;
        let store = Store::open(&self.paths.folder, self.cache)?;
        let mark = self.mark();
        if mark != Mark::NONE && store.existing_event(mark.seq)?.event.hash != mark.hash {
            return Err(self.failed(format!("event {} is not what was acknowledged", mark.seq)));
        }
        store.cut(mark)?;
        *slot = Some(store);
        Ok(())
    }

    /// Closes the store. Says whether it was open.
    pub(crate) fn close(&self) -> bool {
        self.store.write().unwrap_or_else(PoisonError::into_inner).take().is_some()
    }

    fn failed(&self, reason: impl Into<String>) -> JournalError {
        JournalError::Store { path: self.paths.folder.display().to_string(), reason: reason.into() }
    }
}

impl Reads for Shared {
    /// Runs `with` on the store, which stays open meanwhile.
    fn read<T>(&self, with: impl FnOnce(&Store) -> Result<T, JournalError>) -> Result<T, JournalError> {
        match &*self.store.read().unwrap_or_else(PoisonError::into_inner) {
            Some(store) => with(store),
            None => Err(self.failed("it is closed after a failed write and could not be opened again yet")),
        }
    }
}

impl SledJournal {
    pub(crate) fn start(shared: Shared, lock: File) -> Self {
        let shared = Arc::new(shared);
        let (requests, received) = mpsc::sync_channel(QUEUE);
        let writer = thread::Builder::new().name("journal".to_owned()).spawn({
            let shared = shared.clone();
            move || writer::run(&shared, &received)
        });
        Self {
            shared,
            requests: Some(requests),
            writer: Some(writer.expect("the system starts a thread")),
            saving: Mutex::new(()),
            installation: String::new(),
            _lock: lock,
        }
    }

    /// Changes how much space is kept free: an append that would leave less is refused.
    pub fn set_minimum_free(&self, bytes: u64) {
        self.shared.minimum_free.store(bytes, Ordering::Relaxed);
    }

    /// Checks every event's number, link and hash and every document's name; the error names the first bad one.
    pub fn verify(&self) -> Result<Verified, JournalError> {
        let mark = self.shared.mark();
        self.shared.read(|store| verify::all(store, &self.shared.keys, mark))
    }

    fn write(&self, envelopes: Vec<Envelope>, documents: Vec<Document>) -> Result<Vec<Event>, JournalError> {
        for document in &documents {
            let bad = |reason: &str| Err(JournalError::Document { digest: document.digest, reason: reason.to_owned() });
            if document.bytes.len() > documents::LARGEST {
                return bad("is too large");
            }
            if self.shared.keys.digest(&document.bytes, document.confidential) != document.digest {
                return bad("is not what its name says");
            }
        }
        let (answer, answered) = mpsc::sync_channel(1);
        let stopped = || self.shared.failed("its writer stopped: restart the daemon");
        let requests = self.requests.as_ref().expect("only dropping takes it");
        requests.send(Request { envelopes, documents, answer }).map_err(|_| stopped())?;
        answered.recv().map_err(|_| stopped())?
    }
}

impl Journal for SledJournal {
    fn head(&self) -> Head {
        self.shared.head()
    }

    fn installation(&self) -> String {
        self.installation.clone()
    }

    fn watch(&self) -> watch::Receiver<Seq> {
        self.shared.newest.subscribe()
    }

    fn append(&self, envelopes: Vec<Envelope>, documents: Vec<Document>) -> Result<Vec<Event>, JournalError> {
        self.write(envelopes, documents)
    }

    fn put(&self, documents: Vec<Document>) -> Result<(), JournalError> {
        self.write(Vec::new(), documents).map(drop)
    }

    fn document(&self, digest: Digest) -> Result<Vec<u8>, JournalError> {
        let stored = self.shared.read(|store| store.document(digest))?;
        documents::decode(digest, &stored, &self.shared.keys)
            .map_err(|reason| JournalError::Document { digest, reason: reason.to_owned() })
    }

    fn digest(&self, bytes: &[u8], confidential: bool) -> Digest {
        self.shared.keys.digest(bytes, confidential)
    }

    fn events(&self, after: Seq, limit: usize) -> Result<Vec<Event>, JournalError> {
        let head = self.head().seq;
        let last = after.0.saturating_add(limit as u64).min(head.0);
        self.shared.read(|store| {
            let mut events = Vec::new();
            if after.0 < last {
                let start = verify::mark(store, after)?;
                verify::chain(store, start, Seq(last), |event| events.push(event.event))?;
            }
            Ok(events)
        })
    }

    fn event(&self, seq: Seq) -> Result<Option<StoredEvent>, JournalError> {
        if seq == Seq(0) || seq > self.head().seq {
            return Ok(None);
        }
        self.shared.read(|store| store.existing_event(seq)).map(Some)
    }

    fn query(&self, query: &EventQuery) -> Result<EventPage, JournalError> {
        let head = self.head().seq;
        self.shared.read(|store| query::run(store, head, query))
    }

    fn export(&self, at: Option<Seq>, to: &mut dyn Write) -> Result<Exported, ExportError> {
        export::export(&*self.shared, &self.shared.keys, self.shared.mark(), at, to)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError> {
        let Some(snapshot) = snapshot::read(&self.shared.paths.snapshot) else { return Ok(None) };
        let event = self.event(snapshot.seq)?;
        Ok(event.filter(|event| event.event.hash == snapshot.hash).map(|_| snapshot))
    }

    fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), JournalError> {
        let _one_at_a_time = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = snapshot::to_bytes(&snapshot).map_err(|e| self.shared.failed(e.to_string()))?;
        self.shared.room(bytes.len() as u64)?;
        disk::replace(&self.shared.paths.snapshot, &bytes).map_err(|e| self.shared.failed(e.to_string()))
    }
}

impl Drop for SledJournal {
    fn drop(&mut self) {
        self.requests = None;
        // A writer that panicked left everything acknowledged on the disk, and its marker.
        let _ = self.writer.take().map(JoinHandle::join);
    }
}
