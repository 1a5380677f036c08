//! Everything that can be recorded: one variant a kind of event. docs/EVENTS.md has a row for each.
//!
//! Always: a variant's stored form never changes its meaning. New fields are optional; a golden file under
//! `tests/golden` keeps every form that was ever written readable.

use serde::{Deserialize, Serialize};

use crate::claim::Holder;
use crate::digest::Digest;
use crate::fields::ForeignField;
use crate::health::{Evidence, ObjectReason};
use crate::name::ClusterName;
use crate::object::{ApiVersion, ObjectKey, Uid};
use crate::revision::{Commit, CommitId, Refusal, Relation};
use crate::{Seq, Timestamp};

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all_fields = "camelCase")]
pub enum Fact {
    /// A new journal began; `keyCheck` proves later that the Secrets key is still the same.
    JournalCreated {
        /// Random name of this installation.
        installation: String,
        /// A digest that only the key gives.
        key_check: Digest,
    },
    /// This journal was restored from an export: a new life of it begins, in which nothing is written to an application
    /// before somebody has looked.
    JournalRestored {
        /// The life that the export was made in.
        from_epoch: crate::event::Epoch,
        /// The last event of the export.
        at_seq: crate::event::Seq,
        /// Its hash.
        head: Digest,
    },
    /// A daemon opened the journal.
    DaemonStarted {
        /// Its version.
        version: String,
    },
    /// Time went by in which nothing could be decided: the journal could not be written, or the system slept. It does not
    /// count for any sync.
    TimeLost {
        /// How long, in milliseconds.
        milliseconds: u64,
        /// What happened.
        reason: String,
    },
    /// A configuration was accepted and is in force.
    ConfigurationChanged {
        /// Names the stored document.
        digest: Digest,
    },
    /// A changed configuration was refused; the old one stays in force.
    ConfigurationRefused {
        /// Each error with its file, line and column; at most 100.
        errors: Vec<String>,
    },
    /// The API server cannot be reached or does not answer; recorded once.
    ClusterUnreachable {
        /// The cluster.
        #[serde(default, skip_serializing_if = "ClusterName::is_default")]
        cluster: ClusterName,
        /// Why, as the client saw it.
        error: String,
    },
    /// It answers again.
    ClusterReachable {
        /// The cluster.
        #[serde(default, skip_serializing_if = "ClusterName::is_default")]
        cluster: ClusterName,
    },

    /// The branch has a new head, or another tag is the newest.
    RevisionObserved {
        /// The new head.
        revision: CommitId,
        /// The head before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<CommitId>,
        /// The tag that leads to it, where tags are followed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        /// How they relate.
        relation: Relation,
        /// The commits since the one before, newest first; at most 100.
        commits: Vec<Commit>,
        /// How many there are.
        count: u64,
    },
    /// A revision is not taken: something that leads to it is not signed by anybody who may. The one before stays.
    RevisionRefused(Refusal),
    /// The repository cannot be read; recorded once.
    RepositoryUnreachable {
        /// Why.
        error: String,
    },
    /// It can be read again.
    RepositoryReachable {
        /// How many polls failed in between, as far as this daemon counted.
        failures: u64,
    },

    /// Git asks for a state that it did not ask for before.
    DesiredStateChanged {
        /// The revision that was rendered.
        revision: CommitId,
        /// Digest of the set of objects.
        desired: Digest,
        /// The desired state before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<Digest>,
        /// How many objects.
        objects: u64,
        /// Objects that are new; at most 100.
        added: Vec<ObjectKey>,
        /// Objects whose manifest differs; at most 100.
        changed: Vec<ObjectKey>,
        /// Objects that are gone; at most 100.
        removed: Vec<ObjectKey>,
        /// How many are new, differ and are gone.
        counts: ChangeCounts,
    },
    /// A revision does not render. The last desired state stays.
    RenderFailed {
        /// The revision.
        revision: CommitId,
        /// Each error with its file, line and column; at most 100.
        errors: Vec<String>,
    },
    /// A revision renders, but to something that is not taken. The last desired state stays.
    DesiredStateRefused {
        /// The revision.
        revision: CommitId,
        /// Why.
        reason: RefusalReason,
    },
    /// A state whose gate failed will not be applied again.
    DesiredStateQuarantined {
        /// The state.
        desired: Digest,
        /// Digest of the gate's configuration that judged it.
        gate: Digest,
    },

