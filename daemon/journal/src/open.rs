//! Opening: what is refused, what is repaired, in which order.
//!
//! Always: the lock comes first; after an unclean stop the copy comes before sled. Nothing is repaired but what was never
//! acknowledged (events above the mark) and caches. At every open the last [`CHECKED`] events are verified, everything
//! when there are fewer or when the head file is missing; `verify` checks all of a longer journal.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use taffrail_model::{Actor, Digest, Envelope, Epoch, Fact, Seq, Subject, Timestamp};
use taffrail_ports::journal::{Head, Journal, JournalError};

use crate::head::{self, Mark};
use crate::journal::{Shared, SledJournal};
use crate::key::{self, Keys};
use crate::paths::Paths;
use crate::store::Store;
use crate::unclean::{self, LastStop};
use crate::{disk, index, verify};

/// How many of the newest events are verified when a journal is opened.
const CHECKED: u64 = 100_000;

/// Where a journal lies and how it is kept.
#[derive(Clone, Debug)]
pub struct Options {
    /// sled's folder, made if it is not there. The head file and others lie beside it, in the data folder.
    pub folder: PathBuf,
    /// The key of the Secrets: 32 bytes, raw or in hexadecimal. Outside of the data folder; made with a new journal.
    pub key_file: PathBuf,
    /// Bytes that stay free: an append that would leave less is refused.
    pub minimum_free: u64,
    /// Bytes of memory for sled's cache.
    pub cache: u64,
}

impl Options {
    /// Keeps 256 MiB free and takes 32 MiB of memory.
    pub fn new(folder: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), key_file: key_file.into(), minimum_free: 256 << 20, cache: 32 << 20 }
    }
}

/// An open journal.
pub struct Opened {
    /// The journal.
    pub journal: SledJournal,
    /// What a person should know about how it was found.
    pub notes: Vec<String>,
}

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the journal at {folder} is in use by another daemon: stop that one, or give this one another data folder")]
    Locked {
        /// The journal's folder.
        folder: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key would lie beside what it protects.
    #[error(
        "the key of the Secrets at {file} lies inside the data folder {data}: whoever copies that folder would have both; move it elsewhere"
    )]
    KeyInside {
        /// The key file.
        file: PathBuf,
        /// The data folder.
        data: PathBuf,
    },
    /// There is a journal, but not its key.
    #[error(
        "the key of the Secrets at {file} is missing, and the journal is not empty: put the key back; without it no stored Secret can be read"
    )]
    KeyMissing {
        /// The key file.
        file: PathBuf,
    },
    /// The key file holds no key.
    #[error("{file} holds no key: 32 raw bytes or 64 hexadecimal characters are expected")]
    KeyInvalid {
        /// The key file.
        file: PathBuf,
    },
    /// The key is not the one that the journal was made with.
    #[error("the key of the Secrets at {file} is not the one that this journal was made with: put that one back")]
    KeyWrong {
        /// The key file.
        file: PathBuf,
    },
    /// The store lost events.
    #[error(
        "the journal at {folder} ends at event {found}, but event {expected} was acknowledged, says {file}: the store lost events; restore it from a backup, or see {folder}.copy"
    )]
    HeadAhead {
        /// The journal's folder.
        folder: PathBuf,
        /// The head file.
        file: PathBuf,
        /// The event that the head file names.
        expected: Seq,
        /// The newest event of the store.
        found: Seq,
    },
    /// The store holds another history.
    #[error("event {seq} of the journal at {folder} is another one than {file} says: the two do not belong together")]
    HeadDiffers {
        /// The journal's folder.
        folder: PathBuf,
        /// The head file.
        file: PathBuf,
        /// The event that both have.
        seq: Seq,
    },
    /// The head file is damaged.
    #[error("{file} cannot be read as a head file: it is damaged; run `taffrail verify`, then remove it")]
    HeadUnreadable {
        /// The head file.
        file: PathBuf,
    },
    /// There is no journal to verify.
    #[error("there is no journal at {folder}")]
    Absent {
        /// The folder.
        folder: PathBuf,
    },
    /// The store cannot be opened, or its events are damaged.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl OpenError {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }
}

impl SledJournal {
    /// Opens the journal at `options.folder`, and makes it if there is none.
    pub fn open(options: &Options) -> Result<Opened, OpenError> {
        let paths = Paths::new(&options.folder);
        disk::make_folder(&paths.data).map_err(|e| OpenError::io(&paths.data, e))?;
        key::check_place(&options.key_file, &paths.data)?;
        let lock = unclean::lock(&paths)?;
        let mut notes = Vec::new();
        let last = unclean::begin(&paths, options.minimum_free, &mut notes)?;
        let marker = paths.running.clone();
        let opened = open(options, paths, lock, &mut notes);
        if opened.is_err() && last == LastStop::Clean {
            // Refusing is no unclean stop. A marker that stays costs a copy, and nothing else.
            let _ = disk::remove(&marker);
        }
        Ok(Opened { journal: opened?, notes })
    }
}

