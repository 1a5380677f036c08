//! The `taffrail` program: its commands, its configuration, and the wiring of the daemon.
//!
//! Always: only `output.rs` writes to the terminal; only `failure.rs` decides what an error looks like to a person and
//! which exit code it gives.

pub mod cli;
mod client;
pub mod configuration;
mod daemon;
mod demo;
mod failure;
mod install;
mod output;
mod text;

pub use failure::Failure;
pub use output::Output;
