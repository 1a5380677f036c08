//! What holds for every request and answer, whatever the route.
//!
//! A browser that was led to 127.0.0.1 by somebody else's name (DNS rebinding) still sends that name as `Host`: a
//! loopback listener answers only to its own.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::problem::Problem;

pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let mut response = match host(request.uri(), request.headers()) {
        host if !app.checks_host || host.as_ref().is_some_and(|host| is_ours(host, &app.readers.options.hosts)) => {
            next.run(request).await
        }
        host => {
            let host = host.map_or_else(|| "no host".to_owned(), |host| format!("the host {host:?}"));
            let detail = format!("{host} is not served here: call localhost");
            Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The host that was called, without its port. A request target with a host wins over the header (RFC 9112, 3.2.2).
fn host(uri: &Uri, headers: &HeaderMap) -> Option<String> {
    let header = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    let authority: Authority = uri.authority().cloned().or_else(header)?;
    Some(authority.host().trim_end_matches('.').to_ascii_lowercase())
}

fn is_ours(host: &str, names: &[String]) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
        || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}
