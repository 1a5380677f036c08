//! The HTTP interface over real connections, with a journal and a status in memory.

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of tests for other code")]

mod access;
mod archive;
mod client;
mod export;
mod fake;
mod filters;
mod follow;
mod hooks;
mod limits;
mod orders;
mod paging;
mod past;
mod refusals;
mod server;
mod views;
