//! One runtime for all that waits on sockets, so that tests are plain functions.

use std::future::Future;
use std::sync::OnceLock;

use tokio::runtime::Runtime;

/// The runtime that proxies and clients of this process live on.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Runtime::new().expect("threads and sockets are there"))
}

/// Runs `work` to its end, from a test's own thread.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    runtime().block_on(work)
}
