//! Reads taffrail.yaml. `config/taffrail.yaml` explains every setting.
//!
//! Always: what was read is valid as a whole, or every independent fault is reported, each with file, line and column;
//! no text makes the reader panic; no password is read, kept or shown; paths are absolute.

mod application;
mod paths;
mod repository;
mod root;
mod urls;
mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use taffrail_http::Loopback;
use taffrail_model::configuration::Configuration;
use taffrail_model::{ClusterName, RepositoryName};
use taffrail_yaml::{Error, Errors};

pub use paths::{default_key_file, journal_folder};

/// What a configuration file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The folder of the journal and the Git mirrors.
    pub data: PathBuf,
    /// The key of the Secrets; never inside of `data`.
    pub key_file: PathBuf,
    /// Where the API listens; beyond loopback only with [`Api::tokens_file`].
    pub listen: SocketAddr,
    /// Where probes and metrics are served besides.
    pub telemetry: Option<SocketAddr>,
    /// Who may ask the API.
    pub api: Api,
    /// The files of the secrets by which hooks of repositories are signed.
    pub hooks: BTreeMap<RepositoryName, PathBuf>,
    /// What this process writes about itself.
    pub log: Log,
    /// How the clusters are found; the one of the default's name always is.
    pub clusters: BTreeMap<ClusterName, Cluster>,
    /// What decides something: the part that is recorded.
    pub configuration: Configuration,
}

/// Who may ask the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Api {
    /// The file of the tokens.
    pub tokens_file: Option<PathBuf>,
    /// Whether callers on this machine must show one.
    pub loopback: Loopback,
    /// Names by which a loopback listener may be called, as a proxy before it does.
    pub hosts: Vec<String>,
}

/// What this process writes about itself, on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// What is left out.
    pub level: LogLevel,
}

/// How a line of the process's log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The least level that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may fail next.
    Warn,
    /// What was done.
    #[default]
    Info,
    /// How.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The name of the level, as `tracing` reads it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// How the cluster is found: as kubectl does, when nothing is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The kubeconfig; without one `$KUBECONFIG`, `~/.kube/config`, or the service account of the pod.
    pub kubeconfig: Option<PathBuf>,
    /// The context of it; without one the current context.
    pub context: Option<String>,
}

/// Largest configuration file: room for some ten thousand applications.
const LARGEST: u64 = 16 << 20;

/// Reads and checks the file at `path`.
pub fn load(path: &Path) -> Result<Settings, Errors> {
    let file = path.display().to_string();
    let failed = |error: std::io::Error| Error::of(&file, format!("cannot be read: {error}"));
    let mut bytes = Vec::new();
    // One byte more than allowed: the reader refuses the rest by its own limit.
    File::open(path).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(failed)?;
    let absolute = std::path::absolute(path).map_err(failed)?;
    read(&bytes, &file, absolute.parent().unwrap_or(Path::new("/")))
}

/// Reads and checks `bytes`. Errors call them `file`; relative paths in them start at `folder`.
pub fn read(bytes: &[u8], file: &str, folder: &Path) -> Result<Settings, Errors> {
    root::read(bytes, file, folder)
}
