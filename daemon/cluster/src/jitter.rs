//! Randomness for waits, so that many that lost one server do not come back all at once.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Something below `most`.
pub(crate) fn below(most: Duration) -> Duration {
    // The standard library seeds each `RandomState` differently; for spreading waits no better source is needed.
    let part = RandomState::new().hash_one(()) >> 32;
    most.mul_f64(part as f64 / f64::from(u32::MAX))
}
