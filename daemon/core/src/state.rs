//! The state: the fold of all events, and nothing else. [`crate::fold::apply`] is the only thing that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taffrail_model::configuration::{self, Configuration};
use taffrail_model::fact::HoldReason;
use taffrail_model::{
    ApiVersion, ApplicationName, CommitId, DesiredSet, Digest, Epoch, FieldSet, ObjectKey, ObjectReason, Plan,
    PruneOption, RepositoryName, Seq, Timestamp, Uid,
};

use crate::clock::Clock;
use crate::jobs::Runs;

mod intervention;

pub use intervention::{Ordered, Suspension};

/// How many states that passed are kept to go back to.
pub const PASSED_KEPT: usize = 10;
/// How many quarantines an application keeps.
pub const QUARANTINES_KEPT: usize = 100;

/// Everything that the events say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// The last event that is folded in.
    pub seq: Seq,
    /// Its time.
    pub time: Timestamp,
    /// The journal's life.
    pub epoch: Epoch,
    /// The configuration in force, and its digest.
    pub configuration: Option<(Digest, Arc<Configuration>)>,
    /// The event by which this journal was restored, until a second daemon has started on it: what the first one's
    /// configuration brings may be an application that the export did not know of.
    pub restored: Option<Seq>,
    /// Whether the API server was last recorded as unreachable.
    pub cluster_unreachable: bool,
    /// What is known of each repository.
    pub repositories: BTreeMap<RepositoryName, Repository>,
    /// What is known of each application.
    pub applications: BTreeMap<ApplicationName, Arc<Application>>,
}

impl State {
    /// Before the first event.
    pub fn empty(epoch: Epoch) -> Self {
        Self {
            seq: Seq::default(),
            time: Timestamp::UNIX_EPOCH,
            epoch,
            configuration: None,
            restored: None,
            cluster_unreachable: false,
            repositories: BTreeMap::new(),
            applications: BTreeMap::new(),
        }
    }

    /// The bytes of a snapshot.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("every map of the state has text as key")
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// How an application is configured, if it is.
    pub fn configured(&self, name: &ApplicationName) -> Option<&configuration::Application> {
        self.configuration.as_ref()?.1.applications.get(name)
    }

    /// The application that made or will make an object. No object has two.
    pub fn owner(&self, object: &ObjectKey) -> Option<&ApplicationName> {
        self.applications
            .iter()
            .find(|(_, application)| application.inventory.contains_key(object))
            .map(|(name, _)| name)
    }
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// The newest revision.
    pub head: Option<RevisionHead>,
    /// Whether it was last recorded as unreachable.
    pub unreachable: bool,
}

/// The newest revision of a repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RevisionHead {
    /// The commit.
    pub revision: CommitId,
    /// The tag that leads to it, where tags are followed.
    pub tag: Option<String>,
    /// Its author.
    pub author: String,
    /// The event that observed it.
    pub seq: Seq,
}

/// An application.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// What Git asks for.
    pub desired: Option<Target>,
    /// The newest revision that could not become the desired state.
    pub refused: Option<Refused>,
    /// Every object that we made or intend to make.
    pub inventory: BTreeMap<ObjectKey, Owned>,
    /// What its Jobs ran for.
    pub runs: Runs,
    /// What is under way.
    pub sync: Option<Sync>,
    /// What was last brought to the cluster as a whole; none while it is mixed.
    pub live: Option<Target>,
    /// The newest states that passed their gate, the newest last.
    pub passed: Vec<Target>,
    /// States that will not be applied again, with the digest of the gate's configuration that judged them.
    pub quarantined: BTreeMap<Digest, (Digest, Seq)>,
    /// Why nothing is done.
    pub hold: Option<Hold>,
    /// How many syncs in a row were superseded.
    pub superseded: u32,
    /// Why nothing is written at all before somebody says `taffrail adopt`.
    pub paused: Option<Pause>,
    /// Why no sync starts and nothing is healed.
    pub suspended: Option<Suspension>,
    /// What somebody ordered and has not started yet.
    pub ordered: Option<Ordered>,
}

/// Why nothing is written to an application before somebody has looked at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// The journal was restored: what happened after its last event is not known.
    Restored {
        /// The event that says so.
        seq: Seq,
    },
}

