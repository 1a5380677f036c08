//! The server around the router.
//!
//! Always: a connection holds one of [`Options::connections`](crate::Options::connections) places, and loses it when it
//! sends no request, or takes no answer, for too long. After shutdown began nothing is accepted, streams end, and what is
//! left after [`Options::shutdown_timeout`](crate::Options::shutdown_timeout) is cut.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use crate::app::{App, Surface};
use crate::readers::{Loopback, Readers};
use crate::routes;
use crate::stall::StallTimeout;

/// The largest request line and headers together; all there is to say fits in a tenth of it.
const LARGEST_HEAD: usize = 16 * 1024;
/// How much is buffered a connection, each way.
const BUFFER: usize = 64 * 1024;
/// Pause after an accept that failed, which mostly is for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listener is not usable.
    #[error("the HTTP listener has no address: {0}")]
    Listener(#[source] io::Error),
}

/// Serves everything on `listener` until `shutdown`. A listener on a loopback address answers only to `localhost`, loopback
/// addresses and [`Options::hosts`](crate::Options::hosts); [`Options::loopback`](crate::Options::loopback) says whether it
/// wants tokens. Any other wants a token for everything but probes and metrics.
pub async fn serve(
    listener: TcpListener,
    readers: Readers,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let local = listener.local_addr().map_err(ServeError::Listener)?.ip().is_loopback();
    let must_show = !local || readers.options.loopback == Loopback::Token;
    on(listener, readers, Surface::Api { local, must_show }, shutdown).await
}

/// Serves `/livez`, `/metrics` and `/readyz`, and nothing else, to anybody on `listener` until `shutdown`.
pub async fn serve_telemetry(
    listener: TcpListener,
    readers: Readers,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    on(listener, readers, Surface::Telemetry, shutdown).await
}

async fn on(
    listener: TcpListener,
    readers: Readers,
    surface: Surface,
    shutdown: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let options = readers.options.clone();
    let app = App::new(readers, surface);
    let service = TowerToHyperService::new(routes::with(app.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_header_size(LARGEST_HEAD)
        .max_buf_size(BUFFER);

    let places = Arc::new(Semaphore::new(options.connections));
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, place) = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &places) => accepted,
        };
        let stream = TokioIo::new(StallTimeout::new(stream, options.stall_timeout));
        let connection = http.serve_connection(stream, service.clone());
        let mut ending = app.ending.subscribe();
        connections.spawn(async move {
            let _place = place;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                _ = ending.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "an HTTP connection broke off");
            }
        });
    }

    drop(listener);
    app.ending.send_replace(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(options.shutdown_timeout, ended).await.is_err() {
        connections.shutdown().await;
    }
    Ok(())
}

async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> (TcpStream, OwnedSemaphorePermit) {
    let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, place),
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
