//! Git repositories, as bare mirrors under the data folder.

use std::path::PathBuf;

use taffrail_model::configuration::Repository;
use taffrail_model::{Commit, CommitId, Known, Reference, Refusal, Relation, RepositoryName};

/// The head of a branch or the newest tag, as a poll found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The head.
    pub revision: CommitId,
    /// The tag that leads to it, where tags are followed.
    pub tag: Option<String>,
    /// How it relates to the revision that was known.
    pub relation: Relation,
    /// The commits since then, newest first; at most 100. Of a first observation, the head only.
    pub commits: Vec<Commit>,
    /// How many there are.
    pub count: u64,
}

/// What a fetch found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A head that may be taken.
    Taken(Observation),
    /// One that may not.
    Refused(Refusal),
}

/// Why a repository could not be read. No variant holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The server could not be reached, refused, or took too long.
    #[error("cannot fetch {url}: {reason}")]
    Fetch {
        /// The repository's URL.
        url: String,
        /// Why.
        reason: String,
    },
    /// There is no such branch or tag.
    #[error("{url} has no {reference}")]
    NoReference {
        /// The repository's URL.
        url: String,
        /// What is followed.
        reference: Reference,
    },
    /// A file of credentials or certificates, or an entry of a tree, cannot be read.
    #[error("cannot read {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The mirror is damaged or cannot be written.
    #[error("the mirror at {path} failed: {reason}")]
    Mirror {
        /// Where it is.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Reads Git. Calls block, each for no longer than the repository's timeouts allow.
pub trait Repositories: Send + Sync + 'static {
    /// Fetches what is followed and tells its head, and what is new since `known`.
    fn fetch(
        &self,
        name: &RepositoryName,
        repository: &Repository,
        known: Option<&Known>,
    ) -> Result<Fetched, RepositoryError>;

    /// The commit that `wanted` names, a branch's or the start of a commit's id, fetched if it is not there. What is followed
    /// stays as it is, and signatures are not looked at: nothing of it is to be applied.
    fn look(&self, name: &RepositoryName, repository: &Repository, wanted: &str) -> Result<CommitId, RepositoryError>;

    /// The files of a revision that was fetched before.
    fn tree(&self, name: &RepositoryName, revision: &CommitId) -> Result<Box<dyn Tree>, RepositoryError>;
}

/// An entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file's content.
    File(Vec<u8>),
    /// The target of a symbolic link, as it is written.
    Link(String),
    /// A folder.
    Folder,
}

/// The files of one revision, read from Git's objects in memory: never a checkout.
pub trait Tree: Send {
    /// The entry at `path`: segments joined by `/`, without `.` or `..`; empty for the root. `None` when there is none.
    fn entry(&self, path: &str) -> Result<Option<Entry>, RepositoryError>;
}
