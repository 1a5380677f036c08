//! Requests to the API server: one at a time each, timed, counted and read whole.
//!
//! Always: an answer comes within the time-out or not at all. Bodies are read here and not by kube, whose own methods
//! log what they cannot read, and error answers even when they can.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::header::{ACCEPT, RETRY_AFTER};
use http::{Request, Response};
use http_body_util::{BodyExt, Limited};
use kube::Client;
use kube::client::{AuthError, Body};
use serde::de::DeserializeOwned;
use taffrail_ports::metrics::Metrics;

/// Most bytes of an answer of which only a sentence is wanted.
const LARGEST_REFUSAL: usize = 64 << 10;

/// Most bytes of one answer: a page of 500 objects, each of the largest size that etcd takes, is below it.
const LARGEST_ANSWER: usize = 1 << 30;

/// Asks for an object's metadata only.
pub(crate) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// The API server.
pub(crate) struct Server {
    pub client: Client,
    pub timeout: Duration,
    pub metrics: Metrics,
}

/// An answer, whatever its code.
pub(crate) struct Answer {
    pub code: u16,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

/// There was none.
#[derive(Clone, Debug)]
pub(crate) enum NoAnswer {
    /// Not in time: what was asked may have been done.
    TimedOut(Duration),
    /// The connection failed.
    Failed(String),
}

impl Server {
    /// Sends `request` once and reads the answer.
    pub async fn ask(&self, verb: &str, request: Request<Vec<u8>>) -> Result<Answer, NoAnswer> {
        let asked = async { Answer::read(self.send(request).await?, LARGEST_ANSWER).await };
        let answer = self.timed(asked).await;
        self.count(verb, answer.as_ref().map_or(0, |answer| answer.code));
        answer
    }

    /// Sends `request` once; the answer's body is still to be read.
    pub async fn open(&self, verb: &str, request: Request<Vec<u8>>) -> Result<Response<Body>, NoAnswer> {
        let response = self.timed(self.send(request)).await;
        self.count(verb, response.as_ref().map_or(0, |response| response.status().as_u16()));
        response
    }

    /// `work`, or its time-out.
    pub async fn timed<T>(&self, work: impl Future<Output = Result<T, NoAnswer>>) -> Result<T, NoAnswer> {
        tokio::time::timeout(self.timeout, work).await.unwrap_or(Err(NoAnswer::TimedOut(self.timeout)))
    }

    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, NoAnswer> {
        self.client.send(request.map(Body::from)).await.map_err(|error| NoAnswer::Failed(reason(&error)))
    }

    fn count(&self, verb: &str, code: u16) {
        self.metrics.api_requests.with_label_values(&[verb, &code.to_string()]).inc();
    }
}

impl Answer {
    /// Reads the refusal that `response` is.
    pub async fn refusal(response: Response<Body>) -> Result<Self, NoAnswer> {
        Self::read(response, LARGEST_REFUSAL).await
    }

    async fn read(response: Response<Body>, most: usize) -> Result<Self, NoAnswer> {
        let code = response.status().as_u16();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), most).collect().await;
        let body = body.map_err(|error| NoAnswer::Failed(chain(error.as_ref())))?.to_bytes().to_vec();
        Ok(Self { code, retry_after: seconds.map(Duration::from_secs), body })
    }

    /// Whether it is what was asked for.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The body. An error has none of its text.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NoAnswer> {
        let unreadable = |error: serde_json::Error| {
            let (line, column) = (error.line(), error.column());
            NoAnswer::Failed(format!("the answer cannot be read, at line {line}, column {column}"))
        };
        serde_json::from_slice(&self.body).map_err(unreadable)
    }
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut(after) => write!(f, "the API server did not answer within {after:?}"),
            Self::Failed(reason) => write!(f, "the API server cannot be reached: {reason}"),
        }
    }
}

/// A GET of `path`.
pub(crate) fn get(path: String, accept: &str) -> Request<Vec<u8>> {
    Request::get(path).header(ACCEPT, accept).body(Vec::new()).expect("paths are encoded")
}

/// The causes of `error`, outermost first. A credential plugin's output is left out: it may be the credential.
pub(crate) fn reason(error: &kube::Error) -> String {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(AuthError::AuthExecRun { .. } | AuthError::AuthExecParse(_) | AuthError::AuthExec(_)) =
            inner.downcast_ref()
        {
            return "the kubeconfig's credential plugin failed".to_owned();
        }
        cause = inner.source();
    }
    error.source().map_or_else(|| error.to_string(), chain)
}

/// What `error` and its causes say, each once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let words = inner.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        cause = inner.source();
    }
    text
}
