//! What the tests of the whole share. [`stage`] plays the outside for the engine, on virtual time.

pub mod stage;
