//! The HTTP interface: shows the journal, the applications and the metrics, and takes orders and hints.
//!
//! Always: it decides nothing, and what changes something goes through `ports::orders`. Connections, followers, journal
//! calls, headers, bodies and every wait have a limit (see [`Options`]). An export and a stream hold exactly the stored bytes, so that anyone can check the chain. Every
//! refusal is an `application/problem+json` that says what would be right.

mod accept;
mod app;
mod archive;
mod body;
mod caller;
mod cursor;
mod events;
mod export;
mod follow;
mod guard;
mod history;
mod hooks;
mod keys;
mod nearest;
mod orders;
mod page;
mod past;
mod problem;
mod query;
mod readers;
mod routes;
mod serve;
mod stall;
mod views;

pub use keys::{HookSecret, Keys, NewToken, Tokens};
pub use readers::{Loopback, Options, Readers};
pub use serve::{ServeError, serve, serve_telemetry};
