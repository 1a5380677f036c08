//! Importing: a journal from an export, in a data folder that is empty.
//!
//! Always: nothing lies where a daemon would find it before every event's link, every document's name, the head, the
//! hash over all and the key were checked. The journal goes on in the next epoch, with the event that says so.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use taffrail_model::{Actor, Digest, Envelope, Epoch, Event, Fact, Seq, Subject, Timestamp};
use taffrail_ports::journal::{Exported, JournalError, StoredEvent};

use crate::archive::{Archive, Bad, Record};
use crate::head::{self, Mark};
use crate::key::{self, Keys};
use crate::open::{OpenError, Options};
use crate::paths::Paths;
use crate::store::{BATCH_BYTES, Store, Write};
use crate::{disk, documents, index, unclean};

/// What a new file system has in it.
const LOST_AND_FOUND: &str = "lost+found";

/// Why an export was not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is something already.
    #[error("{folder} is not empty: it holds {found}; a journal is restored into an empty folder only")]
    NotEmpty {
        /// The data folder.
        folder: PathBuf,
        /// One of what is in it.
        found: String,
    },
    /// The export is not as it was written.
    #[error("the export is damaged or was cut off: {0}")]
    Damaged(String),
    /// The place or the key is not right.
    #[error(transparent)]
    Open(#[from] OpenError),
}

impl From<Bad> for ImportError {
    fn from(Bad(reason): Bad) -> Self {
        Self::Damaged(reason)
    }
}

impl From<JournalError> for ImportError {
    fn from(error: JournalError) -> Self {
        Self::Open(error.into())
    }
}

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// What the export held.
    pub exported: Exported,
    /// The life of the journal that the export was made in.
    pub from: Epoch,
    /// The life that begins.
    pub epoch: Epoch,
    /// What a person should know about the key.
    pub notes: Vec<String>,
}

/// Checks an export as far as that is possible without its key: that it is as it was written, and its chain.
pub fn check_export(from: &mut dyn Read) -> Result<Exported, ImportError> {
    read(from, |_| Ok(())).map(|(exported, _)| exported)
}

/// Makes the journal at `options.folder` from an export. Nothing else may be in the data folder.
pub fn import(options: &Options, from: &mut dyn Read) -> Result<Imported, ImportError> {
    let paths = Paths::new(&options.folder);
    key::check_place(&options.key_file, &paths.data)?;
    check_empty(&paths)?;
    disk::make_folder(&paths.data).map_err(|e| OpenError::io(&paths.data, e))?;
    let _lock = unclean::lock(&paths)?;
    // Another import may have ended meanwhile.
    check_empty(&paths)?;
    let mut notes = Vec::new();
    let keys = Keys::load(&options.key_file, false, &mut notes)?;
    let unfinished = |e| OpenError::io(&paths.importing, e);
    disk::remove_folder(&paths.importing).map_err(unfinished)?;
    disk::make_folder(&paths.importing).map_err(unfinished)?;
    let filled = fill(options, &paths, &keys, from);
    let (exported, from, mark) = match filled {
        Ok(filled) => filled,
        Err(error) => {
            // What is left is no journal, and the next import removes it.
            let _ = disk::remove_folder(&paths.importing);
            return Err(error);
        }
    };
    let moved = disk::sync_all(&paths.importing).and_then(|()| disk::rename(&paths.importing, &paths.folder));
    moved.map_err(unfinished)?;
    head::write(&paths.head, mark).map_err(|e| OpenError::io(&paths.head, e))?;
    Ok(Imported { exported, from, epoch: Epoch(from.0 + 1), notes })
}

/// Only a journal that was not finished may be there.
fn check_empty(paths: &Paths) -> Result<(), ImportError> {
    let failed = |e| OpenError::io(&paths.data, e);
    let entries = match fs::read_dir(&paths.data) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error).into()),
    };
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let harmless = path == paths.lock || path == paths.importing || path.ends_with(LOST_AND_FOUND);
        if !harmless {
            let found = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            return Err(ImportError::NotEmpty { folder: paths.data.clone(), found });
        }
    }
    Ok(())
}

