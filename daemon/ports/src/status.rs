//! What is shown of an application now: derived from state and live view, never stored.

use serde::{Deserialize, Serialize};
use taffrail_model::{ApplicationName, CommitId, Digest, ObjectKey, RepositoryName, Seq, Timestamp, Uid};

/// Whether what Git asks for is live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SyncStatus {
    /// Nothing was rendered yet.
    Unknown,
    /// It is.
    Synced,
    /// It is not.
    OutOfSync,
    /// It was brought to the cluster, and somebody changed it there since.
    Drifted,
}

/// Health of a whole application: the worst of its objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HealthStatus {
    /// All is well.
    Healthy,
    /// Something rests because it was told to.
    Suspended,
    /// Something is on its way.
    Progressing,
    /// The cluster cannot be seen.
    Unknown,
    /// Something that was made is not there.
    Missing,
    /// Something is broken.
    Degraded,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatus {
    /// Its name.
    pub name: ApplicationName,
    /// Its repository.
    pub repository: RepositoryName,
    /// The folder that is rendered.
    pub path: String,
    /// Whether what Git asks for is live.
    pub sync: SyncStatus,
    /// Its health.
    pub health: HealthStatus,
    /// The newest revision of its repository.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub observed_revision: Option<CommitId>,
    /// Why a newer revision is not taken: a sentence that names the commit.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused_revision: Option<String>,
    /// The newest revision that this daemon rendered: the same, unless it is being rendered now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rendered_revision: Option<CommitId>,
    /// What Git asks for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub desired: Option<StateReference>,
    /// What was last brought to the cluster as a whole.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub live: Option<StateReference>,
    /// The newest state that passed its gate.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub passed: Option<StateReference>,
    /// What is being done.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub activity: Option<Activity>,
    /// Why nothing is done although something should be.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hold: Option<String>,
    /// Why the cluster cannot be seen as far as a sync needs, which passes by itself; also the hold, if nothing else is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unseen: Option<String>,
    /// Why no sync starts and nothing is healed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub suspended: Option<Suspended>,
    /// What somebody changed in the cluster, each a sentence; at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub drift: Vec<String>,
    /// The event that took it out of the configuration; its objects stay until somebody decides.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub removed: Option<Seq>,
    /// Objects that are no longer desired, and kept until somebody decides.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub held: Vec<HeldObject>,
    /// Why the newest revision is not the desired state: the errors of its render.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<String>,
    /// Its objects; left out of lists of applications.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub objects: Vec<ObjectStatus>,
}

/// Somebody's order that no sync starts and nothing is healed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    /// Who ordered it.
    pub by: String,
    /// Why, in that person's words.
    pub reason: String,
    /// Until when; until it is resumed when there is none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
    /// The event that says so.
    pub seq: Seq,
}

/// An object that is no longer desired, and kept until somebody decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldObject {
    /// The object.
    pub object: ObjectKey,
    /// Why it is kept.
    pub reason: String,
    /// The event that says so first.
    pub since: Seq,
    /// The event by which somebody acknowledged that it is deleted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acknowledged: Option<Seq>,
}

/// A recorded state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateReference {
    /// Its digest.
    pub digest: Digest,
    /// The revision that asked for it.
    pub revision: CommitId,
    /// The event that recorded it.
    pub seq: Seq,
    /// When.
    pub time: Timestamp,
}

/// A sync or revert under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// `sync` or `revert`.
    pub kind: String,
    /// Its number.
    pub sync: Seq,
    /// `deleting`, `applying`, `gate` or `pruning`.
    pub phase: String,
    /// The state it goes to.
    pub desired: Digest,
    /// What it waits for, each a sentence; at most 20.
    pub waiting_for: Vec<String>,
}

/// One object of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStatus {
    /// The object.
    pub object: ObjectKey,
    /// Its uid, once it is made.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub uid: Option<Uid>,
    /// Its health.
    pub health: HealthStatus,
    /// Why it is not healthy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Whether what was last written to it is what Git asks for.
    pub synced: bool,
    /// How it differs from what was written, and what is done about that, each a sentence; at most 20 and a count.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub drift: Vec<String>,
}

/// Whether the daemon can do its work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// What it lacks, each a sentence; empty when it is ready.
    pub missing: Vec<String>,
}

/// What http and the command line show of the applications.
pub trait Status: Send + Sync + 'static {
    /// All applications, without their objects.
    fn applications(&self) -> Vec<ApplicationStatus>;

    /// One application, with its objects.
    fn application(&self, name: &ApplicationName) -> Option<ApplicationStatus>;

    /// Whether the daemon can do its work.
    fn readiness(&self) -> Readiness;
}
