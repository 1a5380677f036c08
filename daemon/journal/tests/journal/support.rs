//! A journal in a temporary folder, and events to put into it.

use std::path::{Path, PathBuf};

use taffrail_journal::{OpenError, Options, SledJournal};
use taffrail_model::{Actor, ApplicationName, Digest, Envelope, Event, Fact, ObjectKey, Seq, Subject, Timestamp, Uid};
use taffrail_ports::journal::{Document, Head, Journal};

pub struct House {
    root: tempfile::TempDir,
}

impl House {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    pub fn folder(&self) -> PathBuf {
        self.data().join("journal")
    }

    pub fn key(&self) -> PathBuf {
        self.root.path().join("secrets/key")
    }

    pub fn options(&self) -> Options {
        options(self.root.path())
    }

    pub fn open(&self) -> SledJournal {
        SledJournal::open(&self.options()).unwrap().journal
    }

    pub fn refused(&self) -> OpenError {
        match SledJournal::open(&self.options()) {
            Ok(_) => panic!("it opened"),
            Err(error) => error,
        }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Changes the closed store through sled.
    pub fn tamper(&self, with: impl FnOnce(&sled::Db)) {
        let db = sled::open(self.folder()).unwrap();
        with(&db);
        db.flush().unwrap();
    }
}

pub fn options(root: &Path) -> Options {
    Options { minimum_free: 0, cache: 16 << 20, ..Options::new(root.join("data/journal"), root.join("secrets/key")) }
}

/// `count` events that continue `head`, made of `fact`.
pub fn envelopes(head: &Head, count: u64, fact: impl Fn(u64) -> Fact) -> Vec<Envelope> {
    (head.seq.0 + 1..=head.seq.0 + count)
        .map(|seq| Envelope {
            seq: Seq(seq),
            epoch: head.epoch,
            id: format!("{}-{seq}", head.epoch.0),
            time: head.time.max(Timestamp::from_millisecond(1_790_000_000_000 + seq as i64).unwrap()),
            subject: Subject::Application("shop".parse::<ApplicationName>().unwrap()),
            actor: Actor::daemon(),
            cause: None,
            sync: None,
            fact: fact(seq),
        })
        .collect()
}

pub fn applied(seq: u64) -> Fact {
    Fact::ObjectApplied {
        object: object(seq),
        uid: Uid(format!("uid-{seq}")),
        manifest: Digest::of(&seq.to_be_bytes()),
        created: seq.is_multiple_of(2),
        resource_version: seq.to_string(),
        attempts: 1,
        fields: None,
        autoscaled: false,
    }
}

pub fn object(seq: u64) -> ObjectKey {
    format!("apps/Deployment:shop/api-{}", seq % 7).parse().unwrap()
}

pub fn append(journal: &SledJournal, count: u64) -> Vec<Event> {
    journal.append(envelopes(&journal.head(), count, applied), Vec::new()).unwrap()
}

pub fn document(journal: &SledJournal, bytes: &[u8], confidential: bool) -> Document {
    Document { digest: journal.digest(bytes, confidential), bytes: bytes.to_vec(), confidential }
}

/// Bytes that do not compress.
pub fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}
