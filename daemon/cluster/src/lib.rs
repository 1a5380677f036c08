//! A Kubernetes API server: server-side apply, deletes by uid, and watches that come back.
//!
//! Always: a write is bound to what it is meant for - a uid, a version, or that nothing is there - sent once, and carried
//! to its end also when nobody waits for it. Every request has a time-out. The server's words about a Secret are never repeated, and
//! what a Secret holds is never read: look-ups and watches of it ask for metadata only.

mod address;
mod apply;
mod claim;
mod compare;
mod connect;
mod delete;
mod discovery;
mod examine;
mod follow;
mod jitter;
mod kube_cluster;
mod lines;
mod list;
mod look;
mod managers;
mod marked;
mod place;
mod prepare;
mod probe;
mod refusal;
mod replicas;
mod seen;
mod send;
mod server;
mod take_over;

pub use connect::{ConnectError, Options};
pub use kube_cluster::KubeCluster;
