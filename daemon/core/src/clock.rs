//! The clock of a phase: it may stand still while the cluster cannot be seen, for so long in all and no longer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use taffrail_model::Timestamp;

use crate::time::{after, between};

/// Runs from its start to its deadline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    started: Timestamp,
    budget: Duration,
    stood_still: Duration,
    longest_pause: Duration,
    paused: Option<Timestamp>,
}

impl Clock {
    /// A running clock.
    pub fn start(now: Timestamp, budget: Duration, longest_pause: Duration) -> Self {
        Self { started: now, budget, stood_still: Duration::ZERO, longest_pause, paused: None }
    }

    /// Whether it stands still.
    pub fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Stands still from `now` on.
    pub fn pause(&mut self, now: Timestamp) {
        self.paused.get_or_insert(now);
    }

    /// Goes on.
    pub fn resume(&mut self, now: Timestamp) {
        if let Some(since) = self.paused.take() {
            self.skip(between(since, now));
        }
    }

    /// Counts `duration` as time in which it stood still: a daemon that was not running saw nothing.
    pub fn skip(&mut self, duration: Duration) {
        self.stood_still = self.longest_pause.min(self.stood_still.saturating_add(duration));
    }

    /// When it will have run out, as far as is known at `now`.
    pub fn deadline(&self, now: Timestamp) -> Timestamp {
        let pausing = self.paused.map_or(Duration::ZERO, |since| between(since, now));
        let still = self.longest_pause.min(self.stood_still.saturating_add(pausing));
        after(self.started, self.budget.saturating_add(still))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expired(clock: &Clock, now: Timestamp) -> bool {
        now >= clock.deadline(now)
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn time_that_stood_still_does_not_count_up_to_the_longest_pause() {
        let mut clock = Clock::start(at(0), Duration::from_secs(10), Duration::from_secs(100));
        assert!(!expired(&clock, at(9)) && expired(&clock, at(10)));
        clock.pause(at(5));
        assert!(!expired(&clock, at(60)));
        clock.resume(at(65));
        assert_eq!(clock.deadline(at(65)), at(70));
        clock.pause(at(66));
        assert!(!expired(&clock, at(105)) && expired(&clock, at(110)), "100 seconds of standing still are the most");
    }

    #[test]
    fn a_clock_that_jumps_back_ends_no_wait() {
        let mut clock = Clock::start(at(100), Duration::from_secs(10), Duration::from_secs(100));
        clock.pause(at(100));
        clock.resume(at(50));
        assert_eq!(clock.deadline(at(100)), at(110));
    }
}
