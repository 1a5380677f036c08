//! A proxy in front of an API server: it counts what is asked, and does to it what networks do.
//!
//! It speaks plain HTTP to the daemon, and TLS with the administrator's certificate to the server. Bodies stream, so
//! that watches flow.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, TRANSFER_ENCODING, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::cluster::Cluster;
use crate::program;
use crate::runtime::{block_on, runtime};
use crate::{kubeconfig, wait};

/// A request that came by.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET`, `PATCH`, ...
    pub method: String,
    /// The path of the URL.
    pub path: String,
    /// What follows its `?`.
    pub query: String,
    /// Who asked.
    pub user_agent: String,
    /// The body, as far as it is text.
    pub body: String,
    /// What the server answered, once it did.
    pub status: Option<u16>,
}

impl Seen {
    /// Whether it opens or renews a watch.
    pub fn is_watch(&self) -> bool {
        self.query.split('&').any(|part| matches!(part, "watch=true" | "watch=1"))
    }

    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// What is done to a request.
#[derive(Clone, Debug)]
pub enum Act {
    /// It is answered with this status and body, and never reaches the server.
    Answer(u16, String),
    /// It waits before it is passed on, until the rule is lifted.
    Hold,
    /// It is passed on; its answer waits until the rule is lifted.
    HoldAnswer,
    /// It is passed on; its answer is lost together with the connection.
    LoseAnswer,
    /// It is passed on after so long.
    Delay(Duration),
}

type Matches = dyn Fn(&Seen) -> bool + Send + Sync;

/// Something that is done to requests, until it is lifted.
#[derive(Clone)]
pub struct Rule(Arc<RuleState>);

struct RuleState {
    matches: Box<Matches>,
    act: Act,
    left: AtomicUsize,
    hits: AtomicUsize,
    lifted: watch::Sender<bool>,
}

impl Rule {
    /// How many requests it was done to.
    pub fn hits(&self) -> usize {
        self.0.hits.load(Ordering::SeqCst)
    }

    /// Waits until it was done to so many requests.
    pub fn wait_for_hits(&self, count: usize) {
        wait::soon(&format!("{count} requests meet {:?}", self.0.act), || (self.hits() >= count).then_some(()));
    }

    /// Does it no more, and lets go what waits.
    pub fn lift(&self) {
        self.0.left.store(0, Ordering::SeqCst);
        self.0.lifted.send_replace(true);
    }

    async fn lifted(&self) {
        let _ = self.0.lifted.subscribe().wait_for(|lifted| *lifted).await;
    }
}

/// A running proxy. It ends with its test.
pub struct Proxy {
    shared: Arc<Shared>,
    folder: TempDir,
    accepting: AbortHandle,
}

struct Shared {
    server: String,
    client: reqwest::Client,
    requests: Mutex<Vec<Seen>>,
    rules: Mutex<Vec<Rule>>,
    connections: Mutex<Vec<AbortHandle>>,
    away: AtomicBool,
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

impl Proxy {
    /// A proxy in front of a cluster.
    pub fn before(cluster: &Cluster) -> Self {
        let shared = Arc::new(Shared {
            server: cluster.access().server.clone(),
            client: cluster.access().client(),
            requests: Mutex::default(),
            rules: Mutex::default(),
            connections: Mutex::default(),
            away: AtomicBool::new(false),
        });
        let listener = block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let folder = program::temporary();
        let text = kubeconfig::plain(&format!("http://{address}"));
        std::fs::write(folder.path().join("kubeconfig"), text).expect("a file");
        let accepting = runtime().spawn(accept(listener, shared.clone())).abort_handle();
        Self { shared, folder, accepting }
    }

    /// A kubeconfig that leads through it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Seen> {
        locked(&self.shared.requests).clone()
    }

    /// How many requests there were so far: a place to count from.
    pub fn count(&self) -> usize {
        locked(&self.shared.requests).len()
    }

    /// The requests since then that are more than watches.
    pub fn other_than_watches(&self, since: usize) -> Vec<Seen> {
        self.requests().into_iter().skip(since).filter(|seen| !seen.is_watch()).collect()
    }

    /// The requests since then that change something.
    pub fn writes(&self, since: usize) -> Vec<Seen> {
        self.requests().into_iter().skip(since).filter(Seen::is_write).collect()
    }

