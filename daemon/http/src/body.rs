//! Bodies of requests: never more than a limit, and never waited for too long.

use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;

use crate::problem::Problem;

/// The whole body, of at most `most` bytes.
pub(crate) async fn read(body: Body, most: usize, timeout: Duration) -> Result<Bytes, Problem> {
    match tokio::time::timeout(timeout, to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // The other error is a connection that broke off, which takes no answer.
        Ok(Err(_)) => Err(too_large(most)),
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time")),
    }
}

pub(crate) fn too_large(most: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body has more than {most} bytes"))
}
