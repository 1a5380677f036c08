//! A server under test. Whatever is waited for has a deadline.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use taffrail_http::{Options, Readers, ServeError, serve};
use taffrail_ports::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, get};
use crate::fake::{FakeJournal, FakeStatus, history};

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    pub journal: Arc<FakeJournal>,
    pub status: Arc<FakeStatus>,
    pub metrics: Metrics,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    /// Serves `events` events of the history.
    pub async fn new(events: usize) -> Self {
        Self::with(FakeJournal::new(history(events)), FakeStatus::default(), Options::default()).await
    }

    pub async fn with(journal: FakeJournal, status: FakeStatus, options: Options) -> Self {
        Self::at("127.0.0.1:0", journal, status, options).await
    }

    pub async fn at(listen: &str, journal: FakeJournal, status: FakeStatus, options: Options) -> Self {
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
        let (journal, status, metrics) = (Arc::new(journal), Arc::new(status), Metrics::new());
        let readers = Readers { journal: journal.clone(), status: status.clone(), metrics: metrics.clone(), options };
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(serve(listener, readers, async {
            let _ = stopped.await;
        }));
        Self { address, journal, status, metrics, stop, running }
    }

    pub async fn get(&self, path: &str) -> Answer {
        get(self.address, path, &[]).await
    }

    /// Asks the server to end. The handle is done when it did.
    pub fn stop(self) -> JoinHandle<Result<(), ServeError>> {
        self.stop.send(()).unwrap();
        self.running
    }
}

/// The outcome of `work`, which is due soon.
pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), work).await.expect("it happens before the deadline")
}
