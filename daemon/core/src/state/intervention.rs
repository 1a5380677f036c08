//! What people decided about an application, and what waits for them to decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use taffrail_model::{ObjectKey, Plan, PruneHold, Seq, Timestamp, configuration};

use super::Target;
use crate::clock::Clock;

/// No sync starts and nothing is healed, by a person's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspension {
    /// Until when; until it is resumed when there is none.
    pub until: Option<Timestamp>,
    /// Why, in the person's words.
    pub reason: String,
    /// Who ordered it.
    pub by: String,
    /// The event that says so.
    pub seq: Seq,
}

/// What a person ordered and has not started yet. A later order takes the place of an earlier one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Ordered {
    /// A sync of what is desired.
    Sync {
        /// Of these objects; of all when empty.
        only: BTreeSet<ObjectKey>,
        /// The event that says so.
        seq: Seq,
        /// Its time.
        time: Timestamp,
    },
    /// The way back to a recorded state.
    Revert {
        /// The state; its event is that by which it passed its gate, or else the one that was named.
        target: Target,
        /// The event that says so.
        seq: Seq,
        /// Its time.
        time: Timestamp,
    },
}

/// An object that is no longer desired and kept until somebody decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPrune {
    /// Why.
    pub because: PruneHold,
    /// The event that says so first.
    pub since: Seq,
    /// The event by which somebody acknowledged that it is deleted.
    pub acknowledged: Option<Seq>,
}

impl HeldPrune {
    /// Whether it may be deleted: by somebody's word, or since that was tried already.
    pub fn may_go(&self) -> bool {
        self.acknowledged.is_some() || matches!(self.because, PruneHold::Undeletable { .. })
    }
}

/// An application that left the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// How it was configured last: its objects may have to be deleted by the account that made them.
    pub configured: Arc<configuration::Application>,
    /// The event that took it out.
    pub seq: Seq,
    /// What becomes of it.
    pub leaving: Leaving,
}

/// What becomes of an application that left the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Leaving {
    /// What is under way is about to end.
    Noticed,
    /// Its objects stay until somebody decides. Put back, it goes on as before.
    Undecided,
    /// Somebody decided that they stay, and are nobody's.
    Orphaned {
        /// The event that says so.
        decided: Seq,
    },
    /// Somebody decided that they are deleted.
    Deleting(Removal),
}

/// The deletion of an application's objects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Removal {
    /// The event that says so, which is the number that its writes bear as `sync`.
    pub decided: Seq,
    /// What is deleted, and what is not.
    pub plan: Arc<Plan>,
    /// What is still to be deleted.
    pub deletes: BTreeSet<ObjectKey>,
    /// Why objects could not be deleted.
    pub failed: BTreeMap<ObjectKey, String>,
    /// How long it is tried.
    pub clock: Clock,
}
