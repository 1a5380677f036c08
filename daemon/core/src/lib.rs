//! Decides. No clock, no randomness, no async, no I/O, no unordered iteration: time comes in as a value.
