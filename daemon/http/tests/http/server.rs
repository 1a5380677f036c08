//! A server under test. Whatever is waited for has a deadline.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use taffrail_http::{Keys, Options, Readers, ServeError, serve, serve_telemetry};
use taffrail_ports::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::client::{Answer, get};
use crate::fake::{FakeInquiries, FakeJournal, FakeOrders, FakeStatus, history};

/// A running server.
pub struct Server {
    pub address: SocketAddr,
    pub journal: Arc<FakeJournal>,
    pub status: Arc<FakeStatus>,
    pub metrics: Metrics,
    pub orders: Arc<FakeOrders>,
    pub keys: watch::Sender<Arc<Keys>>,
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
        Self::of(listen, journal, status, options, false).await
    }

    /// A server for probes and metrics only.
    pub async fn telemetry(listen: &str) -> Self {
        let (journal, status) = (FakeJournal::new(history(3)), FakeStatus::default());
        Self::of(listen, journal, status, Options::default(), true).await
    }

    async fn of(listen: &str, journal: FakeJournal, status: FakeStatus, options: Options, telemetry: bool) -> Self {
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
        let (journal, status, metrics) = (Arc::new(journal), Arc::new(status), Metrics::new());
        let (orders, keys) = (Arc::new(FakeOrders::default()), watch::Sender::new(Arc::new(Keys::default())));
        let readers = Readers {
            journal: journal.clone(),
            status: status.clone(),
            metrics: metrics.clone(),
            orders: orders.clone(),
            inquiries: Arc::new(FakeInquiries),
            keys: keys.subscribe(),
            options,
        };
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let running = if telemetry {
            tokio::spawn(serve_telemetry(listener, readers, stopped))
        } else {
            tokio::spawn(serve(listener, readers, stopped))
        };
        Self { address, journal, status, metrics, orders, keys, stop, running }
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
