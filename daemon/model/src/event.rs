//! The envelope of an event, and the chain.
//!
//! Always: an event's stored bytes are the RFC 8785 JSON of its envelope with `previous`, the hash of the event before;
//! its own hash is BLAKE3 over that previous hash and those bytes. Anyone can check the chain from an export.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::fact::Fact;
use crate::name::{ApplicationName, RepositoryName};

/// Number of an event. The first is 1; they are dense. Zero is "before the first".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The one after.
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Which life of a journal an event belongs to: a restored journal starts the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u64);

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "name", rename_all = "camelCase")]
pub enum Subject {
    /// The daemon itself and its cluster.
    System,
    /// A repository.
    Repository(RepositoryName),
    /// An application.
    Application(ApplicationName),
}

/// The kind of a [`Subject`], for queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectKind {
    /// See [`Subject::System`].
    System,
    /// See [`Subject::Repository`].
    Repository,
    /// See [`Subject::Application`].
    Application,
}

impl Subject {
    /// The application, if it is one.
    pub fn application(&self) -> Option<&ApplicationName> {
        match self {
            Self::Application(name) => Some(name),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("system"),
            Self::Repository(name) => write!(f, "repository/{name}"),
            Self::Application(name) => write!(f, "application/{name}"),
        }
    }
}

/// Who caused an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// What sort of actor.
    pub kind: ActorKind,
    /// Its name: `taffrail`, or a commit's author.
    pub name: String,
}

/// A sort of actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActorKind {
    /// The daemon, by its own rules.
    Daemon,
    /// Who wrote the newest commit of a revision.
    Author,
    /// Who gave an order.
    Person,
}

impl Actor {
    /// The daemon.
    pub fn daemon() -> Self {
        Self { kind: ActorKind::Daemon, name: "taffrail".to_owned() }
    }

    /// Who gave an order: the name that a token maps to, or of the system's user.
    pub fn person(name: &str) -> Self {
        Self { kind: ActorKind::Person, name: name.to_owned() }
    }

    /// A commit's author.
    pub fn author(name: &str) -> Self {
        Self { kind: ActorKind::Author, name: name.to_owned() }
    }
}

/// An event before it is chained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// Its number.
    pub seq: Seq,
    /// The journal's life.
    pub epoch: Epoch,
    /// Unique over all lives: `EPOCH-SEQ`.
    pub id: String,
    /// When it was recorded, in milliseconds; never before the event before it. Order is by `seq`.
    pub time: Timestamp,
    /// What it is about.
    pub subject: Subject,
    /// Who caused it.
    pub actor: Actor,
    /// The event that led to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Seq>,
    /// The sync, revert or heal it belongs to: the number of its `SyncStarted`, `RevertStarted` or `DriftDetected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<Seq>,
    /// What happened: `kind` and `data`.
    #[serde(flatten)]
    pub fact: Fact,
}

/// A recorded event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The event.
    #[serde(flatten)]
    pub envelope: Envelope,
    /// Hash of the event before; zero for the first.
    pub previous: Digest,
    /// Its own hash. Not part of the stored bytes, which it is made from.
    #[serde(skip, default = "zero")]
    pub hash: Digest,
}

fn zero() -> Digest {
    Digest::ZERO
}

/// Stored bytes that are no event.
#[derive(Debug, thiserror::Error)]
#[error("the stored bytes are no event this version can read: {0}")]
pub struct UnreadableEvent(#[from] serde_json::Error);

impl Event {
    /// Chains `envelope` to the event whose hash is `previous`; returns it with its stored bytes.
    pub fn seal(envelope: Envelope, previous: Digest) -> (Self, Vec<u8>) {
        let mut event = Self { envelope, previous, hash: Digest::ZERO };
        let bytes = serde_json_canonicalizer::to_vec(&event).expect("an event has only string keys and finite numbers");
        event.hash = Self::chain(previous, &bytes);
        (event, bytes)
    }

    /// The hash of stored bytes that follow `previous`.
    pub fn chain(previous: Digest, bytes: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new();
        hasher.update(previous.as_bytes());
        hasher.update(bytes);
        hasher.finalize().into()
    }

    /// Reads stored bytes. The hash is computed from the `previous` that they name: whether that is the hash of the
    /// event before is for the reader of the chain to check.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, UnreadableEvent> {
        let mut event: Self = serde_json::from_slice(bytes)?;
        event.hash = Self::chain(event.previous, bytes);
        Ok(event)
    }

    /// Its number.
    pub fn seq(&self) -> Seq {
        self.envelope.seq
    }
}