    /// Does something to every request that matches.
    pub fn always(&self, act: Act, matches: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> Rule {
        self.times(usize::MAX, act, matches)
    }

    /// Does something to the next `count` requests that match.
    pub fn times(&self, count: usize, act: Act, matches: impl Fn(&Seen) -> bool + Send + Sync + 'static) -> Rule {
        let rule = Rule(Arc::new(RuleState {
            matches: Box::new(matches),
            act,
            left: AtomicUsize::new(count),
            hits: AtomicUsize::new(0),
            lifted: watch::Sender::new(false),
        }));
        locked(&self.shared.rules).push(rule.clone());
        rule
    }

    /// Cuts every connection, and refuses new ones.
    pub fn cut(&self) {
        self.shared.away.store(true, Ordering::SeqCst);
        for connection in locked(&self.shared.connections).drain(..) {
            connection.abort();
        }
    }

    /// Takes connections again.
    pub fn restore(&self) {
        self.shared.away.store(false, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        if shared.away.load(Ordering::SeqCst) {
            continue; // dropped, which closes it
        }
        let serving = tokio::spawn(serve(stream, shared.clone())).abort_handle();
        let mut connections = locked(&shared.connections);
        connections.retain(|connection| !connection.is_finished());
        connections.push(serving);
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| handle(shared.clone(), request));
    // An error is a connection that was lost, by the daemon or on purpose.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// An error closes the connection without an answer.
async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let seen = Seen {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        user_agent: header(USER_AGENT),
        body: String::from_utf8_lossy(&body).into_owned(),
        status: None,
    };
    let (place, rule) = shared.meet(seen);
    // Passed on by a task of its own: that the daemon goes away stops no request that is on its way.
    let forward = |shared: Arc<Shared>| async move {
        let passing = tokio::spawn(async move { shared.forward(place, parts, body).await });
        passing.await.map_err(io::Error::other)?
    };
    match rule.as_ref().map(|rule| (rule, rule.0.act.clone())) {
        None => forward(shared).await,
        Some((_, Act::Answer(status, body))) => {
            shared.answered(place, status);
            let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
            let mut answer = Response::new(body);
            *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
            answer.headers_mut().insert("content-type", "application/json".parse().expect("a header"));
            Ok(answer)
        }
        Some((rule, Act::Hold)) => {
            rule.lifted().await;
            forward(shared).await
        }
        Some((rule, Act::HoldAnswer)) => {
            let answer = forward(shared).await;
            rule.lifted().await;
            answer
        }
        Some((_, Act::LoseAnswer)) => {
            let _ = forward(shared).await;
            Err(io::Error::other("lost on purpose"))
        }
        Some((_, Act::Delay(time))) => {
            tokio::time::sleep(time).await;
            forward(shared).await
        }
    }
}

impl Shared {
    /// Notes a request, and finds what is to be done to it.
    fn meet(&self, seen: Seen) -> (usize, Option<Rule>) {
        let met = locked(&self.rules).iter().find(|Rule(rule)| (rule.matches)(&seen) && take_one(&rule.left)).cloned();
        let mut requests = locked(&self.requests);
        requests.push(seen);
        let place = requests.len() - 1;
        drop(requests);
        if let Some(Rule(rule)) = &met {
            rule.hits.fetch_add(1, Ordering::SeqCst);
        }
        (place, met)
    }

    fn answered(&self, place: usize, status: u16) {
        locked(&self.requests)[place].status = Some(status);
    }

    async fn forward(
        &self,
        place: usize,
        parts: hyper::http::request::Parts,
        body: Bytes,
    ) -> io::Result<Response<Body>> {
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
        let request = self.client.request(parts.method, format!("{}{target}", self.server));
        let request = request.headers(end_to_end(&parts.headers)).body(body);
        let response = request.send().await.map_err(io::Error::other)?;
        self.answered(place, response.status().as_u16());
        let (status, headers) = (response.status(), end_to_end(response.headers()));
        let stream = response.bytes_stream().map(|chunk| chunk.map(Frame::data).map_err(io::Error::other));
        let mut answer = Response::new(StreamBody::new(stream).boxed_unsync());
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        Ok(answer)
    }
}

/// The headers that are not about one connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}

/// Takes one of those that are left, if any is.
fn take_one(left: &AtomicUsize) -> bool {
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| match left {
        0 => None,
        usize::MAX => Some(usize::MAX),
        left => Some(left - 1),
    })
    .is_ok()
}
