//! What the tests of the whole share.
//!
//! [`stage`] plays the outside for the engine, on virtual time. Everything else is for the tests of the real program:
//! the outside as it is ([`cluster`], [`control_plane`], [`git`], [`git_server`]), the program ([`daemon`],
//! [`settings`], [`events`]), what can be done to the way between the two ([`proxy`]), and a [`scene`] that has one of each.

pub mod cluster;
pub mod control_plane;
pub mod daemon;
pub mod events;
pub mod git;
pub mod git_server;
pub mod installation;
pub mod kubeconfig;
pub mod kubectl;
pub mod manifests;
pub mod program;
pub mod proxy;
pub mod runtime;
pub mod scene;
pub mod settings;
pub mod shop;
pub mod stage;
pub mod wait;
