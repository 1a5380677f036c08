//! Tests of the package as a whole: the reader of configurations, and the built binary against a fake daemon.

#![allow(clippy::unwrap_used, reason = "a test's helpers are tests")]

mod bad_configurations;
mod configuration;
mod daemon;
mod events;
mod image;
mod install;
mod offline;
mod orders;
mod program;
mod render;
mod restoring;
mod status;
mod verify;
