//! The HTTP interface: shows the journal, the applications and the metrics.
//!
//! Always: it reads and changes nothing. Connections, followers, journal calls, headers and every wait have a limit
//! (see [`Options`]). An export and a stream hold exactly the stored bytes, so that anyone can check the chain. Every
//! refusal is an `application/problem+json` that says what would be right.

mod accept;
mod app;
mod archive;
mod cursor;
mod events;
mod export;
mod follow;
mod guard;
mod nearest;
mod page;
mod problem;
mod query;
mod readers;
mod routes;
mod serve;
mod stall;
mod views;

pub use readers::{Options, Readers};
pub use serve::{ServeError, serve};
