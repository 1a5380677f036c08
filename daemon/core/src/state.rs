//! The state: the fold of all events, and nothing else. [`crate::fold::apply`] is the only thing that changes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taffrail_model::configuration::{self, Configuration};
use taffrail_model::fact::HoldReason;
use taffrail_model::{
    ApiVersion, ApplicationName, ClusterName, CommitId, DesiredSet, Digest, Epoch, FieldSet, Holder, ObjectKey,
    ObjectReason, Plan, PruneOption, Refusal, RepositoryName, Seq, Timestamp, Uid,
};

use crate::clock::Clock;
use crate::jobs::Runs;

mod drift;
mod intervention;

pub use drift::{Drift, DriftPhase, TRIES_LIMIT, TRIES_WITHIN};
pub use intervention::{HeldPrune, Leaving, Left, Ordered, Removal, Suspension};

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
    /// This installation's name; empty before the journal says it.
    pub installation: String,
    /// The configuration in force, and its digest.
    pub configuration: Option<(Digest, Arc<Configuration>)>,
    /// The event by which this journal was restored, until a second daemon has started on it: what the first one's
    /// configuration brings may be an application that the export did not know of.
    pub restored: Option<Seq>,
    /// Clusters whose API server was last recorded as unreachable.
    pub unreachable: BTreeSet<ClusterName>,
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
            installation: String::new(),
            configuration: None,
            restored: None,
            unreachable: BTreeSet::new(),
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

    /// Who we are, for claims.
    pub fn holder(&self) -> Holder {
        Holder { installation: self.installation.clone(), epoch: self.epoch }
    }

    /// How an application is configured, or was before it left the configuration.
    pub fn last_configured(&self, name: &ApplicationName) -> Option<&configuration::Application> {
        let left = || Some(&*self.applications.get(name)?.left.as_ref()?.configured);
        self.configured(name).or_else(left)
    }

    /// The application that made or will make an object of a cluster. No object has two.
    pub fn owner(&self, cluster: &ClusterName, object: &ObjectKey) -> Option<&ApplicationName> {
        let has = |application: &Application| {
            application.inventory.get(object).is_some_and(|owned| owned.cluster == *cluster)
        };
        self.applications.iter().find(|(_, application)| has(application)).map(|(name, _)| name)
    }

    /// The cluster that an application is in: as configured, or where its objects are when it is not.
    pub fn cluster_of(&self, name: &ApplicationName) -> ClusterName {
        let configured = self.configured(name).map(|configured| configured.cluster.clone());
        let objects = || self.applications.get(name)?.inventory.values().next().map(|owned| owned.cluster.clone());
        configured.or_else(objects).unwrap_or_default()
    }
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Repository {
    /// The newest revision that was taken.
    pub head: Option<RevisionHead>,
    /// The newest revision, when it was not.
    pub refused: Option<Refusal>,
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
    /// The last sync, while its gate keeps judging after it passed.
    pub watched: Option<Arc<Sync>>,
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
    /// That it left the configuration.
    pub left: Option<Left>,
    /// Why no sync starts and nothing is healed.
    pub suspended: Option<Suspension>,
    /// Objects that are no longer desired and kept until somebody decides.
    pub held: BTreeMap<ObjectKey, HeldPrune>,
    /// What somebody ordered and has not started yet.
    pub ordered: Option<Ordered>,
    /// The cluster that it is kept in, as of its newest event.
    #[serde(default)]
    pub cluster: ClusterName,
    /// Whether the application is ours in its cluster.
    pub claim: Claim,
    /// Earlier installations whose objects are ours since somebody said `taffrail adopt`.
    pub predecessors: BTreeSet<String>,
    /// The event that approved of an adoption; what was made before is being looked for.
    pub adopting: Option<Seq>,
    /// Objects that are not as we wrote them, or were not within the last hour of their events.
    pub drifts: BTreeMap<ObjectKey, Drift>,
}

/// How far the claim on an application is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Claim {
    /// It is to be written, also over this holder's.
    Open {
        /// Whose.
        over: Option<Holder>,
    },
    /// It is being written.
    Started {
        /// The event that says so.
        seq: Seq,
        /// Its time.
        since: Timestamp,
        /// Whose it may take the place of.
        over: Option<Holder>,
    },
    /// It is ours.
    Held,
}

impl Default for Claim {
    fn default() -> Self {
        Self::Open { over: None }
    }
}

/// Why nothing is written to an application before somebody has looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pause {
    /// The journal was restored: what happened after its last event is not known.
    Restored {
        /// The event that says so.
        seq: Seq,
    },
    /// Another installation, or another life of our journal, holds the claim on it.
    Claimed {
        /// Which.
        by: Holder,
        /// The event that says so.
        seq: Seq,
    },
}

impl Pause {
    /// The event that says so.
    pub fn seq(&self) -> Seq {
        match self {
            Self::Restored { seq } | Self::Claimed { seq, .. } => *seq,
        }
    }

    /// Why, for people.
    pub fn reason(&self, name: &ApplicationName) -> String {
        match self {
            Self::Restored { seq } => format!(
                "the journal was restored (event {seq}) and does not know what happened since: nothing is written \
                 before `taffrail adopt {name}`"
            ),
            Self::Claimed { by, seq } => format!(
                "the application is claimed by {by} (event {seq}): nothing is written before `taffrail adopt {name}`, \
                 which takes it and what was made for it over; make sure that the other one is stopped"
            ),
        }
    }
}

impl Application {
    /// The deletion of its objects that bears this number.
    pub fn removal(&self, decided: Seq) -> Option<&Removal> {
        match &self.left {
            Some(Left { leaving: Leaving::Deleting(removal), .. }) if removal.decided == decided => Some(removal),
            _ => None,
        }
    }

    /// The sync whose gate judges: of one under way, or of the last one while it is watched.
    pub fn judged(&self) -> Option<&Sync> {
        let open = |sync: &&Sync| matches!(sync.phase, Phase::Gate { .. });
        self.sync.as_ref().filter(open).or(self.watched.as_deref().filter(|_| self.sync.is_none()))
    }

    /// Whether anything may be written for it at all.
    pub fn is_ours(&self) -> bool {
        self.paused.is_none() && self.claim == Claim::Held && self.adopting.is_none()
    }

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
    /// The cluster that it is in.
    #[serde(default)]
    pub cluster: ClusterName,
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
    /// What becomes of it when it is no longer desired, by the manifest that was last written or is intended: what keeps
    /// it wins while that is not known.
    pub prune: PruneOption,
    /// How it came to be ours.
    pub origin: Origin,
}

/// How an object came to be ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// We made it, or are about to.
    #[default]
    Made,
    /// It was there before: a revert does not delete it.
    Adopted,
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
    /// Delete what somebody acknowledged, and nothing else: what is live stays as it is.
    Prunes,
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
