//! sled's trees, and what is in them.
//!
//! Always: a transaction is at most 100 events and 64 KB, over all trees, and is on the disk before the next one starts
//! [M: larger ones can open as an empty store after a power loss]. Values are cut into parts; part 0 of a document is
//! written last, so a document with a part 0 is whole. Events above the mark do not count.

use std::fmt::Display;
use std::fs::{File, TryLockError};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sled::transaction::{ConflictableTransactionError, Transactional};
use sled::{Batch, Db, Tree};
use taffrail_model::{Digest, Event, Seq};
use taffrail_ports::journal::{JournalError, StoredEvent};

use crate::head::Mark;

/// Most events of a transaction.
pub(crate) const BATCH_EVENTS: usize = 100;
/// Most bytes of a transaction; but one value always goes.
pub(crate) const BATCH_BYTES: usize = 64 << 10;
/// Largest event.
pub(crate) const LARGEST_EVENT: usize = 16 << 20;

/// Bytes of one part of a value. sled writes a page of 128 KiB or more as a blob, which it never fsyncs, and a page holds
/// up to 17 values before it is split [M: parts of 48 KiB made blobs].
const PART: usize = 6 << 10;
/// How often opening is tried while sled's threads still let go of the folder, 10 ms apart.
const OPEN_TRIES: usize = 300;
const MARK: &[u8] = b"mark";

/// A tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Events,
    Documents,
    Index,
    Meta,
}

/// One key to be set, or removed.
pub(crate) struct Write {
    pub(crate) place: Place,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

impl Write {
    pub(crate) fn set(place: Place, key: Vec<u8>, value: Vec<u8>) -> Self {
        Self { place, key, value: Some(value) }
    }

    pub(crate) fn size(&self) -> usize {
        self.key.len() + self.value.as_ref().map_or(0, Vec::len)
    }
}

/// An open store.
pub(crate) struct Store {
    folder: PathBuf,
    db: Db,
    events: Tree,
    documents: Tree,
    index: Tree,
    meta: Tree,
    /// The file that sled writes to, for the fdatasync that sled does not do.
    file: File,
}

impl Store {
    pub(crate) fn open(folder: &Path, cache: u64) -> Result<Self, JournalError> {
        for _ in 1..OPEN_TRIES {
            match Self::try_open(folder, cache) {
                // A store that was just dropped may still be held by sled's threads. Other daemons were ruled out by
                // our own lock.
                Err(reason) if reason.contains("could not acquire lock") => thread::sleep(Duration::from_millis(10)),
                result => return result.map_err(|reason| failed(folder, reason)),
            }
        }
        Self::try_open(folder, cache).map_err(|reason| failed(folder, reason))
    }

    fn try_open(folder: &Path, cache: u64) -> Result<Self, String> {
        // sled panics on some damage.
        let open = || -> Result<Self, String> {
            let db = sled::Config::new().path(folder).cache_capacity(cache).open().map_err(|e| e.to_string())?;
            let tree = |name: &str| db.open_tree(name).map_err(|e| e.to_string());
            let [events, documents] = [tree("events")?, tree("documents")?];
            let [index, meta] = [tree("index")?, tree("meta")?];
            let file = File::options().read(true).write(true).open(folder.join("db")).map_err(|e| e.to_string())?;
            Ok(Self { folder: folder.to_owned(), db, events, documents, index, meta, file })
        };
        panic::catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| Err("sled panicked: it is damaged".to_owned()))
    }

