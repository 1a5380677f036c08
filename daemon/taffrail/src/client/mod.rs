//! Asks a running daemon over its HTTP API.
//!
//! Always: every wait has an end; an answer that was cut off is an error and never looks like a shorter one.

mod error;
mod lines;
mod messages;

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderName};
use reqwest::{RequestBuilder, Response, Url};
use serde_json::Value;

use crate::failure::Failure;

pub(crate) use error::ClientError;
pub(crate) use lines::Lines;
pub(crate) use messages::Messages;

/// Filters and such, as in `/events?kind=GateFailed`.
pub(crate) type Query = Vec<(&'static str, String)>;

/// A daemon's API.
pub(crate) struct Client {
    http: reqwest::Client,
    server: Url,
}

const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(30);
/// A stream that is silent for so long is dead: the daemon sends something far more often.
const SILENCE: Duration = Duration::from_secs(60);
/// Largest answer that is kept as a whole.
const LARGEST: usize = 64 << 20;

impl Client {
    /// A client of `server`. Nothing is sent yet.
    pub(crate) fn new(server: &Url) -> Result<Self, Failure> {
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(SILENCE);
        // A proxy's loopback is another machine's.
        let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
        if host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| Failure::new(format!("no HTTP client: {}", error::root(&error))))?;
        Ok(Self { http, server: server.clone() })
    }

    /// One JSON document.
    pub(crate) async fn json(&self, path: &[&str]) -> Result<Value, ClientError> {
        let request = self.get(path, &Query::new(), "application/json").timeout(ANSWER);
        let body = self.body(self.send(request).await?).await?;
        serde_json::from_slice(&body).map_err(|error| self.unreadable(error))
    }

    /// The stored bytes of events, a line each, as they come.
    pub(crate) async fn lines(&self, path: &[&str], query: &Query) -> Result<Lines, ClientError> {
        let response = self.send(self.get(path, query, "application/x-ndjson")).await?;
        Ok(Lines::new(response, self.server.to_string()))
    }

    /// Server-sent events after the one of the id `last`, as they come.
    pub(crate) async fn messages(&self, path: &[&str], query: &Query, last: &str) -> Result<Messages, ClientError> {
        let request = self.get(path, query, "text/event-stream");
        let response = self.send(request.header(HeaderName::from_static("last-event-id"), last)).await?;
        Ok(Messages::new(Lines::new(response, self.server.to_string())))
    }

    /// An answer of any length and form, written to `to` as it comes.
    pub(crate) async fn download(&self, path: &[&str], query: &Query, to: &mut dyn Write) -> Result<(), Failure> {
        let mut response = self.send(self.get(path, query, "*/*")).await?;
        // Of a copy that nobody takes to its end there is no copy: a closed pipe is an error here.
        let unwritable = |error| Failure::new(format!("what came cannot be written: {error}"));
        while let Some(chunk) = response.chunk().await.map_err(|error| self.cut(&error))? {
            to.write_all(&chunk).map_err(unwritable)?;
        }
        to.flush().map_err(unwritable)
    }

    fn get(&self, path: &[&str], query: &Query, accept: &'static str) -> RequestBuilder {
        let mut url = self.server.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.get(url).header(ACCEPT, accept)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = request.send().await.map_err(|error| ClientError::Unreachable {
            server: self.server.to_string(),
            reason: error::root(&error),
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = self.body(response).await.unwrap_or_default();
        Err(ClientError::Refused {
            server: self.server.to_string(),
            status: status.as_u16(),
            reason: error::said(&body),
        })
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.cut(&error))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(self.unreadable(format!("it is larger than {LARGEST} bytes")));
            }
        }
        Ok(body)
    }

    fn cut(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Cut { server: self.server.to_string(), reason: error::root(error) }
    }

    fn unreadable(&self, reason: impl ToString) -> ClientError {
        ClientError::Unreadable { server: self.server.to_string(), reason: reason.to_string() }
    }
}

/// Runs `work` to its end: a command waits for one thing at a time.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("no threads or sockets: {error}")))?;
    runtime.block_on(work)
}
