//! The mirrors of all repositories, below one folder.
//!
//! Always: one fetch a repository at a time; reads run beside it. A mirror found damaged, by a fetch or by a read, is
//! made anew by that fetch or the next, and never reads as empty.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use taffrail_model::configuration::Repository;
use taffrail_model::{CommitId, Known, Reference, RepositoryName};
use taffrail_ports::repositories::{Fetched, Repositories, RepositoryError, Tree};

use crate::mirror::{self, Failure};
use crate::source::Source;
use crate::{look, transport, tree};

/// Bare mirrors, each in a folder of its repository's name that only our user can read.
pub struct Mirrors {
    folder: PathBuf,
    states: Mutex<BTreeMap<RepositoryName, Arc<State>>>,
}

/// What this process knows of a mirror.
#[derive(Default)]
pub(crate) struct State {
    fetching: Mutex<()>,
    damaged: AtomicBool,
}

impl State {
    /// Has the next fetch make the mirror anew.
    pub(crate) fn mark_damaged(&self) {
        self.damaged.store(true, Ordering::Relaxed);
    }
}

impl Mirrors {
    /// Mirrors below `folder`, which is made when it is needed.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        transport::register();
        Self { folder: folder.into(), states: Mutex::default() }
    }

    fn state(&self, name: &RepositoryName) -> Arc<State> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner).entry(name.clone()).or_default().clone()
    }
}

impl Repositories for Mirrors {
    fn fetch(
        &self,
        name: &RepositoryName,
        repository: &Repository,
        known: Option<&Known>,
    ) -> Result<Fetched, RepositoryError> {
        let state = self.state(name);
        let _alone = state.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let source = Source::open(repository)?;
        let path = self.folder.join(name.as_str());
        if path.exists() {
            let reason = if state.damaged.load(Ordering::Relaxed) {
                "a read failed".to_owned()
            } else {
                match mirror::update(&path, &source, known) {
                    Ok(fetched) => return Ok(fetched),
                    Err(Failure::Elsewhere(error)) => return Err(error),
                    Err(Failure::Here(error)) => error.message().to_owned(),
                }
            };
            tracing::warn!(repository = %name, reason, "the mirror is damaged: cloning anew");
        }
        let fetched = mirror::clone(&path, &source, known)?;
        state.damaged.store(false, Ordering::Relaxed);
        Ok(fetched)
    }

    fn look(&self, name: &RepositoryName, repository: &Repository, wanted: &str) -> Result<CommitId, RepositoryError> {
        let state = self.state(name);
        let _alone = state.fetching.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.folder.join(name.as_str());
        if !path.exists() || state.damaged.load(Ordering::Relaxed) {
            return Err(mirror::failed(&path, "it was not fetched yet".to_owned()));
        }
        let branch = Repository { reference: Reference::Branch(wanted.to_owned()), ..repository.clone() };
        look::look(&path, &Source::open(&branch)?, wanted)
    }

    fn tree(&self, name: &RepositoryName, revision: &CommitId) -> Result<Box<dyn Tree>, RepositoryError> {
        tree::open(self.folder.join(name.as_str()), self.state(name), revision)
    }
}
