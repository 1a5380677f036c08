//! Arithmetic on times that are given as values: it saturates, since a clock may have jumped.

use std::time::Duration;

use taffrail_model::Timestamp;

/// `duration` after `time`.
pub fn after(time: Timestamp, duration: Duration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// From `start` to `end`; nothing when `end` is earlier.
pub fn between(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}
