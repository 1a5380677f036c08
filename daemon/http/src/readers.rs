//! What is shown, and within which limits.

use std::sync::Arc;
use std::time::Duration;

use taffrail_ports::journal::Journal;
use taffrail_ports::metrics::Metrics;
use taffrail_ports::status::Status;

/// What is shown.
#[derive(Clone)]
pub struct Readers {
    /// The events.
    pub journal: Arc<dyn Journal>,
    /// The applications and whether the daemon is ready.
    pub status: Arc<dyn Status>,
    /// The metrics.
    pub metrics: Metrics,
    /// Within which limits.
    pub options: Options,
}

/// Limits. The defaults suit a daemon beside a few dozen readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Names by which a loopback listener may be called, besides `localhost` and loopback addresses.
    pub hosts: Vec<String>,
    /// Connections at once; more wait to be accepted.
    pub connections: usize,
    /// Readers that follow the events at once; more are refused with 503.
    pub followers: usize,
    /// Exports of the whole journal at once; more are refused with 503.
    pub exports: usize,
    /// Journal calls at once; more wait for `read_timeout`.
    pub reads: usize,
    /// Longest time for a request's headers, and for an idle connection.
    pub header_timeout: Duration,
    /// Longest time for one journal call, the wait for its turn included.
    pub read_timeout: Duration,
    /// Longest time in which a client takes nothing of what is sent to it.
    pub stall_timeout: Duration,
    /// Longest silence of a stream.
    pub keep_alive: Duration,
    /// Longest time for answers under way at shutdown.
    pub shutdown_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            connections: 256,
            followers: 64,
            exports: 2,
            reads: 8,
            header_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(30),
            keep_alive: Duration::from_secs(15),
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}
