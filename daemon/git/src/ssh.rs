//! One fetch's conversation over ssh: what libgit2 wants to say, said by russh to a `git-upload-pack` on the other side.
//!
//! Always: the server's key is one that is known, or nothing is sent to it. Connecting, each silent stretch and the whole
//! have an end, and the bytes that are taken have a limit. The only thing that is ever run is `git-upload-pack`.

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, decode_secret_key};
use russh::{Channel, ChannelMsg, Preferred, SshId, client};
use taffrail_model::configuration::SshKey;
use taffrail_model::ssh::SshAddress;
use taffrail_ports::repositories::RepositoryError;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::https::LARGEST_TRANSFER;
use crate::known_hosts::KnownHosts;
use crate::{login, text};

/// Most of what the server says besides that is kept, for its last words.
const LONGEST_COMPLAINT: usize = 4096;

/// A conversation with one server. Blocks; not for a thread that drives async tasks.
pub(crate) struct Ssh {
    address: SshAddress,
    known: Arc<KnownHosts>,
    key: Arc<PrivateKey>,
    key_file: PathBuf,
    timeout: Duration,
    deadline: Instant,
    state: Mutex<State>,
    /// Always there until dropped.
    runtime: Option<Runtime>,
}

enum State {
    Closed,
    Open(Box<Open>),
}

struct Open {
    /// Closes the connection when it is dropped.
    _connection: client::Handle<Greeter>,
    channel: Channel<client::Msg>,
    complaint: Vec<u8>,
    status: Option<u32>,
    taken: u64,
}

/// Looks at the server's key, and notes why it is not taken.
struct Greeter {
    known: Arc<KnownHosts>,
    refusal: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Greeter {
    type Error = russh::Error;

    async fn check_server_key(&mut self, offered: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let checked = match offered.certificate() {
            Some(_) => Err("the server offers a certificate that it was not asked for".to_owned()),
            None => self.known.check(&offered.public_key()),
        };
        let known = checked.is_ok();
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = checked.err();
        Ok(known)
    }
}

impl Ssh {
    pub(crate) fn new(
        address: SshAddress,
        files: &SshKey,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<Self, RepositoryError> {
        let SshKey { ssh_key_file, passphrase_file, known_hosts_file } = files;
        let problem =
            |reason: String| RepositoryError::File { path: ssh_key_file.clone(), reason: text::reason(&reason) };
        let passphrase = passphrase_file.as_deref().map(login::secret).transpose()?;
        let text = String::from_utf8(login::read(ssh_key_file)?).map_err(|_| problem("it is not text".to_owned()))?;
        let key = decode_secret_key(&text, passphrase.as_deref()).map_err(|error| match (error, &passphrase) {
            (russh::keys::Error::KeyIsEncrypted, None) => problem("it is encrypted: set `passphraseFile`".to_owned()),
            (_, Some(_)) => problem("it is no private key, or the passphrase is not its".to_owned()),
            (error, None) => problem(format!("it is no private key that can be used ({error})")),
        })?;
        let known = Arc::new(KnownHosts::read(known_hosts_file, &address)?);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|e| problem(e.to_string()))?;
        Ok(Self {
            address,
            known,
            key: Arc::new(key),
            key_file: ssh_key_file.clone(),
            timeout,
            deadline,
            state: Mutex::new(State::Closed),
            runtime: Some(runtime),
        })
    }

    /// Connects, logs in and starts the other side.
    pub(crate) fn open(&self) -> Result<(), String> {
        let refusal = Arc::new(Mutex::new(None));
        let mut connection = self.greet(&refusal).map_err(|error| {
            let refusal = refusal.lock().unwrap_or_else(PoisonError::into_inner).take();
            refusal.unwrap_or(error)
        })?;
        let user = &self.address.user;
        let hash = match self.key.algorithm().is_rsa() {
            // An answer of `None` is one of a server that does not say; every one that can be used knows this.
            true => self.wait(connection.best_supported_rsa_hash())?.flatten().or(Some(HashAlg::Sha512)),
            false => None,
        };
        let key = PrivateKeyWithHashAlg::new(self.key.clone(), hash);
        if !self.wait(connection.authenticate_publickey(user, key))?.success() {
            let (host, file) = (&self.address.host, self.key_file.display());
            return Err(format!("{host} does not let {user} in with the key in {file}"));
        }
        let channel = self.wait(connection.channel_open_session())?;
        let command = format!("git-upload-pack {}", quoted(&self.address.path));
        self.wait(channel.exec(true, command))?;
        let open = Open { _connection: connection, channel, complaint: Vec::new(), status: None, taken: 0 };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::Open(Box::new(open));
        Ok(())
    }

