//! What a configuration says, after it was read and checked. `config/taffrail.yaml` explains every setting.
//!
//! Always: nothing in here is a secret. Credentials are paths of files; a URL holds no user or password.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::name::{ApplicationName, ClusterName, RepositoryName};
use crate::reference::Reference;

/// The part of a configuration that decides something: it is recorded whenever it changes. What only concerns this
/// process (folders, addresses) is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The repositories.
    pub repositories: BTreeMap<RepositoryName, Repository>,
    /// The applications.
    pub applications: BTreeMap<ApplicationName, Application>,
    /// The clusters: what is decided with, not how they are reached. One that is not named has the defaults.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<ClusterName, Cluster>,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cluster {
    /// The namespace in which the claims on applications lie.
    pub claims: String,
}

impl Default for Cluster {
    fn default() -> Self {
        Self { claims: "default".to_owned() }
    }
}

impl Configuration {
    /// The bytes that are digested and stored: RFC 8785 JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(self).expect("the type has only string keys and no floats")
    }

    /// The cluster that an application is in.
    pub fn cluster_of(&self, application: &Application) -> Cluster {
        self.clusters.get(&application.cluster).cloned().unwrap_or_default()
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
    /// `https://...`, `ssh://...`, `git@host:...` or `file:///...`.
    pub url: String,
    /// What is followed.
    #[serde(flatten)]
    pub reference: Reference,
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
    /// Who must have signed every commit; without it nobody must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Verify>,
}

/// Whose signatures count, read at every poll. With neither file there is nobody, and no commit is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verify {
    /// A file of ssh keys, as `ssh-keygen` keeps its allowed signers.
    pub allowed_signers: Option<PathBuf>,
    /// A file of armored PGP keys.
    pub pgp_keys: Option<PathBuf>,
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
    /// A key for ssh.
    Ssh(SshKey),
}

/// What ssh logs in with, and whom it trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SshKey {
    /// A file with a private key.
    pub ssh_key_file: PathBuf,
    /// A file with the key's passphrase, if it has one.
    pub passphrase_file: Option<PathBuf>,
    /// A file with the keys of servers, as OpenSSH keeps it.
    pub known_hosts_file: PathBuf,
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
    /// The cluster that it is kept in.
    #[serde(default, skip_serializing_if = "is_default")]
    pub cluster: ClusterName,
    /// The service account that its writes are made as, by impersonation; the daemon's own identity without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccount>,
    /// How it is applied.
    pub sync: SyncPolicy,
    /// How it is judged.
    pub gate: GatePolicy,
    /// What happens when it fails.
    pub on_failure: OnFailure,
}

/// A service account of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ServiceAccount {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// How an application is applied. What has its default is not stored, so that older configurations keep their digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncPolicy {
    /// What starts a sync.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mode: SyncMode,
    /// Delete what is no longer desired.
    pub prune: bool,
    /// The share of an application's objects, in percent, that may be pruned without being acknowledged.
    #[serde(default = "prune_limit", skip_serializing_if = "is_prune_limit")]
    pub prune_limit: u8,
    /// What is done about drift.
    #[serde(default, skip_serializing_if = "is_default")]
    pub drift: DriftPolicy,
    /// What is done about fields that others manage and that were never ours.
    #[serde(default, skip_serializing_if = "is_default")]
    pub conflicts: ConflictPolicy,
    /// What is done about objects that are there already and not ours.
    #[serde(default, skip_serializing_if = "is_default")]
    pub foreign: ForeignPolicy,
    /// How long refusals that may pass are tried again.
    #[serde(with = "crate::duration::text")]
    pub timeout: Duration,
}

impl Default for SyncPolicy {
    fn default() -> Self {
        Self {
            mode: SyncMode::default(),
            prune: true,
            prune_limit: PRUNE_LIMIT,
            drift: DriftPolicy::default(),
            conflicts: ConflictPolicy::default(),
            foreign: ForeignPolicy::default(),
            timeout: Duration::from_secs(600),
        }
    }
}

/// The default of [`SyncPolicy::prune_limit`].
pub const PRUNE_LIMIT: u8 = 30;

fn prune_limit() -> u8 {
    PRUNE_LIMIT
}

fn is_prune_limit(limit: &u8) -> bool {
    *limit == PRUNE_LIMIT
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What starts a sync: `sync.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SyncMode {
    /// A changed desired state.
    #[default]
    Automatic,
    /// A person's order.
    Manual,
}

/// What is done about drift: `sync.heal`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DriftPolicy {
    /// It is recorded and mended.
    #[default]
    Heal,
    /// It is recorded.
    Record,
}

/// What is done about fields that others manage and that were never ours: `sync.conflicts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ConflictPolicy {
    /// The sync fails and names them.
    #[default]
    Fail,
    /// They are taken.
    Take,
}

/// What is done about objects that are there already and not ours: `adopt`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ForeignPolicy {
    /// The sync fails and names them.
    #[default]
    Refuse,
    /// They are taken over from whoever applied them.
    TakeOver,
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
    /// How long it keeps judging after it passed; not at all when zero.
    #[serde(default, skip_serializing_if = "Duration::is_zero", with = "crate::duration::text")]
    pub watch: Duration,
    /// How many of the last lines of a failed container's log are recorded.
    #[serde(default = "log_lines", skip_serializing_if = "is_log_lines")]
    pub log_lines: u8,
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
            watch: Duration::ZERO,
            log_lines: LOG_LINES,
            longest_pause: Duration::from_secs(24 * 3600),
        }
    }
}

/// The default of [`GatePolicy::log_lines`].
pub const LOG_LINES: u8 = 20;

fn log_lines() -> u8 {
    LOG_LINES
}

fn is_log_lines(lines: &u8) -> bool {
    *lines == LOG_LINES
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
    /// The same, asked of a Service through the API server's proxy.
    #[serde(rename_all = "camelCase")]
    Service {
        /// What is asked.
        target: ServiceTarget,
        /// Longest time for an answer.
        #[serde(with = "crate::duration::text")]
        timeout: Duration,
        /// Time between two tries.
        #[serde(with = "crate::duration::text")]
        interval: Duration,
    },
}

/// A path of a Service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTarget {
    /// The Service's namespace; the application's without one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its port, by number or name.
    pub port: String,
    /// The path, from `/` on.
    pub path: String,
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
