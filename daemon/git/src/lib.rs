//! Git repositories: one bare mirror each, fetched with libgit2 and read in memory, never checked out.
//!
//! Always: no subprocess, no credential in an error, no call without an end. A mirror is only replaced by one that is
//! complete, so that a server that is away or talks nonsense costs nothing that is here.
//!
//! Why HTTPS is our own (`https`) and not libgit2's: its time-outs and its trusted certificates are process-wide, so
//! that one repository's private authority would be trusted for all, and its certificate callback sees the leaf only.
//! ssh is our own (`ssh`) because libgit2's is libssh2, and with it OpenSSL.

mod advertisement;
mod allowed_signers;
mod history;
mod https;
mod known_hosts;
mod login;
mod look;
mod mirror;
mod mirrors;
mod pack;
mod pgp_keys;
mod signed;
mod source;
mod ssh;
mod tags;
mod text;
mod transport;
mod tree;
mod verify;

pub use mirrors::Mirrors;
pub use tree::LARGEST_FILE;
