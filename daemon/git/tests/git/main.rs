//! The crate against repositories that the `git` command line makes, by file URL and from the test Git server.

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of tests for other code")]

mod damage;
mod evil;
mod fetch;
mod hostile;
mod https;
mod server;
mod signatures;
mod ssh;
mod ssh_server;
mod support;
mod tags;
mod tree;
