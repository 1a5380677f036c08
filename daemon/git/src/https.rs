//! One fetch's conversation over HTTPS: what libgit2 wants to say, said by reqwest and rustls.
//!
//! Always: credentials go to the configured origin only, and a redirect away from it is refused. Certificates are
//! checked, against the repository's own authorities if it has some, else against the system's. Connecting, each silent
//! stretch and the whole have an end, and the bytes that are taken have a limit.

use std::error::Error;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Certificate, Client, RequestBuilder, Response, StatusCode, Url, redirect};
use taffrail_model::configuration::Repository;
use taffrail_ports::repositories::RepositoryError;
use tokio::runtime::{Builder, Runtime};

use crate::login::{self, Login};
use crate::text;

/// Most bytes that one fetch takes from a server.
pub(crate) const LARGEST_TRANSFER: u64 = 8 << 30;
/// Most redirects that are followed.
const MOST_REDIRECTS: usize = 5;
/// Some servers answer only to a client that calls itself git.
const USER_AGENT: &str = concat!("git/2.0 (taffrail ", env!("CARGO_PKG_VERSION"), ")");

/// A conversation with one server. Blocks; not for a thread that drives async tasks.
pub(crate) struct Https {
    /// Where the repository is: what was configured, or what that redirects to.
    base: Mutex<Url>,
    client: Client,
    login: Option<Login>,
    timeout: Duration,
    deadline: Instant,
    taken: AtomicU64,
    /// Always there until dropped.
    runtime: Option<Runtime>,
}

