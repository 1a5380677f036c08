//! What a person may ask the daemon for. Each order that is accepted is an event with its actor and reason.

use serde::{Deserialize, Serialize};

use crate::event::{Actor, Seq};
use crate::fact::RemovalChoice;
use crate::name::ApplicationName;
use crate::object::ObjectKey;
use crate::{CommitId, Digest, Timestamp};

/// An order of a person, about one application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The application.
    pub application: ApplicationName,
    /// Who asks.
    pub actor: Actor,
    /// Why, in the person's words; may be empty where [`Action`] does not demand it.
    pub reason: String,
    /// What for.
    pub action: Action,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Poll the application's repository now.
    Refresh,
    /// Write what is desired again, or only these objects of it; starts what `mode: manual` waits with.
    Sync {
        /// The objects; all when empty.
        only: Vec<ObjectSelector>,
    },
    /// Start no sync and heal nothing.
    Suspend {
        /// Until then; until it is resumed when there is none.
        until: Option<Timestamp>,
    },
    /// End a suspension.
    Resume,
    /// Lift the hold and the quarantine of the desired state, and let stopped heals begin anew.
    Release,
    /// Delete what is held. Demands a reason.
    Acknowledge {
        /// The objects; all that are held when empty.
        objects: Vec<ObjectKey>,
    },
    /// Decide about the objects of an application that left the configuration. Demands a reason.
    Remove(RemovalChoice),
    /// Take the claim and the objects of an earlier installation or epoch. Demands a reason.
    Adopt,
    /// Go back to a recorded state: to the one before what is live, unless one is named. Demands a reason.
    Revert {
        /// The state.
        to: Option<RecordedState>,
    },
}

impl Action {
    /// Whether it may only be done with a reason: what cannot simply be done the other way round.
    pub fn demands_reason(&self) -> bool {
        match self {
            Self::Acknowledge { .. } | Self::Remove(_) | Self::Adopt | Self::Revert { .. } => true,
            Self::Refresh | Self::Sync { .. } | Self::Suspend { .. } | Self::Resume | Self::Release => false,
        }
    }
}

/// Objects of one kind and name, in whatever group and namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectSelector {
    /// The kind; letter case does not matter.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl ObjectSelector {
    /// Whether it means this object.
    pub fn matches(&self, object: &ObjectKey) -> bool {
        self.kind.eq_ignore_ascii_case(&object.kind) && self.name == object.name
    }
}

/// A state that an event of the journal names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedState {
    /// The event.
    pub seq: Seq,
    /// The state.
    pub desired: Digest,
    /// The revision that asked for it.
    pub revision: CommitId,
}

/// Why an order is not carried out, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OrderRefused(pub String);
