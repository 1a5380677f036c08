//! The crate against a real API server, and against a scripted one for what a real one does too rarely.

#![allow(clippy::unwrap_used)] // clippy allows it in test functions only, not in what they share

mod away;
mod canary;
mod claims;
mod discovery;
mod evidence;
mod fake;
mod foreign;
mod proxy;
mod replicas;
mod rights;
mod taking;
mod views;
mod watches;
mod world;
mod writes;
