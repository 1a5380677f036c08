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
use crate::text;

/// The address that leads to the lent session. It is fixed, so that neither `insteadOf` in somebody's gitconfig nor an
/// error of libgit2 has a URL to play with.
pub(crate) const ADDRESS: &str = "taffrail://repository";

/// One fetch's conversation with a server.
pub(crate) struct Session {
    pub(crate) https: Https,
    heard: Mutex<Advertisement>,
}

impl Session {
    pub(crate) fn new(https: Https) -> Self {
        Self { https, heard: Mutex::default() }
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
            Transport::smart(remote, true, Conversation(session))
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
        let state = match action {
            Service::UploadPackLs => State::Branches,
            Service::UploadPack => State::Step(Vec::new()),
            Service::ReceivePackLs | Service::ReceivePack => return Err(failure("nothing is ever pushed")),
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
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let response = match &mut self.state {
                State::Branches => self.session.https.branches(),
                State::Step(step) => self.session.https.negotiate(std::mem::take(step)),
                State::Answer { response, chunk } => {
                    let length = chunk.read(buffer)?;
                    if length > 0 || buffer.is_empty() {
                        return Ok(length);
                    }
                    *chunk = io::Cursor::new(self.session.https.chunk(response).map_err(broken)?);
                    self.session.hear(chunk.get_ref());
                    if chunk.get_ref().is_empty() {
                        return Ok(0);
                    }
                    continue;
                }
            };
            let response = response.map_err(broken)?;
            self.state = State::Answer { response, chunk: io::Cursor::default() };
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.state {
            State::Step(step) => step.extend_from_slice(bytes),
            State::Branches | State::Answer { .. } => return Err(io::Error::other("it is not our turn to speak")),
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
