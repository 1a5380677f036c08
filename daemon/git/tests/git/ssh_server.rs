//! An ssh server of a test's own, in this process: it lets one key in and runs `git upload-pack`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handle, Handler, Msg, Session, VerifiedPublicKey, run_stream};
use russh::{Channel, ChannelId, ChannelMsg, Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::runtime::{Builder, Runtime};

/// A key that is the same in every run.
pub fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// What the server does once somebody is let in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Serve,
    /// It lets in, and then says nothing.
    Silent,
}

/// A running server. It ends with its test.
pub struct SshServer {
    pub address: SocketAddr,
    /// What clients asked to have run.
    pub commands: Arc<Mutex<Vec<String>>>,
    runtime: Option<Runtime>,
}

impl SshServer {
    /// With the host keys, letting `client` in as `git`, with the repositories in `root`.
    pub fn start(hosts: Vec<PrivateKey>, client: &PublicKey, root: PathBuf, manner: Manner) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let config = Arc::new(Config {
            keys: hosts,
            auth_rejection_time: Duration::from_millis(10),
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..Config::default()
        });
        let commands = Arc::new(Mutex::new(Vec::new()));
        let guest = Guest { client: client.clone(), root, manner, commands: commands.clone(), channel: None };
        let (sender, address) = mpsc::channel();
        runtime.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let (config, guest) = (config.clone(), guest.clone());
                tokio::spawn(async move {
                    if let Ok(session) = run_stream(config, stream, guest).await {
                        let _ = session.await;
                    }
                });
            }
        });
        let address = address.recv_timeout(Duration::from_secs(10)).unwrap();
        Self { address, commands, runtime: Some(runtime) }
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Guest {
    client: PublicKey,
    root: PathBuf,
    manner: Manner,
    commands: Arc<Mutex<Vec<String>>>,
    channel: Option<Channel<Msg>>,
}

impl Clone for Guest {
    fn clone(&self) -> Self {
        let (client, root, commands) = (self.client.clone(), self.root.clone(), self.commands.clone());
        Self { client, root, manner: self.manner, commands, channel: None }
    }
}

impl Handler for Guest {
    type Error = Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Error> {
        let known = user == "git" && key.public_key.key_data() == self.client.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Result<(), Error> {
        let command = String::from_utf8(command.to_vec()).unwrap();
        self.commands.lock().unwrap().push(command.clone());
        session.channel_success(id)?;
        let channel = self.channel.take().unwrap();
        if self.manner == Manner::Silent {
            self.channel = Some(channel);
            return Ok(());
        }
        let path = command.strip_prefix("git-upload-pack '/").unwrap().strip_suffix('\'').unwrap();
        tokio::spawn(serve(channel, session.handle(), self.root.join(path)));
        Ok(())
    }
}

async fn serve(channel: Channel<Msg>, handle: Handle, repository: PathBuf) {
    let id = channel.id();
    let mut child = Command::new("git")
        .arg("upload-pack")
        .arg(repository)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut heard, _saying) = channel.split();
    let hearing = tokio::spawn(async move {
        while let Some(message) = heard.wait().await {
            match message {
                ChannelMsg::Data { data } if stdin.write_all(&data).await.is_err() => break,
                ChannelMsg::Eof => break,
                _ => {}
            }
        }
    });
    let mut buffer = vec![0; 1 << 14];
    while let Ok(length @ 1..) = stdout.read(&mut buffer).await {
        if handle.data(id, buffer[..length].to_vec()).await.is_err() {
            return;
        }
    }
    let mut complaint = Vec::new();
    stderr.read_to_end(&mut complaint).await.unwrap();
    if !complaint.is_empty() {
        let _ = handle.extended_data(id, 1, complaint).await;
    }
    let status = child.wait().await.unwrap().code().unwrap_or(255);
    let _ = handle.exit_status_request(id, u32::try_from(status).unwrap()).await;
    let _ = handle.close(id).await;
    hearing.abort();
}
