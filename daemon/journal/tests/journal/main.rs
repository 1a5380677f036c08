//! The journal over its public surface, and over the raw files that it leaves.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in test functions, not in what they share

mod appending;
mod crash;
mod damage;
mod exporting;
mod opening;
mod querying;
mod secrets;
mod space;
mod support;
