//! The time that everything is decided by: the system's, but it never goes back.
//!
//! Always: time passes. When the system's clock is set back, it goes on from where it was; else every deadline would
//! stand still until the clock has caught up, which may take years.

use std::time::{Duration, Instant};

use taffrail_model::Timestamp;

/// Tells the time.
pub(crate) struct Ticks {
    last: Timestamp,
    at: Instant,
    /// Whether the system's clock is behind.
    behind: bool,
    /// Time that went by without us, and is not told yet.
    lost: Duration,
}

/// A jump that is smaller is a clock being set, or a busy machine.
const JUMP: Duration = Duration::from_secs(5);

impl Ticks {
    /// Time that goes on after the newest event.
    pub(crate) fn after(newest: Timestamp) -> Self {
        let last = newest.max(Timestamp::now());
        Self { last, at: Instant::now(), behind: false, lost: Duration::ZERO }
    }

    /// The time, in milliseconds.
    pub(crate) fn now(&mut self) -> Timestamp {
        let (system, at) = (Timestamp::now(), Instant::now());
        let behind = system < self.last;
        // The monotonic clock stands still while a machine sleeps.
        let passed = Duration::try_from(system.duration_since(self.last)).unwrap_or_default();
        let jump = passed.saturating_sub(at.duration_since(self.at));
        if jump > JUMP {
            self.lose(jump);
        }
        if behind && !self.behind {
            tracing::warn!(%system, known = %self.last, "the system's clock was set back; time goes on from what is known");
        }
        self.last = next(self.last, at.duration_since(self.at), system);
        (self.at, self.behind) = (at, behind);
        Timestamp::from_millisecond(self.last.as_millisecond()).unwrap_or(self.last)
    }

    /// Notes time in which nothing could be decided.
    pub(crate) fn lose(&mut self, time: Duration) {
        self.lost += time;
    }

    /// The time that was lost since this was last asked.
    pub(crate) fn take_lost(&mut self) -> Option<Duration> {
        Some(std::mem::take(&mut self.lost)).filter(|lost| *lost > JUMP)
    }
}

fn next(last: Timestamp, elapsed: Duration, system: Timestamp) -> Timestamp {
    if system >= last { system } else { last.checked_add(elapsed).unwrap_or(last) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let second = Duration::from_secs(1);
        assert_eq!(next(at(100), second, at(101)), at(101));
        assert_eq!(next(at(100), second, at(5000)), at(5000));
        assert_eq!(next(at(100), second, at(5)), at(101));
        assert_eq!(next(at(100), Duration::ZERO, at(100)), at(100));
        let mut ticks = Ticks::after(Timestamp::MAX);
        assert!(ticks.now() <= Timestamp::MAX);
        let future = Timestamp::now().checked_add(Duration::from_secs(3600)).unwrap();
        let mut ticks = Ticks::after(future);
        let first = ticks.now();
        std::thread::sleep(Duration::from_millis(20));
        assert!(ticks.now() > first, "time passes");
    }

    #[test]
    fn a_machine_that_slept_lost_the_time() {
        let mut ticks = Ticks::after(at(0));
        ticks.now();
        assert_eq!(ticks.take_lost(), None);
        ticks.last = ticks.last.checked_sub(Duration::from_secs(3600)).unwrap();
        ticks.now();
        let lost = ticks.take_lost().unwrap();
        assert!(lost > Duration::from_secs(3590) && lost < Duration::from_secs(3610), "{lost:?}");
        assert_eq!(ticks.take_lost(), None);
    }
}
