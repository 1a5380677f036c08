//! `taffrail export`.
//!
//! Always: a file of the name that was given is a whole export that was read back, or what it was before. A daemon is
//! asked only when it keeps the very journal that is meant.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Url;
use taffrail_journal::{ExportFolderError, OpenError, Options, check_export, export_folder, recorded_head};
use taffrail_model::Seq;
use taffrail_ports::journal::ExportError;

use super::server::Server;
use crate::client::{Client, Query, block_on};
use crate::configuration::{self, default_key_file, journal_folder};
use crate::failure::Failure;
use crate::output::Output;

/// Write everything that is needed to restore the journal to a file.
///
/// The file holds all events and documents; Secrets are in it encrypted. It does not hold their key: keep that as well,
/// elsewhere. A running daemon is asked for it, and goes on meanwhile.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// Where it goes; `-` is the standard output.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The last event that is exported [default: the newest].
    #[arg(long, value_name = "SEQ")]
    at: Option<u64>,
    /// The configuration file of the daemon.
    #[arg(long, short, value_name = "FILE", default_value = "taffrail.yaml", conflicts_with_all = ["data", "key_file"])]
    config: PathBuf,
    /// The data folder of the daemon, instead of its configuration file.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The key of the Secrets, when it is not at DIR.key.
    #[arg(long, value_name = "FILE", requires = "data")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    server: Server,
}

impl Export {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let (data, options, client) = self.place(output)?;
        let at = self.at.map(Seq);
        let export = |to: &mut dyn Write| match export_folder(&options, at, to) {
            Ok(_) => Ok(()),
            Err(ExportFolderError::Open(OpenError::Locked { .. })) => {
                block_on(online(&client, &data, &options, at, to))
            }
            Err(error) => Err(failed(error)),
        };
        if self.to == Path::new("-") {
            if io::stdout().is_terminal() {
                return Err(Failure::usage("an export is nothing for a terminal").hint("name a file, or pipe it on"));
            }
            return export(&mut output.results());
        }
        let written = write(&self.to, export)?;
        Ok(output.line(&written)?)
    }

    /// The data folder, its journal, and the daemon that may run on it.
    fn place(&self, output: &mut Output) -> Result<(PathBuf, Options, Client), Failure> {
        let (data, key_file, client) = match &self.data {
            Some(data) => {
                let data = std::path::absolute(data).map_err(|error| Failure::usage(format!("--data: {error}")))?;
                let key_file = self.key_file.clone().unwrap_or_else(|| default_key_file(&data));
                (data, key_file, self.server.client(output)?)
            }
            None => {
                let settings = configuration::load(&self.config).map_err(|errors| Failure::configuration(&errors))?;
                let client = self.server.client_or(&url(settings.listen), output)?;
                (settings.data, settings.key_file, client)
            }
        };
        let options = Options::new(journal_folder(&data), key_file);
        Ok((data, options, client))
    }
}

/// Where a daemon that listens there is reached from this machine.
fn url(listen: SocketAddr) -> Url {
    let address = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        address => address,
    };
    let url = format!("http://{}", SocketAddr::new(address, listen.port()));
    Url::parse(&url).expect("an address and a port make a URL")
}

/// Takes the export from the daemon that runs on the folder.
async fn online(
    client: &Client,
    data: &Path,
    options: &Options,
    at: Option<Seq>,
    to: &mut dyn Write,
) -> Result<(), Failure> {
    let in_use = || format!("{} is open in a running daemon", data.display());
    let head = recorded_head(options).map_err(Failure::new)?;
    let (seq, hash) = head.ok_or_else(|| Failure::new(in_use()).hint("it has just started: try again"))?;
    let event = client.json(&["events", &seq.to_string()], &Query::new()).await.map_err(|error| {
        Failure::new(format!("{}, which must be asked: {error}", in_use())).hint("--server URL names that daemon")
    })?;
    if event["hash"].as_str() != Some(&hash.to_string()) {
        let error = format!("{}, and the daemon that was asked keeps another journal", in_use());
        return Err(Failure::new(error).hint("--server URL names the daemon that runs on it"));
    }
    let query = at.iter().map(|at| ("at", at.to_string())).collect();
    client.download(&["export"], &query, to).await
}

fn failed(error: ExportFolderError) -> Failure {
    match &error {
        ExportFolderError::Open(OpenError::Absent { .. }) => {
            Failure::usage(&error).hint("--data or --config names where the journal is")
        }
        ExportFolderError::Open(OpenError::KeyMissing { .. }) => {
            Failure::new(&error).hint("--key-file names the key when it lies elsewhere")
        }
        ExportFolderError::Export(ExportError::NoSuchEvent { .. }) => Failure::usage(&error),
        _ => Failure::new(&error),
    }
}

/// Writes the export beside its place, reads it back, and puts it there. Says what it holds.
fn write(to: &Path, export: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<String, Failure> {
    let mut name = to.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let written = fill(&new, export).and_then(|said| {
        let moved = fs::rename(&new, to).and_then(|()| sync_parent(to));
        moved.map_err(|error| unwritable(to, error))?;
        Ok(format!("{said}, is in {}", to.display()))
    });
    if written.is_err() {
        // It may not be there; and what is wrong was said already.
        let _ = fs::remove_file(&new);
    }
    written
}

fn fill(new: &Path, export: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<String, Failure> {
    let unwritable = |error| unwritable(new, error);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(new).map_err(unwritable)?;
    let mut to = BufWriter::new(file);
    export(&mut to)?;
    let file = to.into_inner().map_err(|error| unwritable(error.into_error()))?;
    file.sync_all().map_err(unwritable)?;
    let mut written = BufReader::new(File::open(new).map_err(unwritable)?);
    let held = check_export(&mut written).map_err(|error| Failure::new(error).hint("try again"))?;
    Ok(format!("the journal up to event {}, whose hash is {}, with {} documents", held.seq, held.hash, held.documents))
}

fn unwritable(file: &Path, error: io::Error) -> Failure {
    Failure::new(format!("{} cannot be written: {error}", file.display()))
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