fn open(options: &Options, paths: Paths, lock: File, notes: &mut Vec<String>) -> Result<SledJournal, OpenError> {
    let (store, mark) = open_store(options, &paths, notes)?;
    let keys = Keys::load(&options.key_file, mark == Mark::NONE, notes)?;
    let installation = if mark == Mark::NONE { None } else { Some(check_key(&store, &keys, options)?) };
    store.cut(mark)?;
    if index::ensure(&store, mark.seq)? {
        notes.push("the index of the journal was made anew".to_owned());
    }
    let head = head_of(&store, mark)?;
    unclean::opened(&paths)?;
    let shared = Shared::new(paths, keys, options.cache, options.minimum_free, store, head);
    let check = shared.keys.check;
    let mut journal = SledJournal::start(shared, lock);
    journal.installation = match installation {
        Some(installation) => installation,
        None => create(&journal, check)?,
    };
    Ok(journal)
}

/// Runs `with` on the store of a journal that no daemon has open, and leaves everything around it as it was.
pub(crate) fn offline<T>(
    options: &Options,
    with: impl FnOnce(&Store, &Keys, Mark) -> Result<T, JournalError>,
) -> Result<T, OpenError> {
    let paths = Paths::new(&options.folder);
    if !paths.folder.join("db").exists() {
        return Err(OpenError::Absent { folder: paths.folder });
    }
    let _lock = unclean::lock(&paths)?;
    let mut notes = Vec::new();
    let last = unclean::begin(&paths, options.minimum_free, &mut notes)?;
    let result = (|| {
        let (store, mark) = open_store(options, &paths, &mut notes)?;
        let keys = Keys::load(&options.key_file, false, &mut notes)?;
        if mark != Mark::NONE {
            check_key(&store, &keys, options)?;
        }
        Ok(with(&store, &keys, mark)?)
    })();
    if last == LastStop::Clean {
        disk::remove(&paths.running).map_err(|e| OpenError::io(&paths.running, e))?;
    }
    result
}

/// Opens the store and checks it against the head file and itself.
fn open_store(options: &Options, paths: &Paths, notes: &mut Vec<String>) -> Result<(Store, Mark), OpenError> {
    let expected = head::read(&paths.head)?;
    disk::make_folder(&paths.folder).map_err(|e| OpenError::io(&paths.folder, e))?;
    let store = Store::open(&paths.folder, options.cache)?;
    let mark = store.mark()?;
    let mut checked = CHECKED;
    match expected {
        Some(expected) if expected.seq > mark.seq => {
            let (folder, file) = (paths.folder.clone(), paths.head.clone());
            return Err(OpenError::HeadAhead { folder, file, expected: expected.seq, found: mark.seq });
        }
        Some(expected) if verify::mark(&store, expected.seq)? != expected => {
            let (folder, file) = (paths.folder.clone(), paths.head.clone());
            return Err(OpenError::HeadDiffers { folder, file, seq: expected.seq });
        }
        None if mark != Mark::NONE => {
            notes.push(format!("{} is missing: the whole journal was verified", paths.head.display()));
            checked = mark.seq.0;
        }
        _ => {}
    }
    let start = verify::mark(&store, Seq(mark.seq.0.saturating_sub(checked)))?;
    verify::to_head(&store, start, mark)?;
    Ok((store, mark))
}

/// Checks the key against the first event; returns the installation that it names.
fn check_key(store: &Store, keys: &Keys, options: &Options) -> Result<String, OpenError> {
    match store.existing_event(Seq(1))?.event.envelope.fact {
        Fact::JournalCreated { installation, key_check } if key_check == keys.check => Ok(installation),
        Fact::JournalCreated { .. } => Err(OpenError::KeyWrong { file: options.key_file.clone() }),
        _ => Err(JournalError::Damaged { seq: Seq(1), reason: "it is not JournalCreated".to_owned() }.into()),
    }
}

fn head_of(store: &Store, mark: Mark) -> Result<Head, JournalError> {
    if mark == Mark::NONE {
        return Ok(Head { seq: mark.seq, hash: mark.hash, time: Timestamp::UNIX_EPOCH, epoch: Epoch(1) });
    }
    let envelope = store.existing_event(mark.seq)?.event.envelope;
    Ok(Head { seq: mark.seq, hash: mark.hash, time: envelope.time, epoch: envelope.epoch })
}

/// Writes the first event; returns the installation's name.
fn create(journal: &SledJournal, key_check: Digest) -> Result<String, JournalError> {
    let mut name = [0; 8];
    aws_lc_rs::rand::fill(&mut name).expect("the system has randomness");
    let installation = hex::encode(name);
    let milliseconds = Timestamp::now().as_millisecond();
    let envelope = Envelope {
        seq: Seq(1),
        epoch: Epoch(1),
        id: "1-1".to_owned(),
        time: Timestamp::from_millisecond(milliseconds).expect("it was a time"),
        subject: Subject::System,
        actor: Actor::daemon(),
        cause: None,
        sync: None,
        fact: Fact::JournalCreated { installation: installation.clone(), key_check },
    };
    journal.append(vec![envelope], Vec::new())?;
    Ok(installation)
}