    /// A sync started: what it writes is intended from here on.
    SyncStarted {
        /// The state it goes to.
        desired: Digest,
        /// The revision that asked for it.
        revision: CommitId,
        /// Names the stored plan.
        plan: Digest,
        /// How much the plan creates, changes and prunes.
        counts: PlanCounts,
        /// How much of the state it brings.
        #[serde(default, skip_serializing_if = "SyncScope::is_whole")]
        scope: SyncScope,
    },
    /// The clocks of a sync stand still.
    SyncPaused {
        /// What is waited for.
        reason: String,
    },
    /// They go on.
    SyncResumed {},
    /// An object was written.
    ObjectApplied {
        /// The object.
        object: ObjectKey,
        /// Its uid.
        uid: Uid,
        /// Digest of the manifest that was written.
        manifest: Digest,
        /// Whether it was new.
        created: bool,
        /// The server's resourceVersion after the write.
        resource_version: String,
        /// How many attempts it took.
        attempts: u32,
        /// Names the stored set of fields that are ours since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fields: Option<Digest>,
        /// Whether `spec.replicas` was left to an autoscaler.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        autoscaled: bool,
    },
    /// An object could not be written or deleted.
    ObjectFailed {
        /// The object.
        object: ObjectKey,
        /// Why: the server's words, redacted.
        reason: String,
        /// How many attempts were made.
        attempts: u32,
    },
    /// An object that we made is no longer there.
    ObjectGone {
        /// The object.
        object: ObjectKey,
        /// The uid that it had.
        uid: Uid,
    },
    /// An object that we made was deleted: it is no longer desired, or is made anew.
    ObjectPruned {
        /// The object.
        object: ObjectKey,
        /// The uid that it had, if it was ever made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<Uid>,
    },
    /// A revert could not take an object back and left it as it is.
    ObjectKeptForward {
        /// The object.
        object: ObjectKey,
        /// Why.
        reason: String,
    },
    /// Everything is written; health is judged from here on.
    GateOpened {
        /// Milliseconds until the gate fails.
        timeout: u64,
        /// Milliseconds that everything must stay healthy.
        settle: u64,
        /// How many objects are judged.
        objects: u64,
        /// Objects that were broken before and are not judged, and why.
        ignored: Vec<ObjectReason>,
    },
    /// During a gate, an object was seen to be broken.
    ObjectDegraded {
        /// The object.
        object: ObjectKey,
        /// How.
        reason: String,
    },
    /// Everything was healthy for long enough: this state is one to go back to.
    GatePassed {
        /// The state.
        desired: Digest,
    },
    /// It was not.
    GateFailed {
        /// The state.
        desired: Digest,
        /// Why, as a sentence.
        verdict: String,
        /// What was not healthy, and why; at most 100.
        objects: Vec<ObjectReason>,
        /// What the cluster tells of them besides, redacted; at most 10.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        evidence: Vec<Evidence>,
    },
    /// A sync ended well.
    SyncSucceeded {
        /// The state that it went to; it is live when all of it was brought.
        desired: Digest,
        /// Objects that are no longer desired, but are kept until somebody decides.
        held: Vec<ObjectKey>,
        /// How much of the state it brought.
        #[serde(default, skip_serializing_if = "SyncScope::is_whole")]
        scope: SyncScope,
    },
    /// A sync ended badly.
    SyncFailed {
        /// Why, as a sentence.
        verdict: String,
        /// Every object's own reason; at most 1000.
        objects: Vec<ObjectReason>,
    },
    /// A sync ended because Git asks for something newer.
    SyncSuperseded {
        /// The newer state.
        by: Digest,
    },
    /// Nothing more is done until Git asks for a different state.
    SyncHeld {
        /// The revision that asks for the state that is held.
        revision: CommitId,
        /// The state.
        desired: Digest,
        /// Why.
        reason: HoldReason,
    },
    /// The way back to an earlier state started: what it writes is intended from here on.
    RevertStarted {
        /// The state that failed.
        from: Digest,
        /// The state it goes back to.
        to: Digest,
        /// The event by which that state passed its gate.
        passed: crate::event::Seq,
        /// The revision that asked for that state then.
        revision: CommitId,
        /// Names the stored plan.
        plan: Digest,
        /// How much the plan creates, changes and prunes.
        counts: PlanCounts,
    },
    /// The earlier state is live and healthy.
    Reverted {
        /// That state.
        desired: Digest,
        /// Objects that are no longer desired, but are kept until somebody decides.
        held: Vec<ObjectKey>,
    },
    /// The earlier state could not be reached or is not healthy either: nothing more is tried.
    RevertFailed {
        /// Why, as a sentence.
        verdict: String,
        /// Every object's own reason; at most 1000.
        objects: Vec<ObjectReason>,
    },

