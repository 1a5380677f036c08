//! Waiting for a condition, with a deadline, and watching that something does not happen.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Long enough for anything that should happen at once, on a machine that has much else to do.
pub const SOON: Duration = Duration::from_secs(60);

const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What `look` finds within `deadline`; panics with `what` otherwise.
pub fn within<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {deadline:?}");
        sleep(BETWEEN_LOOKS);
    }
}

/// What `look` finds [`SOON`].
pub fn soon<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(SOON, what, look)
}

/// Looks again and again for so long, and lets `look` panic when it sees what must not be.
pub fn throughout(time: Duration, mut look: impl FnMut()) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        look();
        sleep(BETWEEN_LOOKS);
    }
    look();
}