    /// Waits until sled let go of the folder of a store that was just dropped.
    pub(crate) fn wait_until_closed(folder: &Path) -> Result<(), JournalError> {
        let file = File::open(folder.join("db")).map_err(|e| failed(folder, e))?;
        for _ in 0..OPEN_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(()),
                Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
                Err(TryLockError::Error(error)) => return Err(failed(folder, error)),
            }
        }
        Err(failed(folder, "sled does not let go of it"))
    }

    /// An error of this store.
    pub(crate) fn failed(&self, reason: impl Display) -> JournalError {
        failed(&self.folder, reason)
    }

    /// Makes `writes` durable, in order, in as many transactions as it takes.
    pub(crate) fn commit(&self, writes: &[Write]) -> Result<(), JournalError> {
        let mut rest = writes;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(fitting(rest));
            self.transact(now)?;
            self.db.flush().map_err(|e| self.failed(e))?;
            self.file.sync_data().map_err(|e| self.failed(e))?;
            rest = later;
        }
        Ok(())
    }

    fn transact(&self, writes: &[Write]) -> Result<(), JournalError> {
        let batch = |place: Place| {
            let mut batch = Batch::default();
            for write in writes.iter().filter(|w| w.place == place) {
                match &write.value {
                    Some(value) => batch.insert(write.key.as_slice(), value.as_slice()),
                    None => batch.remove(write.key.as_slice()),
                }
            }
            batch
        };
        let batches = [Place::Events, Place::Documents, Place::Index, Place::Meta].map(batch);
        (&self.events, &self.documents, &self.index, &self.meta)
            .transaction(|(events, documents, index, meta)| {
                for (tree, batch) in [events, documents, index, meta].into_iter().zip(&batches) {
                    tree.apply_batch(batch)?;
                }
                Ok::<_, ConflictableTransactionError<()>>(())
            })
            .map_err(|e| self.failed(format!("{e:?}")))
    }

    /// The newest event that counts.
    pub(crate) fn mark(&self) -> Result<Mark, JournalError> {
        let Some(bytes) = self.meta(MARK)? else { return Ok(Mark::NONE) };
        serde_json::from_slice(&bytes).map_err(|_| self.failed("the mark of the newest event is damaged"))
    }

    /// What sets the mark.
    pub(crate) fn set_mark(mark: Mark) -> Write {
        Write::set(Place::Meta, MARK.to_vec(), mark.to_bytes())
    }

    /// Makes `mark` the newest event: what an interrupted append left above it goes.
    pub(crate) fn cut(&self, mark: Mark) -> Result<(), JournalError> {
        let above = self.events.range(mark.seq.next().0.to_be_bytes()..).keys();
        let mut writes = Vec::new();
        if self.mark()? != mark {
            writes.push(Self::set_mark(mark));
        }
        for key in above {
            let key = key.map_err(|e| self.failed(e))?.to_vec();
            writes.push(Write { place: Place::Events, key, value: None });
        }
        self.commit(&writes)
    }

    /// A value of `meta`.
    pub(crate) fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(self.meta.get(key).map_err(|e| self.failed(e))?.map(|v| v.to_vec()))
    }

    /// The index.
    pub(crate) fn index(&self) -> &Tree {
        &self.index
    }

    /// What stores an event.
    pub(crate) fn set_event(event: &Event, bytes: &[u8]) -> Vec<Write> {
        let value = [event.hash.as_bytes().as_slice(), bytes].concat();
        parts(Place::Events, &event.seq().0.to_be_bytes(), &value)
    }

    /// One event, checked against its number and hash.
    pub(crate) fn event(&self, seq: Seq) -> Result<Option<StoredEvent>, JournalError> {
        let damaged = |reason: String| JournalError::Damaged { seq, reason };
        let Some(value) = self.read_parts(&self.events, &seq.0.to_be_bytes())? else { return Ok(None) };
        let value = value.map_err(|reason| damaged(reason.to_owned()))?;
        let (hash, bytes) = value.split_first_chunk::<32>().ok_or_else(|| damaged("is cut short".to_owned()))?;
        let event = Event::from_bytes(bytes).map_err(|e| damaged(e.to_string()))?;
        if event.hash != Digest::from(*hash) {
            return Err(damaged("its content does not give its hash".to_owned()));
        }
        if event.seq() != seq {
            return Err(damaged(format!("it says that it is event {}", event.seq())));
        }
        Ok(Some(StoredEvent { event, bytes: bytes.to_vec() }))
    }

    /// One event that must be there.
    pub(crate) fn existing_event(&self, seq: Seq) -> Result<StoredEvent, JournalError> {
        self.event(seq)?.ok_or_else(|| JournalError::Damaged { seq, reason: "it is missing".to_owned() })
    }

    /// What stores a document.
    pub(crate) fn set_document(digest: Digest, stored: &[u8]) -> Vec<Write> {
        parts(Place::Documents, digest.as_bytes(), stored)
    }

    /// Whether a document is there.
    pub(crate) fn has_document(&self, digest: Digest) -> Result<bool, JournalError> {
        self.documents.contains_key(part_key(digest.as_bytes(), 0)).map_err(|e| self.failed(e))
    }

    /// The stored form of a document.
    pub(crate) fn document(&self, digest: Digest) -> Result<Vec<u8>, JournalError> {
        let bad = |reason: &str| JournalError::Document { digest, reason: reason.to_owned() };
        let value = self.read_parts(&self.documents, digest.as_bytes())?.ok_or_else(|| bad("is not there"))?;
        value.map_err(bad)
    }

    /// The first document whose name comes after `name`: the name and the stored form.
    pub(crate) fn document_after(&self, name: Option<Digest>) -> Result<Option<(Digest, Vec<u8>)>, JournalError> {
        let start = name.map_or(Vec::new(), |name| [part_key(name.as_bytes(), u16::MAX), vec![0]].concat());
        for key in self.documents.range(start..).keys() {
            let key = key.map_err(|e| self.failed(e))?;
            // One without a first part was never written to its end.
            if let Some((name, [0, 0])) = key.split_first_chunk::<32>() {
                let name = Digest::from(*name);
                return Ok(Some((name, self.document(name)?)));
            }
        }
        Ok(None)
    }

    /// The names of all documents.
    pub(crate) fn document_names(&self) -> impl Iterator<Item = Result<Digest, JournalError>> + '_ {
        self.documents.iter().keys().filter_map(|key| match key {
            Ok(key) => match key.split_first_chunk::<32>() {
                Some((digest, [0, 0])) => Some(Ok(Digest::from(*digest))),
                Some((_, [_, _])) => None,
                _ => Some(Err(self.failed("a document has a damaged name"))),
            },
            Err(error) => Some(Err(self.failed(error))),
        })
    }

    /// A value that was cut into parts; the inner error is how it is bad.
    fn read_parts(&self, tree: &Tree, name: &[u8]) -> Result<Option<Result<Vec<u8>, &'static str>>, JournalError> {
        let get = |part: u16| tree.get(part_key(name, part)).map_err(|e| self.failed(e));
        let Some(first) = get(0)? else { return Ok(None) };
        let Some((length, start)) = first.split_first_chunk::<4>() else { return Ok(Some(Err("is cut short"))) };
        let length = u32::from_be_bytes(*length) as usize;
        let mut value = start.to_vec();
        for part in 1..=u16::MAX {
            if value.len() >= length {
                break;
            }
            match get(part)? {
                Some(bytes) => value.extend_from_slice(&bytes),
                None => break,
            }
        }
        Ok(Some(if value.len() == length { Ok(value) } else { Err("has not all of its parts") }))
    }
}

fn failed(folder: &Path, reason: impl Display) -> JournalError {
    JournalError::Store { path: folder.display().to_string(), reason: reason.to_string() }
}

fn part_key(name: &[u8], part: u16) -> Vec<u8> {
    [name, part.to_be_bytes().as_slice()].concat()
}

/// A value in parts, the first one last.
fn parts(place: Place, name: &[u8], value: &[u8]) -> Vec<Write> {
    let length = u32::try_from(value.len()).expect("the limits of events and documents are below 4 GB");
    let value = [length.to_be_bytes().as_slice(), value].concat();
    let parts = value.chunks(PART).zip(0..=u16::MAX);
    let mut writes: Vec<_> =
        parts.map(|(bytes, part)| Write::set(place, part_key(name, part), bytes.to_vec())).collect();
    writes.reverse();
    writes
}

/// How many of `writes`, from the start, fit into one transaction.
fn fitting(writes: &[Write]) -> usize {
    let (mut events, mut bytes) = (0, 0);
    for (count, write) in writes.iter().enumerate() {
        events += usize::from(write.place == Place::Events);
        bytes += write.size();
        if count > 0 && (events > BATCH_EVENTS || bytes > BATCH_BYTES) {
            return count;
        }
    }
    writes.len()
}
