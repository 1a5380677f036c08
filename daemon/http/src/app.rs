//! What all handlers share, and the only way to the journal.
//!
//! Always: a journal call runs on a blocking thread, holds one of [`Options::reads`](crate::Options::reads) permits until
//! it really ended, and is given up after [`Options::read_timeout`](crate::Options::read_timeout).

use std::sync::Arc;

use axum::http::StatusCode;
use taffrail_ports::journal::{EventPage, EventQuery, Head, Journal, JournalError};
use tokio::sync::{Semaphore, watch};

use crate::hooks::Hints;
use crate::problem::Problem;
use crate::readers::Readers;

/// Hooks that are taken at once: each may hold a body of a megabyte.
const HOOKS: usize = 8;

/// What a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Everything.
    Api {
        /// Whether it is on loopback, where only known host names are answered.
        local: bool,
        /// Whether nobody is answered without a token.
        must_show: bool,
    },
    /// Probes and metrics.
    Telemetry,
}

/// What all handlers share.
pub(crate) struct App {
    pub(crate) readers: Readers,
    pub(crate) surface: Surface,
    /// A permit a follower.
    pub(crate) followers: Arc<Semaphore>,
    /// A permit an export of the whole journal.
    pub(crate) exports: Arc<Semaphore>,
    /// A permit a hook.
    pub(crate) hooks: Semaphore,
    /// Which hints were passed on when.
    pub(crate) hints: Hints,
    /// Becomes true when the server shuts down.
    pub(crate) ending: watch::Sender<bool>,
    reads: Arc<Semaphore>,
}

impl App {
    pub(crate) fn new(readers: Readers, surface: Surface) -> Arc<Self> {
        let followers = Arc::new(Semaphore::new(readers.options.followers));
        let exports = Arc::new(Semaphore::new(readers.options.exports));
        let reads = Arc::new(Semaphore::new(readers.options.reads));
        Arc::new(Self {
            readers,
            surface,
            followers,
            exports,
            hooks: Semaphore::new(HOOKS),
            hints: Hints::default(),
            reads,
            ending: watch::Sender::new(false),
        })
    }

    pub(crate) async fn head(&self) -> Result<Head, Problem> {
        self.read(|journal| Ok(journal.head())).await
    }

    pub(crate) async fn query(&self, query: EventQuery) -> Result<EventPage, Problem> {
        self.read(move |journal| journal.query(&query)).await
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        call: impl FnOnce(&dyn Journal) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, Problem> {
        let journal = self.readers.journal.clone();
        let reads = self.reads.clone();
        let answer = tokio::time::timeout(self.readers.options.read_timeout, async move {
            let permit = reads.acquire_owned().await.expect("the semaphore is never closed");
            tokio::task::spawn_blocking(move || {
                // A call cannot be cancelled: it keeps its permit when nobody waits for it any more.
                let _permit = permit;
                call(&*journal)
            })
            .await
        });
        let failed = |detail: String| {
            tracing::warn!(%detail, "a journal read failed");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
        };
        match answer.await {
            Err(_) => {
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the journal is busy reading for others: try again"))
            }
            Ok(Err(panic)) => Err(failed(format!("reading the journal broke off: {panic}"))),
            Ok(Ok(Err(error))) => Err(failed(error.to_string())),
            Ok(Ok(Ok(value))) => Ok(value),
        }
    }
}