    /// An object that was there before, ours by its mark or taken over, is in the inventory from here on.
    ObjectAdopted {
        /// The object.
        object: ObjectKey,
        /// Its uid.
        uid: Uid,
        /// The apiVersion that it was found in, when no sync was about to write it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        api_version: Option<ApiVersion>,
        /// The field managers that it was taken over from; empty when it bore our mark.
        from: Vec<String>,
    },
    /// Fields that are not ours stand in the way of a write.
    ObjectConflicted {
        /// The object.
        object: ObjectKey,
        /// The fields and who manages them; at most 100.
        conflicts: Vec<ForeignField>,
        /// How many attempts were made.
        attempts: u32,
    },
    /// An object that cannot be changed in place will be deleted and made anew.
    ObjectReplaceStarted {
        /// The object.
        object: ObjectKey,
        /// The uid that is deleted; that of the object with our mark, when none is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uid: Option<Uid>,
        /// Why it cannot be changed: the server's words, redacted.
        reason: String,
    },
    /// A live object is not as we wrote it. With `heal`, what is written to mend it is intended from here on.
    DriftDetected {
        /// The object.
        object: ObjectKey,
        /// The fields of ours that somebody else changed or removed; at most 100. Empty when the object is gone.
        fields: Vec<ForeignField>,
        /// Whether it is mended.
        heal: bool,
    },
    /// It is as we wrote it again, by us.
    DriftHealed {
        /// The object.
        object: ObjectKey,
        /// The fields that were taken back, and from whom; at most 100.
        fields: Vec<ForeignField>,
    },
    /// It is as we wrote it again, by somebody else, or is no longer desired.
    DriftEnded {
        /// The object.
        object: ObjectKey,
    },
    /// Somebody keeps changing an object back, or it cannot be mended: it no longer is, until it is written for another
    /// reason.
    HealStopped {
        /// The object.
        object: ObjectKey,
        /// The fields, and who changes them.
        fields: Vec<ForeignField>,
        /// How often they were mended, or could not be, within an hour.
        heals: u32,
    },

    /// Objects that are no longer desired are kept until somebody acknowledges that they are deleted.
    PruneHeld {
        /// The objects, and why each is held; at most 1000.
        objects: Vec<ObjectReason>,
        /// How many there are.
        count: u64,
    },
    /// Somebody acknowledged that they are deleted.
    PruneAcknowledged {
        /// The objects.
        objects: Vec<ObjectKey>,
        /// Why.
        reason: String,
    },
    /// An application left the configuration: its objects stay, until somebody decides.
    ApplicationRemoved {
        /// How many objects it has.
        objects: u64,
    },
    /// Somebody decided about the objects of an application that left the configuration.
    RemovalDecided {
        /// What becomes of them.
        choice: RemovalChoice,
        /// Names the stored plan, if they are deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plan: Option<Digest>,
        /// Why.
        reason: String,
    },
    /// It is done: nothing of the application is ours any more, save what is named.
    RemovalFinished {
        /// What became of them.
        choice: RemovalChoice,
        /// Objects that could not be deleted, and why; at most 1000.
        objects: Vec<ObjectReason>,
    },

