//! Runs core against the outside: input -> propose -> append (durable) -> commit -> start and stop effects, whose
//! outcomes are inputs.
//!
//! Always: effects of a decision start only after its events are durable; a write that was sent is never aborted, and
//! its outcome is waited for, also at the end; the queue of inputs is bounded.

mod board;
mod differ;
mod effects;
mod inquiries;
mod orders;
mod preview;
mod replay;
mod run;
mod time;

pub use board::Board;
pub use inquiries::Archive;
pub use orders::Desk;
pub use replay::{ReplayError, replay};
pub use run::{Command, DriverError, Options, World, run};
