//! What comes in from the outside.

use std::sync::Arc;
use std::time::Duration;

use taffrail_model::claim::Claimed;
use taffrail_model::configuration::Configuration;
use taffrail_model::{
    ApplicationName, Commit, CommitId, DesiredSet, Digest, Evidence, FieldSet, ForeignField, LiveObject, Order,
    Refusal, Relation, RepositoryName, Uid, Watch, WatchEvent,
};

use crate::effect::EffectKey;

/// Something happened outside.
#[derive(Clone, Debug)]
pub enum Input {
    /// This daemon opened the journal.
    Started {
        /// Its version.
        version: String,
    },
    /// Time went by in which nothing could be decided.
    TimeLost {
        /// How long.
        duration: Duration,
        /// What happened.
        reason: String,
    },
    /// A configuration was accepted.
    Configured(Arc<Configuration>),
    /// A changed configuration was refused; each error with its place.
    ConfigurationRefused(Vec<String>),
    /// A poll ended.
    Polled {
        /// The effect that asked.
        key: EffectKey,
        /// The repository.
        repository: RepositoryName,
        /// What it found, or why it could not.
        outcome: Result<Polled, String>,
    },
    /// Somebody says that a repository has something new; nothing else of what they say is believed.
    Hinted {
        /// The repository; one that is not configured is ignored.
        repository: RepositoryName,
    },
    /// A render ended.
    Rendered {
        /// The effect that asked.
        key: EffectKey,
        /// The application.
        application: ApplicationName,
        /// The revision that was rendered.
        revision: CommitId,
        /// The objects, whose manifests are stored already; or every error with its place.
        outcome: Result<Arc<DesiredSet>, Vec<String>>,
    },
    /// A watch saw something.
    Seen {
        /// The watch.
        watch: Watch,
        /// What it saw.
        event: WatchEvent,
    },
    /// A write is tried again.
    Retrying {
        /// The write.
        key: EffectKey,
        /// Why.
        reason: String,
    },
    /// A write ended.
    Written {
        /// The write.
        key: EffectKey,
        /// How.
        outcome: Outcome,
    },
    /// An object that fails a gate was examined.
    Examined {
        /// The effect that asked.
        key: EffectKey,
        /// What the cluster tells.
        evidence: Vec<Evidence>,
    },
    /// It is known whose the claim on an application is.
    Claimed {
        /// The effect that asked.
        key: EffectKey,
        /// Whose.
        outcome: Claimed,
    },
    /// What bears the mark of an application was found.
    Found {
        /// The effect that asked.
        key: EffectKey,
        /// The objects; metadata only.
        objects: Vec<LiveObject>,
    },
    /// A look found an object, or that there is none.
    Looked {
        /// The look.
        key: EffectKey,
        /// What is there, without its content.
        found: Option<LiveObject>,
    },
    /// A check of a gate was made.
    Checked {
        /// The check.
        key: EffectKey,
        /// Why it did not pass.
        outcome: Result<(), String>,
    },
    /// A person asks for something. The answer is in the proposal, under this number.
    Ordered {
        /// Tells it from other orders of this batch.
        id: u64,
        /// What is asked for.
        order: Order,
        /// The objects of the state that it names, as the journal holds them.
        named: Option<Arc<DesiredSet>>,
    },
    /// Time has passed.
    Wake,
}

/// What a poll found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// A revision that may be taken.
    Taken(Revision),
    /// One that may not.
    Refused(Refusal),
}

/// A revision that may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The head.
    pub revision: CommitId,
    /// The tag that leads to it, where tags are followed.
    pub tag: Option<String>,
    /// How it relates to the head before.
    pub relation: Relation,
    /// The commits since then, newest first; at most 100.
    pub commits: Vec<Commit>,
    /// How many there are.
    pub count: u64,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The object was written.
    Applied {
        /// Its uid.
        uid: Uid,
        /// What was written.
        manifest: Digest,
        /// Whether it was new.
        created: bool,
        /// The server's resourceVersion after it.
        resource_version: String,
        /// How many attempts it took.
        attempts: u32,
        /// The fields that are ours since.
        fields: FieldSet,
        /// The fields that were taken, and from whom.
        taken: Vec<ForeignField>,
        /// Whether it was there and not in the inventory, and whom it was taken over from.
        adopted: Option<Vec<String>>,
        /// Whether `spec.replicas` was left to an autoscaler.
        autoscaled: bool,
    },
    /// Fields that others manage, and that may not be taken, stand in the way.
    Conflicted {
        /// The fields and who manages them.
        conflicts: Vec<ForeignField>,
        /// How many attempts were made.
        attempts: u32,
    },
    /// The object was deleted; it had this uid, if it was there.
    Deleted {
        /// The uid.
        uid: Option<Uid>,
    },
    /// The object with the expected uid was not there to be written.
    Gone {
        /// That uid.
        uid: Uid,
    },
    /// The server refuses, and waiting will not help.
    Refused {
        /// Its words, redacted.
        reason: String,
        /// Whether the cause is a field that may not change.
        immutable: bool,
        /// How many attempts were made.
        attempts: u32,
    },
    /// It was not tried again, since nobody asks for it any more.
    Stopped,
}
