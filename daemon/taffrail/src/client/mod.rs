//! Asks a running daemon over its HTTP API.
//!
//! Always: every wait has an end; an answer that was cut off is an error and never looks like a shorter one.

mod error;
mod lines;
mod messages;

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
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
    /// A client of `server`, which is shown `token` if there is one. Nothing is sent yet.
    pub(crate) fn new(server: &Url, token: Option<&str>) -> Result<Self, Failure> {
        // A token is for the server that was named, wherever that sends us.
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .redirect(reqwest::redirect::Policy::none());
        // A proxy's loopback is another machine's.
        if is_loopback(server) {
            builder = builder.no_proxy();
        }
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Failure::usage("the token holds characters that no token has"))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        builder = builder.default_headers(headers);
        let http = builder.build().map_err(|error| Failure::new(format!("no HTTP client: {}", error::root(&error))))?;
        Ok(Self { http, server: server.clone() })
    }

    /// One JSON document.
    pub(crate) async fn json(&self, path: &[&str], query: &Query) -> Result<Value, ClientError> {
        self.json_in(ANSWER, path, query).await
    }

    /// One JSON document that may take so long.
    pub(crate) async fn json_in(&self, longest: Duration, path: &[&str], query: &Query) -> Result<Value, ClientError> {
        let request = self.get(path, query, "application/json").timeout(longest);
        let body = self.body(self.send(request).await?).await?;
        serde_json::from_slice(&body).map_err(|error| self.unreadable(error))
    }

    /// Gives an order; returns the answer.
    pub(crate) async fn order(&self, path: &[&str], order: &Value) -> Result<Value, ClientError> {
        let mut request = self.http.post(self.url(path)).header(CONTENT_TYPE, "application/json").timeout(ANSWER);
        if let Some(user) = user() {
            request = request.header(HeaderName::from_static("taffrail-user"), user);
        }
        let body = self.body(self.send(request.body(order.to_string())).await?).await?;
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
        let mut url = self.url(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.get(url).header(ACCEPT, accept)
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.server.clone();
        url.path_segments_mut().expect("an http URL has a path").pop_if_empty().extend(path);
        url
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

    /// A stream came to an end, which it does not by itself.
    pub(crate) fn ended(&self) -> ClientError {
        ClientError::Cut { server: self.server.to_string(), reason: "the daemon ended the stream".to_owned() }
    }

    pub(crate) fn unreadable(&self, reason: impl ToString) -> ClientError {
        ClientError::Unreadable { server: self.server.to_string(), reason: reason.to_string() }
    }
}

/// Whether `server` is on this machine, as far as its name tells.
pub(crate) fn is_loopback(server: &Url) -> bool {
    let host = server.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What this system calls who runs the program, if it is a name that the daemon takes.
fn user() -> Option<String> {
    let name = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok())?;
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte);
    ((1..=63).contains(&name.len()) && name.bytes().all(fine) && name != "taffrail").then_some(name)
}

/// Runs `work` to its end: a command waits for one thing at a time.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("no threads or sockets: {error}")))?;
    runtime.block_on(work)
}