impl Pause {
    /// Why, for people.
    pub fn reason(self, name: &ApplicationName) -> String {
        match self {
            Self::Restored { seq } => format!(
                "the journal was restored (event {seq}) and does not know what happened since: nothing is written \
                 before `taffrail adopt {name}`"
            ),
        }
    }
}

impl Application {
    /// The event by which a state last passed its gate.
    pub fn last_passed(&self) -> Option<Seq> {
        self.passed.last().map(|target| target.seq)
    }
}

/// A state to go to, or that is there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Its digest.
    pub digest: Digest,
    /// Its objects.
    pub set: Arc<DesiredSet>,
    /// The revision that asks for it.
    pub revision: CommitId,
    /// The event that recorded it in this role.
    pub seq: Seq,
    /// The time of that event.
    pub time: Timestamp,
}

/// A revision that could not become the desired state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refused {
    /// The revision.
    pub revision: CommitId,
    /// Why.
    pub errors: Vec<String>,
}

/// An object of an inventory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Owned {
    /// The apiVersion it is or will be written in.
    pub api_version: ApiVersion,
    /// The event by which it came in: always before it was made.
    pub since: Seq,
    /// What the server said when it was written; none while it is only intended.
    pub uid: Option<Uid>,
    /// What was last written; none while a write is intended whose outcome is not known.
    pub manifest: Option<Digest>,
    /// The event of the last write.
    pub written: Option<Seq>,
    /// The server's resourceVersion after the last write.
    pub resource_version: String,
    /// The fields that were ours after it.
    pub fields: Option<Arc<FieldSet>>,
    /// Whether `spec.replicas` was left to an autoscaler then.
    pub autoscaled: bool,
    /// What its manifest says about the time when it is no longer desired.
    pub prune: PruneOption,
}

/// Nothing is done until Git asks for another state, or the gate is configured otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// The state that is not applied.
    pub desired: Digest,
    /// Digest of the gate's configuration.
    pub gate: Digest,
    /// Why.
    pub reason: HoldReason,
    /// The event that says so.
    pub seq: Seq,
}

/// A sync or revert under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sync {
    /// The event that started it, which is its number.
    pub id: Seq,
    /// When.
    pub started: Timestamp,
    /// What for.
    pub purpose: Purpose,
    /// Where it goes.
    pub target: Target,
    /// What it writes.
    pub plan: Arc<Plan>,
    /// The clock of its phase.
    pub clock: Clock,
    /// Where it is.
    pub phase: Phase,
    /// Why objects could not be written or deleted.
    pub failed: BTreeMap<ObjectKey, String>,
    /// Objects of those to be written that are deleted before, since they do not change in place.
    pub replacing: BTreeSet<ObjectKey>,
    /// How often an object was found to be gone when it was written, or could not be changed in place.
    pub gone: BTreeMap<ObjectKey, u32>,
}

impl Sync {
    /// Whether it goes back to an earlier state.
    pub fn is_revert(&self) -> bool {
        matches!(self.purpose, Purpose::Revert)
    }
}

/// What a sync is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Purpose {
    /// Bring what Git asks for.
    Deploy,
    /// Bring some objects of it, which somebody asked for: they alone are judged.
    Objects,
    /// Go back to a state that passed.
    Revert,
}

/// Where a sync is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Phase {
    /// Objects are deleted (reverts) and written.
    Writing {
        /// What is still to be deleted first.
        deletes: BTreeSet<ObjectKey>,
        /// Indices into the plan's writes that are still to be done.
        writes: BTreeSet<usize>,
    },
    /// Health is judged.
    Gate {
        /// The event that opened it.
        opened: Seq,
        /// What was recorded as broken.
        degraded: BTreeSet<ObjectKey>,
    },
    /// The gate passed; what is no longer desired is deleted.
    Pruning {
        /// What is still to be deleted.
        deletes: BTreeSet<ObjectKey>,
    },
    /// The gate failed; the sync is about to.
    GateFailed {
        /// The event.
        seq: Seq,
        /// Why, as a sentence.
        verdict: String,
        /// What was not healthy.
        objects: Vec<ObjectReason>,
    },
    /// It failed; what follows is about to be decided.
    Failed {
        /// The event.
        seq: Seq,
    },
}