/// Writes everything into a store of its own, and closes it. Returns the newest event as well, which is a new one.
fn fill(
    options: &Options,
    paths: &Paths,
    keys: &Keys,
    from: &mut dyn Read,
) -> Result<(Exported, Epoch, Mark), ImportError> {
    let store = Store::open(&paths.importing, options.cache)?;
    let mut filling = Filling { store: &store, options, data: &paths.data, writes: Vec::new(), bytes: 0 };
    let (exported, last) = read(from, |item| match item {
        Item::Event(event) => {
            if event.event.seq() == Seq(1) {
                check_key(event, keys, options)?;
            }
            filling.event(event)
        }
        Item::Document(name, stored) => {
            documents::decode(name, stored, keys)
                .map_err(|reason| ImportError::Damaged(format!("document {name} {reason}")))?;
            filling.add(Store::set_document(name, stored))
        }
    })?;
    let epoch = last.envelope.epoch;
    let (event, bytes) = Event::seal(restored(&last), last.hash);
    let mark = Mark { seq: event.seq(), hash: event.hash };
    filling.event(&StoredEvent { event, bytes })?;
    filling.add(vec![index::version(), Store::set_mark(mark)])?;
    filling.write()?;
    drop(store);
    Store::wait_until_closed(&paths.importing)?;
    Ok((exported, epoch, mark))
}

/// The first event of the new life.
fn restored(last: &Event) -> Envelope {
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("it was a time");
    let (seq, from) = (last.seq().next(), last.envelope.epoch);
    let epoch = Epoch(from.0 + 1);
    Envelope {
        seq,
        epoch,
        id: format!("{}-{seq}", epoch.0),
        time: last.envelope.time.max(now),
        subject: Subject::System,
        actor: Actor::daemon(),
        cause: None,
        sync: None,
        fact: Fact::JournalRestored { from_epoch: from, at_seq: last.seq(), head: last.hash },
    }
}

fn check_key(first: &StoredEvent, keys: &Keys, options: &Options) -> Result<(), ImportError> {
    match &first.event.envelope.fact {
        Fact::JournalCreated { key_check, .. } if *key_check == keys.check => Ok(()),
        Fact::JournalCreated { .. } => Err(OpenError::KeyWrong { file: options.key_file.clone() }.into()),
        _ => Err(ImportError::Damaged("its first event is not JournalCreated".to_owned())),
    }
}

struct Filling<'a> {
    store: &'a Store,
    options: &'a Options,
    data: &'a Path,
    writes: Vec<Write>,
    bytes: usize,
}

impl Filling<'_> {
    fn event(&mut self, event: &StoredEvent) -> Result<(), ImportError> {
        let mut writes = Store::set_event(&event.event, &event.bytes);
        writes.extend(index::entries(event));
        self.add(writes)
    }

    fn add(&mut self, writes: Vec<Write>) -> Result<(), ImportError> {
        self.bytes += writes.iter().map(Write::size).sum::<usize>();
        self.writes.extend(writes);
        if self.bytes >= BATCH_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), ImportError> {
        disk::room(self.data, self.options.minimum_free, self.bytes as u64)?;
        self.bytes = 0;
        Ok(self.store.commit(&std::mem::take(&mut self.writes))?)
    }
}

/// What an export holds, after its place in the chain was checked.
enum Item<'a> {
    Event(&'a StoredEvent),
    Document(Digest, &'a [u8]),
}

/// Reads an export to its end. Returns its last event.
fn read(
    from: &mut dyn Read,
    mut each: impl FnMut(Item<'_>) -> Result<(), ImportError>,
) -> Result<(Exported, Event), ImportError> {
    let mut archive = Archive::open(from)?;
    let head = archive.head;
    let mut last: Option<Event> = None;
    let mut documents = 0;
    while let Some(record) = archive.next()? {
        match record {
            Record::Event(bytes) => {
                let event = follow(last.as_ref(), bytes)?;
                each(Item::Event(&event))?;
                last = Some(event.event);
            }
            Record::Document(name, stored) => {
                documents += 1;
                each(Item::Document(name, &stored))?;
            }
        }
    }
    match last {
        Some(last) if last.seq() == head.seq && last.hash == head.hash => {
            Ok((Exported { seq: head.seq, hash: head.hash, documents }, last))
        }
        _ => Err(ImportError::Damaged("it does not end with the event that it names".to_owned())),
    }
}

/// The event in `bytes`, which is to follow `last`.
fn follow(last: Option<&Event>, bytes: Vec<u8>) -> Result<StoredEvent, ImportError> {
    let event = Event::from_bytes(&bytes).map_err(|error| ImportError::Damaged(error.to_string()))?;
    let (seq, hash) = last.map_or((Seq(0), Digest::ZERO), |last| (last.seq(), last.hash));
    let in_order = last
        .is_none_or(|last| event.envelope.time >= last.envelope.time && event.envelope.epoch >= last.envelope.epoch);
    if event.seq() != seq.next() || event.previous != hash || !in_order {
        return Err(ImportError::Damaged(format!("event {} does not follow event {seq}", event.seq())));
    }
    Ok(StoredEvent { event, bytes })
}
