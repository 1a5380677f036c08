//! What is shown and who takes orders, and within which limits.

use std::sync::Arc;
use std::time::Duration;

use taffrail_ports::inquiries::Inquiries;
use taffrail_ports::journal::Journal;
use taffrail_ports::metrics::Metrics;
use taffrail_ports::orders::Orders;
use taffrail_ports::status::Status;
use tokio::sync::watch;

use crate::keys::Keys;

/// What is shown.
#[derive(Clone)]
pub struct Readers {
    /// The events.
    pub journal: Arc<dyn Journal>,
    /// The applications and whether the daemon is ready.
    pub status: Arc<dyn Status>,
    /// The metrics.
    pub metrics: Metrics,
    /// Who takes orders and hints.
    pub orders: Arc<dyn Orders>,
    /// Who answers what takes a while.
    pub inquiries: Arc<dyn Inquiries>,
    /// What callers prove themselves with, as it changes.
    pub keys: watch::Receiver<Arc<Keys>>,
    /// Within which limits.
    pub options: Options,
}

/// Whether callers on this machine must prove themselves. All others must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loopback {
    /// They need no token; what they order is recorded as of somebody who is not authenticated.
    #[default]
    Open,
    /// They need a token.
    Token,
}

/// Limits. The defaults suit a daemon beside a few dozen readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Names by which a loopback listener may be called, besides `localhost` and loopback addresses.
    pub hosts: Vec<String>,
    /// Whether callers of a loopback listener must show a token.
    pub loopback: Loopback,
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
            loopback: Loopback::default(),
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
