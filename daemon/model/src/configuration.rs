//! What a configuration says, after it was read and checked. `config/taffrail.yaml` explains every setting.
//!
//! Always: nothing in here is a secret. Credentials are paths of files; a URL holds no user or password.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::{ApplicationName, RepositoryName};

/// The part of a configuration that decides something: it is recorded whenever it changes. What only concerns this
/// process (folders, addresses) is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The repositories.
    pub repositories: BTreeMap<RepositoryName, Repository>,
    /// The applications.
    pub applications: BTreeMap<ApplicationName, Application>,
}

impl Configuration {
    /// The bytes that are digested and stored: RFC 8785 JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("the type has only string keys and no floats")
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}

/// A Git repository that is polled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Repository {
    /// `https://...` or `file:///...`.
    pub url: String,
    /// The branch.
    pub branch: String,
    /// Time between two polls; a tenth of it is added or taken at random.
    #[serde(with = "crate::duration::text")]
    pub poll: Duration,
    /// Longest time for connecting and for each silent stretch of a transfer.
    #[serde(with = "crate::duration::text")]
    pub timeout: Duration,
    /// Where the credentials are, if any.
    pub credentials: Option<Credentials>,
    /// A file of PEM certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Where credentials are read from, at every poll.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Credentials {
    /// A file with a token, sent as password of the user `git`.
    #[serde(rename_all = "camelCase")]
    Token {
        /// The file.
        token_file: PathBuf,
    },
    /// A name and a file with a password.
    #[serde(rename_all = "camelCase")]
    Basic {
        /// The name.
        user: String,
        /// The file.
        password_file: PathBuf,
    },
}

/// An application: a path of a repository that is kept in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// The repository.
    pub repository: RepositoryName,
    /// The folder that is rendered, relative to the repository's root.
    pub path: String,
    /// For objects that name none.
    pub namespace: Option<String>,
    /// How it is applied.
    pub sync: SyncPolicy,
    /// How it is judged.
    pub gate: GatePolicy,
    /// What happens when it fails.
    pub on_failure: OnFailure,
}

/// How an application is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncPolicy {
    /// Delete what is no longer desired.
    pub prune: bool,
    /// How long refusals that may pass are tried again.
    #[serde(with = "crate::duration::text")]
    pub timeout: Duration,
}

impl Default for SyncPolicy {
    fn default() -> Self {
        Self { prune: true, timeout: Duration::from_secs(600) }
    }
}

/// How an application is judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GatePolicy {
    /// How long it may take until everything is healthy.
    #[serde(with = "crate::duration::text")]
    pub timeout: Duration,
    /// How long everything must stay healthy.
    #[serde(with = "crate::duration::text")]
    pub settle: Duration,
    /// When it fails early.
    pub fail_fast: FailFast,
    /// Checks that must pass besides.
    pub checks: Vec<Check>,
    /// How long the clocks may stand still, in all, while the cluster cannot be seen; they run on after that.
    #[serde(with = "crate::duration::text")]
    pub longest_pause: Duration,
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(600),
            settle: Duration::from_secs(30),
            fail_fast: FailFast::default(),
            checks: Vec::new(),
            longest_pause: Duration::from_secs(24 * 3600),
        }
    }
}

impl GatePolicy {
    /// Names this configuration of a gate, for quarantines.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json_canonicalizer::to_vec(self).expect("the type has only string keys and no floats"))
    }
}

/// When a gate fails before its deadline, since it cannot pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailFast {
    /// A container was restarted so many times.
    pub restarts: u32,
    /// An image could not be pulled for so long.
    #[serde(with = "crate::duration::text")]
    pub image_pull: Duration,
    /// Anything else was degraded for so long.
    #[serde(with = "crate::duration::text")]
    pub after: Duration,
}

impl Default for FailFast {
    fn default() -> Self {
        Self { restarts: 3, image_pull: Duration::from_secs(30), after: Duration::from_secs(20) }
    }
}

/// A check of a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// A GET must answer with a status from 200 to 299.
    #[serde(rename_all = "camelCase")]
    Http {
        /// The URL.
        url: String,
        /// Longest time for an answer.
        #[serde(with = "crate::duration::text")]
        timeout: Duration,
        /// Time between two tries.
        #[serde(with = "crate::duration::text")]
        interval: Duration,
    },
}

/// What happens when a sync or its gate fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Go back to the newest state that passed its gate.
    #[default]
    Revert,
    /// Leave everything as it is.
    Hold,
}
