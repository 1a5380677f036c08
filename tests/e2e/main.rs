//! End to end: the real program, a real Git repository, a real control plane.
//!
//! Each test is named as the sentence that it proves. Assertions read `/events` and the API server (by a client of
//! their own, never through the daemon), not printed text. Each test has its own namespaces, names and folders, so that
//! all of them share one control plane, in any order and at once.

mod api_server_away;
mod autoscaling;
mod bad_configuration;
mod bad_input;
mod checks;
mod claims;
mod commands;
mod crashes;
mod drift;
mod failures;
mod first_sync;
mod full_disk;
mod gates;
mod git_access;
mod git_refs;
mod git_signatures;
mod going_back;
mod in_cluster;
mod log;
mod owners;
mod places;
mod pruning;
mod quarantine;
mod reading;
mod rendering;
mod requests;
mod restoring;
mod reverts;
mod secrets;
mod special_objects;
mod supersede;
mod takeover;
