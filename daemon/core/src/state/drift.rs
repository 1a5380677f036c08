//! What became of objects that were not as we wrote them.
//!
//! Always: an object is mended, or tried to be, at most [`TRIES_LIMIT`] times within [`TRIES_WITHIN`], and not at once
//! again.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use taffrail_model::{ForeignField, Seq, Timestamp};

use crate::time::after;

/// How often an object is mended within [`TRIES_WITHIN`]: then somebody has to look.
pub const TRIES_LIMIT: usize = 6;
/// See [`TRIES_LIMIT`].
pub const TRIES_WITHIN: Duration = Duration::from_secs(3600);
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);

/// What became of an object that was not as we wrote it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// What is the matter now.
    pub phase: DriftPhase,
    /// When it was mended, or could not be, within an hour before the newest of them; at most
    /// [`TRIES_LIMIT`].
    pub tries: Vec<Timestamp>,
}

/// What is the matter with an object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum DriftPhase {
    /// Nothing any more.
    Over,
    /// It differs, and stays so.
    Recorded {
        /// What differs; nothing when it is gone.
        fields: Vec<ForeignField>,
    },
    /// It differs, and is to be written.
    Healing {
        /// The event that intends it, which is the number of its writes.
        seq: Seq,
        /// When.
        since: Timestamp,
        /// What differs; nothing when it is gone.
        fields: Vec<ForeignField>,
        /// Why the last write failed.
        refused: Option<String>,
    },
    /// It differs, and nothing more is tried.
    Stopped {
        /// The event that says so.
        seq: Seq,
        /// What differs; nothing when it is gone.
        fields: Vec<ForeignField>,
        /// Why the last write failed; none when it was changed back each time.
        refused: Option<String>,
    },
}

impl Drift {
    /// Nothing was tried yet.
    pub fn new(phase: DriftPhase) -> Self {
        Self { phase, tries: Vec::new() }
    }

    /// Notes that it was mended, or could not be.
    pub fn tried(&mut self, now: Timestamp) {
        self.tries.retain(|time| now < after(*time, TRIES_WITHIN));
        self.tries.push(now);
        let surplus = self.tries.len().saturating_sub(TRIES_LIMIT);
        self.tries.drain(..surplus);
    }

    fn recent(&self, now: Timestamp) -> usize {
        self.tries.iter().filter(|time| now < after(**time, TRIES_WITHIN)).count()
    }

    /// Whether it was mended too often for another try.
    pub fn is_worn_out(&self, now: Timestamp) -> bool {
        self.recent(now) >= TRIES_LIMIT
    }

    /// When the next try may be.
    pub fn due(&self, now: Timestamp) -> Timestamp {
        match (self.recent(now), self.tries.last()) {
            (0, _) | (_, None) => now,
            (tries, Some(last)) => {
                let doublings = u32::try_from(tries - 1).unwrap_or(u32::MAX).min(16);
                let back_off = FIRST_BACK_OFF.saturating_mul(1 << doublings).min(LONGEST_BACK_OFF);
                after(*last, back_off)
            }
        }
    }
}

impl DriftPhase {
    /// What differs, if anything does.
    pub fn fields(&self) -> Option<&[ForeignField]> {
        match self {
            Self::Over => None,
            Self::Recorded { fields } | Self::Healing { fields, .. } | Self::Stopped { fields, .. } => Some(fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn each_try_waits_twice_as_long_as_the_one_before_until_there_is_none() {
        let mut drift = Drift::new(DriftPhase::Over);
        let mut now = at(0);
        let mut waits = Vec::new();
        while !drift.is_worn_out(now) {
            let due = drift.due(now);
            waits.push(due.duration_since(now).as_secs());
            now = due;
            drift.tried(now);
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16]);
    }

    #[test]
    fn what_was_tried_an_hour_ago_does_not_count() {
        let mut drift = Drift::new(DriftPhase::Over);
        for try_of_many in 0..100 {
            let now = at(try_of_many * 660);
            assert!(!drift.is_worn_out(now), "fewer than six tries an hour are not too many");
            drift.tried(now);
            assert!(drift.tries.len() <= TRIES_LIMIT);
        }
        assert_eq!(drift.due(at(1_000_000)), at(1_000_000));
    }
}
