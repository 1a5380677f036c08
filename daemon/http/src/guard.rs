//! What holds for every request and answer, whatever the route.
//!
//! A browser that was led to 127.0.0.1 by somebody else's name (DNS rebinding) still sends that name as `Host`: a
//! loopback listener answers only to its own. A page of another origin cannot order anything: a browser says whose page
//! it is, and asks before it sends JSON, which nobody here allows.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::app::{App, Surface};
use crate::caller::Caller;
use crate::problem::Problem;

/// What Prometheus and the kubelet ask for, who have no token.
pub(crate) const TELEMETRY: [&str; 3] = ["/livez", "/metrics", "/readyz"];

pub(crate) async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&app, &request) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// Who asks; nobody where it does not matter.
fn admit(app: &App, request: &Request) -> Result<Option<Caller>, Problem> {
    let (uri, headers) = (request.uri(), request.headers());
    let Surface::Api { local, must_show } = app.surface else { return Ok(None) };
    let called = called(uri, headers);
    let host = called.as_ref().map(host);
    if local && !host.as_ref().is_some_and(|host| is_ours(host, &app.readers.options.hosts)) {
        let host = host.map_or_else(|| "no host".to_owned(), |host| format!("the host {host:?}"));
        let detail = format!("{host} is not served here: call localhost, or name it in `api.hosts`");
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    // A hook proves itself by its signature.
    if TELEMETRY.contains(&uri.path()) || uri.path().starts_with("/hooks/") {
        return Ok(None);
    }
    if request.method() == Method::POST && !same_origin(headers, called.as_ref()) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a page of another origin cannot order anything here"));
    }
    Caller::of(headers, &app.readers.keys.borrow(), must_show).map(Some)
}

/// Whether the page that asks, if one does, came from here.
fn same_origin(headers: &HeaderMap, called: Option<&Authority>) -> bool {
    let site = headers.get("sec-fetch-site").is_none_or(|site| site == "same-origin" || site == "none");
    let Some(origin) = headers.get(header::ORIGIN) else { return site };
    let page = origin.to_str().ok().and_then(|origin| Some(origin.split_once("://")?.1));
    site && page.is_some_and(|page| called.is_some_and(|called| called.as_str().eq_ignore_ascii_case(page)))
}

/// What was called. A request target with a host wins over the header (RFC 9112, 3.2.2).
fn called(uri: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let header = || headers.get(header::HOST)?.to_str().ok()?.parse().ok();
    uri.authority().cloned().or_else(header)
}

/// Its host, without the port.
fn host(called: &Authority) -> String {
    called.host().trim_end_matches('.').to_ascii_lowercase()
}

fn is_ours(host: &str, names: &[String]) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
        || names.iter().any(|name| name.eq_ignore_ascii_case(host))
}