    /// The claim on an application in its cluster will be written.
    ClaimStarted {
        /// Whose claim it takes the place of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        over: Option<Holder>,
    },
    /// The claim is ours.
    ClaimHeld {
        /// The event of [`Fact::ClaimStarted`].
        started: Seq,
    },
    /// The claim is somebody else's: nothing is written until somebody says `adopt`.
    ClaimRefused {
        /// Whose.
        holder: Holder,
    },
    /// The claim was ours and is not any more: nothing is written until somebody says `adopt`.
    ClaimLost {
        /// Whose it is now; none when it was deleted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<Holder>,
    },
    /// Somebody decided that the application, and what earlier installations or epochs made for it, is ours.
    AdoptionApproved {
        /// Why.
        reason: String,
    },

    /// What earlier installations or epochs made for the application was looked for, and is ours from here on.
    AdoptionFinished {
        /// How many objects were found that the inventory did not have.
        objects: u64,
    },
    /// Somebody asked for a poll.
    RefreshRequested {
        /// Why.
        reason: String,
    },
    /// Somebody asked for a sync.
    SyncRequested {
        /// The objects to write; all when empty.
        only: Vec<ObjectKey>,
        /// Why.
        reason: String,
    },
    /// Somebody suspended the application: no sync starts, and nothing is healed.
    ApplicationSuspended {
        /// Until when.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
        /// Why.
        reason: String,
    },
    /// The suspension is over.
    ApplicationResumed {
        /// Why.
        reason: String,
    },
    /// Somebody lifted the hold and the quarantine of a state.
    DesiredStateReleased {
        /// The state.
        desired: Digest,
        /// Why.
        reason: String,
    },
    /// Somebody asked to go back to a recorded state.
    RevertRequested {
        /// The state.
        to: Digest,
        /// The event that names it.
        named: Seq,
        /// The revision that asked for it.
        revision: CommitId,
        /// Why.
        reason: String,
    },
    /// A state stayed healthy for as long as `gate.watch` says.
    GateWatchEnded {
        /// The state.
        desired: Digest,
    },
}

/// How much a desired state differs from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCounts {
    /// New objects.
    pub added: u64,
    /// Objects whose manifest differs.
    pub changed: u64,
    /// Objects that are gone.
    pub removed: u64,
}

/// How much of a state a sync brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SyncScope {
    /// All of it.
    #[default]
    Whole,
    /// Some of its objects, which somebody asked for: they alone are written and judged.
    Objects,
    /// Nothing of it: the state is live, and what somebody acknowledged is deleted.
    Prunes,
}

impl SyncScope {
    /// Whether it brings all of it.
    pub fn is_whole(&self) -> bool {
        *self == Self::Whole
    }
}

/// How much a plan does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCounts {
    /// Objects that it creates.
    pub create: u64,
    /// Objects that it changes.
    pub change: u64,
    /// Objects that it deletes, before or after.
    pub prune: u64,
}

/// What becomes of the objects of an application that left the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemovalChoice {
    /// They are deleted, save what holds data.
    Prune,
    /// They stay, and are nobody's.
    Orphan,
}

/// Why a rendered state is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RefusalReason {
    /// It has no objects, and there were some.
    Empty,
}

/// Why nothing more is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HoldReason {
    /// There is no earlier state that passed its gate.
    NoPassedState,
    /// The configuration says `onFailure: hold`.
    ByConfiguration,
    /// The state failed its gate before.
    Quarantined,
    /// The state passed its gate before: the cause lies outside of it.
    CauseOutside,
    /// The way back failed too.
    RevertFailed,
    /// A wait reached its limit.
    WaitExpired,
    /// The application is somebody else's.
    Claimed,
}

