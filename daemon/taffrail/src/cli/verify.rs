//! `taffrail verify`.
//!
//! Always: the chain is checked here, from the stored bytes, and the daemon is not trusted with it. "Intact" is said
//! only of a log that was read to its end.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use taffrail_journal::{OpenError, Options, verify_folder};
use taffrail_model::{Digest, Event, Seq};

use super::server::Server;
use crate::client::{Client, block_on};
use crate::configuration::{default_key_file, journal_folder};
use crate::failure::Failure;
use crate::output::Output;

/// Check that the log is complete and unchanged.
///
/// Asks a running daemon for all its events and checks how they are chained; with --data, reads a journal that no
/// daemon has open, and checks the stored documents too.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    server: Server,
    /// The data folder of a daemon that is not running.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The key of the Secrets, when it is not at DIR.key.
    #[arg(long, value_name = "FILE", requires = "data")]
    key_file: Option<PathBuf>,
}

impl Verify {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let intact = match self.data {
            Some(data) => offline(&data, self.key_file)?,
            None => {
                let client = self.server.client(output)?;
                block_on(online(&client))?
            }
        };
        Ok(output.line(&intact)?)
    }
}

fn offline(data: &Path, key_file: Option<PathBuf>) -> Result<String, Failure> {
    let data = std::path::absolute(data).map_err(|error| Failure::usage(format!("--data: {error}")))?;
    let key_file = key_file.unwrap_or_else(|| default_key_file(&data));
    let verified = verify_folder(&Options::new(journal_folder(&data), key_file)).map_err(|error| match &error {
        OpenError::Locked { .. } => Failure::new(format!("{} is open in a running daemon", data.display()))
            .hint("verify through that daemon: leave out --data, and name it with --server if it is not the usual one"),
        OpenError::Absent { .. } => Failure::usage(&error).hint("--data is the `data` folder of the configuration"),
        OpenError::KeyMissing { .. } => Failure::new(&error).hint("--key-file names the key when it lies elsewhere"),
        _ => Failure::new(&error),
    })?;
    let documents = verified.documents;
    Ok(format!("{}; documents beside it, intact too: {documents}", intact(Seq(verified.events), verified.head)))
}

async fn online(client: &Client) -> Result<String, Failure> {
    let mut lines = client.lines(&["events"], &Vec::new()).await?;
    let head = lines.head()?;
    let mut chain = Chain { seq: Seq(0), hash: Digest::ZERO };
    while let Some(line) = lines.next().await? {
        chain.follow(&line).map_err(broken)?;
    }
    match (chain.seq, chain.hash) {
        whole if whole == head => Ok(intact(whole.0, whole.1)),
        (seq, _) if seq < head.0 => Err(broken(format!("event {} is missing: the log ends before it", seq.next()))),
        (seq, _) => Err(broken(format!("event {seq} was changed: its hash is not the one that the daemon knows"))),
    }
}

fn intact(newest: Seq, hash: Digest) -> String {
    format!("the log is intact up to event {newest}, whose hash is {hash}")
}

fn broken(what: String) -> Failure {
    Failure::new(what).hint("keep the data folder as it is, and compare it with a backup or an earlier export")
}

/// The last event that was good.
struct Chain {
    seq: Seq,
    hash: Digest,
}

impl Chain {
    fn follow(&mut self, bytes: &[u8]) -> Result<(), String> {
        let expected = self.seq.next();
        let link = Link::read(bytes).map_err(|error| format!("event {expected} is damaged: {error}"))?;
        if link.seq != expected {
            return Err(format!("event {expected} is missing: {} follows {}", link.seq, self.seq));
        }
        if link.previous != self.hash {
            return Err(format!("event {expected} does not follow event {}: one of the two was changed", self.seq));
        }
        *self = Self { seq: expected, hash: Event::chain(self.hash, bytes) };
        Ok(())
    }
}

/// What links an event to the one before. Its kind may be one that this version does not know.
struct Link {
    seq: Seq,
    previous: Digest,
}

impl Link {
    fn read(bytes: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let seq = value.get("seq").and_then(Value::as_u64).map(Seq).ok_or("it has no number")?;
        let previous = value.get("previous").and_then(Value::as_str).and_then(|text| text.parse().ok());
        Ok(Self { seq, previous: previous.ok_or("it does not name the event before it")? })
    }
}
