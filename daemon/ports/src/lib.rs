//! The traits of the outside worlds, and the read views that http and the command line show. No effects in here.

pub mod cluster;
pub mod clusters;
pub mod inquiries;
pub mod journal;
pub mod metrics;
pub mod orders;
pub mod repositories;
pub mod status;

pub use futures_util::future::BoxFuture;
pub use futures_util::stream::BoxStream;