impl std::fmt::Display for HoldReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoPassedState => "it failed, and no earlier state has passed its gate",
            Self::ByConfiguration => "it failed, and the configuration says to hold",
            Self::Quarantined => "this state failed before, or somebody went back from it, and is quarantined",
            Self::CauseOutside => "it failed, but passed its gate before: the cause lies outside of it",
            Self::RevertFailed => "the way back to the last good state failed too",
            Self::WaitExpired => "it was waited for too long",
            Self::Claimed => "another installation holds the claim on the application",
        })
    }
}

impl Fact {
    /// The kind, as in `kind` of the stored form.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::JournalCreated { .. } => "JournalCreated",
            Self::JournalRestored { .. } => "JournalRestored",
            Self::DaemonStarted { .. } => "DaemonStarted",
            Self::TimeLost { .. } => "TimeLost",
            Self::ConfigurationChanged { .. } => "ConfigurationChanged",
            Self::ConfigurationRefused { .. } => "ConfigurationRefused",
            Self::ClusterUnreachable { .. } => "ClusterUnreachable",
            Self::ClusterReachable { .. } => "ClusterReachable",
            Self::RevisionObserved { .. } => "RevisionObserved",
            Self::RevisionRefused(_) => "RevisionRefused",
            Self::RepositoryUnreachable { .. } => "RepositoryUnreachable",
            Self::RepositoryReachable { .. } => "RepositoryReachable",
            Self::DesiredStateChanged { .. } => "DesiredStateChanged",
            Self::RenderFailed { .. } => "RenderFailed",
            Self::DesiredStateRefused { .. } => "DesiredStateRefused",
            Self::DesiredStateQuarantined { .. } => "DesiredStateQuarantined",
            Self::SyncStarted { .. } => "SyncStarted",
            Self::SyncPaused { .. } => "SyncPaused",
            Self::SyncResumed {} => "SyncResumed",
            Self::ObjectApplied { .. } => "ObjectApplied",
            Self::ObjectFailed { .. } => "ObjectFailed",
            Self::ObjectGone { .. } => "ObjectGone",
            Self::ObjectPruned { .. } => "ObjectPruned",
            Self::ObjectKeptForward { .. } => "ObjectKeptForward",
            Self::GateOpened { .. } => "GateOpened",
            Self::ObjectDegraded { .. } => "ObjectDegraded",
            Self::GatePassed { .. } => "GatePassed",
            Self::GateFailed { .. } => "GateFailed",
            Self::SyncSucceeded { .. } => "SyncSucceeded",
            Self::SyncFailed { .. } => "SyncFailed",
            Self::SyncSuperseded { .. } => "SyncSuperseded",
            Self::SyncHeld { .. } => "SyncHeld",
            Self::RevertStarted { .. } => "RevertStarted",
            Self::Reverted { .. } => "Reverted",
            Self::RevertFailed { .. } => "RevertFailed",
            Self::ObjectAdopted { .. } => "ObjectAdopted",
            Self::ObjectConflicted { .. } => "ObjectConflicted",
            Self::ObjectReplaceStarted { .. } => "ObjectReplaceStarted",
            Self::DriftDetected { .. } => "DriftDetected",
            Self::DriftHealed { .. } => "DriftHealed",
            Self::DriftEnded { .. } => "DriftEnded",
            Self::HealStopped { .. } => "HealStopped",
            Self::PruneHeld { .. } => "PruneHeld",
            Self::PruneAcknowledged { .. } => "PruneAcknowledged",
            Self::ApplicationRemoved { .. } => "ApplicationRemoved",
            Self::RemovalDecided { .. } => "RemovalDecided",
            Self::RemovalFinished { .. } => "RemovalFinished",
            Self::ClaimStarted { .. } => "ClaimStarted",
            Self::ClaimHeld { .. } => "ClaimHeld",
            Self::ClaimRefused { .. } => "ClaimRefused",
            Self::ClaimLost { .. } => "ClaimLost",
            Self::AdoptionApproved { .. } => "AdoptionApproved",
            Self::AdoptionFinished { .. } => "AdoptionFinished",
            Self::RefreshRequested { .. } => "RefreshRequested",
            Self::SyncRequested { .. } => "SyncRequested",
            Self::ApplicationSuspended { .. } => "ApplicationSuspended",
            Self::ApplicationResumed { .. } => "ApplicationResumed",
            Self::DesiredStateReleased { .. } => "DesiredStateReleased",
            Self::RevertRequested { .. } => "RevertRequested",
            Self::GateWatchEnded { .. } => "GateWatchEnded",
        }
    }

    /// Every kind, in the order of the variants.
    pub const KINDS: &'static [&'static str] = &[
        "JournalCreated",
        "JournalRestored",
        "DaemonStarted",
        "TimeLost",
        "ConfigurationChanged",
        "ConfigurationRefused",
        "ClusterUnreachable",
        "ClusterReachable",
        "RevisionObserved",
        "RevisionRefused",
        "RepositoryUnreachable",
        "RepositoryReachable",
        "DesiredStateChanged",
        "RenderFailed",
        "DesiredStateRefused",
        "DesiredStateQuarantined",
        "SyncStarted",
        "SyncPaused",
        "SyncResumed",
        "ObjectApplied",
        "ObjectFailed",
        "ObjectGone",
        "ObjectPruned",
        "ObjectKeptForward",
        "GateOpened",
        "ObjectDegraded",
        "GatePassed",
        "GateFailed",
        "SyncSucceeded",
        "SyncFailed",
        "SyncSuperseded",
        "SyncHeld",
        "RevertStarted",
        "Reverted",
        "RevertFailed",
        "ObjectAdopted",
        "ObjectConflicted",
        "ObjectReplaceStarted",
        "DriftDetected",
        "DriftHealed",
        "DriftEnded",
        "HealStopped",
        "PruneHeld",
        "PruneAcknowledged",
        "ApplicationRemoved",
        "RemovalDecided",
        "RemovalFinished",
        "ClaimStarted",
        "ClaimHeld",
        "ClaimRefused",
        "ClaimLost",
        "AdoptionApproved",
        "AdoptionFinished",
        "RefreshRequested",
        "SyncRequested",
        "ApplicationSuspended",
        "ApplicationResumed",
        "DesiredStateReleased",
        "RevertRequested",
        "GateWatchEnded",
    ];

    /// Whether it starts something whose events and writes bear its own number as `sync`.
    pub fn starts(&self) -> bool {
        matches!(
            self,
            Self::SyncStarted { .. }
                | Self::RevertStarted { .. }
                | Self::DriftDetected { heal: true, .. }
                | Self::RemovalDecided { choice: RemovalChoice::Prune, .. }
        )
    }

    /// The object that it is about, for the index.
    pub fn object(&self) -> Option<&ObjectKey> {
        match self {
            Self::ObjectApplied { object, .. }
            | Self::ObjectFailed { object, .. }
            | Self::ObjectGone { object, .. }
            | Self::ObjectPruned { object, .. }
            | Self::ObjectKeptForward { object, .. }
            | Self::ObjectDegraded { object, .. }
            | Self::ObjectAdopted { object, .. }
            | Self::ObjectConflicted { object, .. }
            | Self::ObjectReplaceStarted { object, .. }
            | Self::DriftDetected { object, .. }
            | Self::DriftHealed { object, .. }
            | Self::DriftEnded { object }
            | Self::HealStopped { object, .. } => Some(object),
            _ => None,
        }
    }

    /// The revision that it names.
    pub fn revision(&self) -> Option<&CommitId> {
        match self {
            Self::RevisionObserved { revision, .. }
            | Self::DesiredStateChanged { revision, .. }
            | Self::RenderFailed { revision, .. }
            | Self::DesiredStateRefused { revision, .. }
            | Self::SyncStarted { revision, .. }
            | Self::SyncHeld { revision, .. }
            | Self::RevertStarted { revision, .. }
            | Self::RevertRequested { revision, .. } => Some(revision),
            _ => None,
        }
    }
}
