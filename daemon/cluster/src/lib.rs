//! A Kubernetes API server: server-side apply, deletes by uid, and watches that come back.
//!
//! Always: a write is one PATCH or DELETE, sent once, bound to a uid wherever one is known, and carried to its end also
//! when nobody waits for it. Every request has a time-out. The server's words about a Secret are never repeated, and
//! what a Secret holds is never read: look-ups and watches of it ask for metadata only.

mod address;
mod apply;
mod claim;
mod connect;
mod delete;
mod discovery;
mod follow;
mod jitter;
mod kube_cluster;
mod lines;
mod look;
mod managers;
mod place;
mod prepare;
mod refusal;
mod seen;
mod server;

pub use connect::{ConnectError, Options};
pub use kube_cluster::KubeCluster;