impl Https {
    pub(crate) fn new(
        repository: &Repository,
        base: Url,
        login: Option<Login>,
        deadline: Instant,
    ) -> Result<Self, RepositoryError> {
        let mut client = Client::builder()
            .user_agent(USER_AGENT)
            .https_only(true)
            .referer(false)
            .connect_timeout(repository.timeout)
            .read_timeout(repository.timeout)
            .redirect(redirect::Policy::custom(follow));
        if let Some(path) = &repository.ca_file {
            let problem = |reason: String| RepositoryError::File { path: path.clone(), reason };
            let certificates = Certificate::from_pem_bundle(&login::read(path)?).map_err(|e| problem(innermost(&e)))?;
            if certificates.is_empty() {
                return Err(problem("it holds no PEM certificate".to_owned()));
            }
            client = client.tls_certs_only(certificates);
        }
        let failed = |reason: String| RepositoryError::Fetch { url: base.to_string(), reason };
        let client =
            client.build().map_err(|e| failed(format!("the certificates cannot be used: {}", innermost(&e))))?;
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| failed(e.to_string()))?;
        Ok(Self {
            base: Mutex::new(base),
            client,
            login,
            timeout: repository.timeout,
            deadline,
            taken: AtomicU64::new(0),
            runtime: Some(runtime),
        })
    }

    pub(crate) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Asks for the branches.
    pub(crate) fn branches(&self) -> Result<Response, String> {
        let url = self.url("/info/refs?service=git-upload-pack");
        let response = self.send(self.client.get(url), "application/x-git-upload-pack-advertisement")?;
        let mut url = response.url().clone();
        if let Some(path) = url.path().strip_suffix("/info/refs").map(str::to_owned) {
            url.set_path(&path);
            url.set_query(None);
            *self.base.lock().unwrap_or_else(PoisonError::into_inner) = url;
        }
        Ok(response)
    }

    /// Sends one step of the negotiation; the last one is answered with the objects.
    pub(crate) fn negotiate(&self, step: Vec<u8>) -> Result<Response, String> {
        let request = self
            .client
            .post(self.url("/git-upload-pack"))
            .header(CONTENT_TYPE, "application/x-git-upload-pack-request")
            .body(step);
        self.send(request, "application/x-git-upload-pack-result")
    }

    /// The next piece of an answer; empty at its end.
    pub(crate) fn chunk(&self, response: &mut Response) -> Result<Vec<u8>, String> {
        while let Some(chunk) = self.wait(response.chunk())? {
            let length = chunk.len() as u64;
            if self.taken.fetch_add(length, Ordering::Relaxed).saturating_add(length) > LARGEST_TRANSFER {
                return Err(format!("it sends more than {} GiB", LARGEST_TRANSFER >> 30));
            }
            if length > 0 {
                return Ok(Vec::from(chunk));
            }
        }
        Ok(Vec::new())
    }

    fn url(&self, rest: &str) -> String {
        let base = self.base.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{}{rest}", base.as_str().trim_end_matches('/'))
    }

    fn send(&self, mut request: RequestBuilder, expected: &str) -> Result<Response, String> {
        request = request.header(ACCEPT, expected);
        if let Some(login) = &self.login {
            request = request.basic_auth(&login.user, Some(&login.password));
        }
        let response = self.wait(async { request.send().await })?;
        if response.status() != StatusCode::OK {
            return Err(self.refusal(response.status()));
        }
        let found = response.headers().get(CONTENT_TYPE).map_or(&b"nothing"[..], |value| value.as_bytes());
        if found != expected.as_bytes() {
            let found = text::line(found);
            return Err(format!("it answers with {found}, not as a Git server does: check the url, and any proxy"));
        }
        Ok(response)
    }

    fn wait<T>(&self, work: impl Future<Output = reqwest::Result<T>>) -> Result<T, String> {
        let runtime = self.runtime.as_ref().expect("the runtime is there until the session is dropped");
        let limited = async { tokio::time::timeout_at(self.deadline.into(), work).await };
        match runtime.block_on(limited) {
            Ok(done) => done.map_err(|error| self.explain(&error)),
            Err(_) => Err("the whole fetch took too long".to_owned()),
        }
    }

    fn refusal(&self, status: StatusCode) -> String {
        let file = self.login.as_ref().map(|login| login.file.display());
        match (status, file) {
            (StatusCode::UNAUTHORIZED, Some(file)) => {
                format!("the server refuses the credentials in {file} ({status})")
            }
            (StatusCode::UNAUTHORIZED, None) => format!("the server wants credentials ({status}): set `credentials`"),
            (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, Some(file)) => {
                format!("there is no such repository, or the credentials in {file} may not read it ({status})")
            }
            (StatusCode::FORBIDDEN | StatusCode::NOT_FOUND, None) => {
                format!("there is no such repository, or it wants `credentials` ({status})")
            }
            _ => format!("the server answers {status}"),
        }
    }

    fn explain(&self, error: &reqwest::Error) -> String {
        let reason = innermost(error);
        if error.is_timeout() {
            format!("the server said nothing for {:?} (`timeout`)", self.timeout)
        } else if error.is_dns() {
            format!("the host is not found ({reason}): check the url and the name server")
        } else if reason.contains("certificate") {
            format!("the server's certificate is not trusted ({reason}): set `caFile` to its authority's certificate")
        } else {
            reason
        }
    }
}

impl Drop for Https {
    fn drop(&mut self) {
        // A name server may still be asked, on a thread that a plain drop would wait for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn follow(attempt: redirect::Attempt) -> redirect::Action {
    let start = attempt.previous().first().map(Url::origin);
    if attempt.previous().len() > MOST_REDIRECTS {
        attempt.error("it redirects in circles")
    } else if start == Some(attempt.url().origin()) {
        attempt.follow()
    } else {
        let target = attempt.url().origin().ascii_serialization();
        attempt.error(format!("it redirects to {target}, which is not followed: set the url to where it leads"))
    }
}

/// What the last in the chain of causes says: the outer ones only name layers, and URLs.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use taffrail_model::Reference;

    use super::*;

    #[test]
    fn the_whole_ends_before_the_server_is_silent_for_too_long() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}/shop.git", silent.local_addr().unwrap());
        let repository = Repository {
            url: url.clone(),
            reference: Reference::Branch("main".to_owned()),
            poll: Duration::from_secs(30),
            timeout: Duration::from_secs(60),
            credentials: None,
            ca_file: None,
            verify: None,
        };
        let deadline = Instant::now() + Duration::from_millis(100);
        let session = Https::new(&repository, Url::parse(&url).unwrap(), None, deadline).unwrap();
        assert_eq!(session.branches().unwrap_err(), "the whole fetch took too long");
    }
}
