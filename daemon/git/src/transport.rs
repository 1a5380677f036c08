//! Hands libgit2's smart protocol to a [`Session`]: the scheme `taffrail:` is fetched over the session lent last.
//!
//! Always: the scheme is registered before the first remote is made, and nobody but this crate uses libgit2.

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};

use git2::transport::{Service, SmartSubtransport, SmartSubtransportStream, Transport};
use git2::{ErrorClass, ErrorCode};
use reqwest::Response;

use crate::advertisement::{Advertisement, Tag};
use crate::https::Https;
use crate::ssh::Ssh;
use crate::text;

/// The address that leads to the lent session. It is fixed, so that neither `insteadOf` in somebody's gitconfig nor an
/// error of libgit2 has a URL to play with.
pub(crate) const ADDRESS: &str = "taffrail://repository";

/// One fetch's conversation with a server.
pub(crate) struct Session {
    line: Line,
    heard: Mutex<Advertisement>,
}

/// How it is held.
pub(crate) enum Line {
    /// In questions and answers.
    Https(Https),
    /// With a program on the other side, that hears and speaks until it ends.
    Ssh(Ssh),
}

impl Session {
    pub(crate) fn new(line: Line) -> Self {
        Self { line, heard: Mutex::default() }
    }

    /// `text` without the password that is sent.
    pub(crate) fn scrub(&self, text: String) -> String {
        match &self.line {
            Line::Https(https) => https.login().map(|login| login.scrub(&text)).unwrap_or(text),
            Line::Ssh(_) => text,
        }
    }

    /// The tags that the server has, once it was connected to.
    pub(crate) fn tags(&self) -> Result<Vec<Tag>, String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.tags().map(<[Tag]>::to_vec)
    }

    fn hear(&self, bytes: &[u8]) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).hear(bytes);
    }
}

thread_local! {
    static LENT: RefCell<Option<Arc<Session>>> = const { RefCell::new(None) };
}

/// Makes the next connection to [`ADDRESS`] on this thread use `session`.
pub(crate) fn lend(session: Arc<Session>) {
    LENT.set(Some(session));
}

/// Makes [`ADDRESS`] known. To be called before any remote is made.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let make = |remote: &git2::Remote<'_>| {
            let session = LENT.take().ok_or_else(|| failure("no session was lent"))?;
            Transport::smart(remote, matches!(session.line, Line::Https(_)), Conversation(session))
        };
        #[expect(unsafe_code, reason = "git2 has no safe way to give libgit2 a transport")]
        // SAFETY: it must not run beside the making of another transport. `Once` runs it alone, `Mirrors::new` calls it
        // before there is a mirror to fetch into, and nothing else in the process uses libgit2.
        unsafe { git2::transport::register("taffrail", make) }.expect("the scheme is registered once");
    });
}

struct Conversation(Arc<Session>);

impl SmartSubtransport for Conversation {
    fn action(&self, _: &str, action: Service) -> Result<Box<dyn SmartSubtransportStream>, git2::Error> {
        let state = match (action, &self.0.line) {
            (Service::UploadPackLs, Line::Https(_)) => State::Branches,
            (Service::UploadPack, Line::Https(_)) => State::Step(Vec::new()),
            // libgit2 asks for the one stream once.
            (Service::UploadPackLs | Service::UploadPack, Line::Ssh(ssh)) => {
                ssh.open().map_err(|reason| failure(&text::reason(&reason)))?;
                State::Talk(io::Cursor::default())
            }
            (Service::ReceivePackLs | Service::ReceivePack, _) => return Err(failure("nothing is ever pushed")),
        };
        Ok(Box::new(Stream { session: self.0.clone(), state }))
    }

    fn close(&self) -> Result<(), git2::Error> {
        Ok(())
    }
}

struct Stream {
    session: Arc<Session>,
    state: State,
}

enum State {
    Branches,
    Step(Vec<u8>),
    Answer { response: Response, chunk: io::Cursor<Vec<u8>> },
    Talk(io::Cursor<Vec<u8>>),
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let response = match (&mut self.state, &self.session.line) {
                (State::Answer { chunk, .. } | State::Talk(chunk), _)
                    if chunk.position() < chunk.get_ref().len() as u64 =>
                {
                    return chunk.read(buffer);
                }
                (State::Branches, Line::Https(https)) => https.branches().map_err(broken)?,
                (State::Step(step), Line::Https(https)) => https.negotiate(std::mem::take(step)).map_err(broken)?,
                (State::Answer { response, chunk }, Line::Https(https)) => {
                    *chunk = io::Cursor::new(https.chunk(response).map_err(broken)?);
                    self.session.hear(chunk.get_ref());
                    return chunk.read(buffer);
                }
                (State::Talk(chunk), Line::Ssh(ssh)) => {
                    *chunk = io::Cursor::new(ssh.chunk().map_err(broken)?);
                    self.session.hear(chunk.get_ref());
                    return chunk.read(buffer);
                }
                _ => return Err(io::Error::other("this is not how the server is spoken to")),
            };
            self.state = State::Answer { response, chunk: io::Cursor::default() };
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (&mut self.state, &self.session.line) {
            (State::Step(step), _) => step.extend_from_slice(bytes),
            (State::Talk(_), Line::Ssh(ssh)) => ssh.say(bytes).map_err(broken)?,
            _ => return Err(io::Error::other("it is not our turn to speak")),
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// git2 aborts on an error with a NUL in it.
fn broken(reason: String) -> io::Error {
    io::Error::other(text::reason(&reason))
}

fn failure(reason: &str) -> git2::Error {
    git2::Error::new(ErrorCode::GenericError, ErrorClass::Net, reason)
}
