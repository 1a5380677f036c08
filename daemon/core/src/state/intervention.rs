//! What people decided about an application, and what waits for them to decide.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use taffrail_model::{ObjectKey, Seq, Timestamp};

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
}