    fn greet(&self, refusal: &Arc<Mutex<Option<String>>>) -> Result<client::Handle<Greeter>, String> {
        let (host, port) = (self.address.host.as_str(), self.address.port);
        let stream = self.wait(async { Ok(TcpStream::connect((host, port)).await?) })?;
        let config = client::Config {
            client_id: SshId::Standard(concat!("SSH-2.0-taffrail_", env!("CARGO_PKG_VERSION")).into()),
            preferred: Preferred { key: self.known.algorithms(&Preferred::DEFAULT.key).into(), ..Preferred::DEFAULT },
            nodelay: true,
            ..client::Config::default()
        };
        let greeter = Greeter { known: self.known.clone(), refusal: refusal.clone() };
        self.wait(client::connect_stream(Arc::new(config), stream, greeter))
    }

    /// Says something to the other side.
    pub(crate) fn say(&self, bytes: &[u8]) -> Result<(), String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Open(open) = &mut *state else { return Err("the connection is not open".to_owned()) };
        self.wait(open.channel.data_bytes(bytes.to_vec()))
    }

    /// The next piece of what the other side says; empty at its end.
    pub(crate) fn chunk(&self) -> Result<Vec<u8>, String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Open(open) = &mut *state else { return Err("the connection is not open".to_owned()) };
        loop {
            match self.wait(async { Ok(open.channel.wait().await) })? {
                Some(ChannelMsg::Data { data }) if !data.is_empty() => {
                    open.taken += data.len() as u64;
                    if open.taken > LARGEST_TRANSFER {
                        return Err(format!("it sends more than {} GiB", LARGEST_TRANSFER >> 30));
                    }
                    return Ok(data.to_vec());
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let room = LONGEST_COMPLAINT.saturating_sub(open.complaint.len());
                    open.complaint.extend(data.iter().take(room));
                }
                Some(ChannelMsg::ExitStatus { exit_status }) => open.status = Some(exit_status),
                Some(ChannelMsg::Failure | ChannelMsg::OpenFailure(_)) => {
                    return Err("the server does not run git-upload-pack".to_owned());
                }
                Some(ChannelMsg::Close) | None => return open.ended(),
                Some(_) => {}
            }
        }
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, russh::Error>>) -> Result<T, String> {
        let runtime = self.runtime.as_ref().expect("the runtime is there until the session is dropped");
        let silent = Instant::now() + self.timeout;
        let end = silent.min(self.deadline);
        match runtime.block_on(async { tokio::time::timeout_at(end.into(), work).await }) {
            Ok(done) => done.map_err(|error| explain(&error)),
            Err(_) if end == silent => Err(format!("the server said nothing for {:?} (`timeout`)", self.timeout)),
            Err(_) => Err("the whole fetch took too long".to_owned()),
        }
    }
}

impl Open {
    fn ended(&self) -> Result<Vec<u8>, String> {
        let complaint = text::reason(&String::from_utf8_lossy(&self.complaint));
        match self.status {
            Some(0) => Ok(Vec::new()),
            Some(_) if !complaint.is_empty() => Err(complaint),
            Some(status) => Err(format!("git-upload-pack ended there with {status}")),
            None if !complaint.is_empty() => Err(complaint),
            None => Err("the server closed the connection".to_owned()),
        }
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        // A name server may still be asked, on a thread that a plain drop would wait for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn explain(error: &russh::Error) -> String {
    match error {
        russh::Error::NoCommonAlgo { kind, theirs, .. } => {
            format!("the server knows no {kind:?} algorithm that is safe to use, only {}", theirs.join(", "))
        }
        russh::Error::HUP | russh::Error::Disconnect | russh::Error::SendError | russh::Error::RecvError => {
            "the server closed the connection".to_owned()
        }
        error => error.to_string(),
    }
}

/// One word for a shell on the other side, as git quotes it.
fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', r"'\''").replace('!', r"'\!'"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_path_stays_one_word() {
        assert_eq!(quoted("/srv/shop.git"), "'/srv/shop.git'");
        assert_eq!(quoted("/a b';rm -rf x!'"), r"'/a b'\'';rm -rf x'\!''\'''");
    }
}
