//! Effects: what the outside is asked to do. They are derived from the state, never queued, so that the same state asks
//! for the same effects after a crash. They carry all they need and decide nothing.

use std::time::Duration;

use taffrail_model::configuration::{Check, ForeignPolicy, Repository, ServiceAccount};
use taffrail_model::{
    ApiVersion, ApplicationName, CommitId, Digest, Holder, Known, ObjectKey, Replicas, RepositoryName, Seq, Take,
    Timestamp, Uid, Watch,
};

/// Names an effect. An effect whose key is no longer asked for is stopped; a write that was sent is never aborted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectKey {
    /// The so-maniest poll of a repository that is asked for since this daemon started, and the digest of how it is
    /// configured.
    Poll(RepositoryName, u64, Digest),
    /// A render of a revision, and the digest of what else decides its result.
    Render(ApplicationName, CommitId, Digest),
    /// A watch.
    Watch(Watch),
    /// A write or delete.
    Write(WriteKey),
    /// An examination of an object that fails the gate of a sync.
    Examine(ApplicationName, Seq, ObjectKey),
    /// The claim on an application, by the event that started it.
    Claim(ApplicationName, Seq),
    /// A search for what was made for an application before, by the event that asks for it.
    Find(ApplicationName, Seq),
    /// A look at an object that had this uid, and that its watch does not see.
    Look(ApplicationName, ObjectKey, Uid),
    /// A check of a gate, by its place in the configuration and the digest of what is configured there.
    Check(ApplicationName, Seq, usize, Digest),
}

/// Names a write: a late outcome is told from the one that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteKey {
    /// The application.
    pub application: ApplicationName,
    /// The event that intends it: that of the sync or revert, or of the drift that it mends.
    pub sync: Seq,
    /// Rises when the object was found to be gone, or cannot be changed in place.
    pub attempt: u32,
    /// Whether it deletes.
    pub delete: bool,
    /// The object.
    pub object: ObjectKey,
}

/// Something that the outside is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Fetch what is followed, not before `at`.
    Poll {
        /// The repository.
        name: RepositoryName,
        /// How to reach it.
        repository: Repository,
        /// The head that is known.
        known: Option<Known>,
        /// When.
        at: Timestamp,
    },
    /// Render a folder of a revision and store the manifests.
    Render {
        /// The application.
        application: ApplicationName,
        /// Its repository.
        repository: RepositoryName,
        /// The revision.
        revision: CommitId,
        /// The folder.
        path: String,
        /// For objects that name none.
        namespace: Option<String>,
    },
    /// Watch objects.
    Watch(Watch),
    /// Write an object; transient failures are tried again until it is stopped.
    Apply {
        /// What to write: the name of a stored manifest.
        manifest: Digest,
        /// The uid that the object must have; without one it is looked up first.
        uid: Option<Uid>,
        /// Earlier installations whose objects are ours.
        predecessors: Vec<String>,
        /// What becomes of an object that is there already and not ours.
        foreign: ForeignPolicy,
        /// Fields that may be taken from other managers.
        take: Take,
        /// What becomes of `spec.replicas`.
        replicas: Replicas,
        /// Who writes.
        identity: Option<ServiceAccount>,
    },
    /// Delete an object; transient failures are tried again until it is stopped.
    Delete {
        /// The apiVersion to delete it in.
        api_version: ApiVersion,
        /// The uid that it must have; without one it is looked up first.
        uid: Option<Uid>,
        /// Whether to wait until it is gone, since it is made anew.
        wait: bool,
        /// Who deletes.
        identity: Option<ServiceAccount>,
    },
    /// Find out what the cluster tells of an object that fails a gate.
    Examine {
        /// The object.
        object: ObjectKey,
        /// Its uid.
        uid: Uid,
        /// Its pods that are not well, the worst first.
        pods: Vec<String>,
        /// How many of the last lines of a log to read.
        log_lines: u8,
        /// The application's Secrets, by their manifests: their values are struck out.
        secrets: Vec<(ObjectKey, Digest)>,
    },
    /// Write the claim on an application, until it is known whose it is.
    Claim {
        /// The application.
        application: ApplicationName,
        /// Where claims lie.
        namespace: String,
        /// Who we are.
        holder: Holder,
        /// Whose claim it may take the place of.
        over: Option<Holder>,
    },
    /// Find every object that bears the mark of an application, by whichever installation.
    Find {
        /// The application.
        application: ApplicationName,
        /// Of these kinds.
        kinds: Vec<(ApiVersion, String)>,
    },
    /// Look whether an object is there, with or without our label.
    Look {
        /// The object.
        object: ObjectKey,
        /// The apiVersion to read it in.
        api_version: ApiVersion,
    },
    /// Make a check of a gate again and again.
    Check {
        /// The check.
        check: Check,
        /// The namespace of a Service that names none.
        namespace: Option<String>,
        /// Time between two tries.
        interval: Duration,
    },
}
