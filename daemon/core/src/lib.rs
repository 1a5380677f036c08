//! Decides. No clock, no randomness, no async, no I/O, no kube, no unordered iteration: time comes in as a value.
//!
//! [`engine::Engine`] is the way in. [`decide`] turns inputs into proposed facts, [`fold`] turns recorded events into
//! [`state`], [`effects`] derives what the outside is asked to do.

pub mod clock;
pub mod decide;
pub mod drift;
pub mod effect;
pub mod effects;
pub mod engine;
pub mod fold;
pub mod gate;
pub mod health;
pub mod input;
pub mod jobs;
pub mod observed;
pub mod plan;
pub mod replace;
pub mod scaling;
pub mod state;
pub mod time;

pub use effect::{Effect, EffectKey, WriteKey};
pub use engine::{Engine, Proposal, Start, Step};
pub use input::{Input, Outcome, Polled, Revision};
pub use state::State;
