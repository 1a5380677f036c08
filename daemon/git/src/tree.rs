//! The files of one revision, read from Git's objects in memory.
//!
//! Always: no path leaves the tree, since none is ever followed: a segment is looked up by its name and nothing else.

use std::path::PathBuf;
use std::sync::Arc;

use git2::{FileMode, ObjectType, Oid, Repository};
use taffrail_model::CommitId;
use taffrail_ports::repositories::{Entry, RepositoryError, Tree};

use crate::history;
use crate::mirror;
use crate::mirrors::State;

/// Largest file that is read, in bytes.
pub const LARGEST_FILE: usize = 16 << 20;

/// The files of `revision` in the mirror at `path`.
pub(crate) fn open(path: PathBuf, state: Arc<State>, revision: &CommitId) -> Result<Box<dyn Tree>, RepositoryError> {
    if !path.exists() {
        return Err(mirror::failed(&path, "it was not fetched yet".to_owned()));
    }
    let damaged = |error: git2::Error| {
        state.mark_damaged();
        mirror::failed(&path, format!("{}: the next fetch makes it anew", error.message()))
    };
    let repo = Repository::open_bare(&path).map_err(damaged)?;
    let Some(commit) = history::find(&repo, revision).map_err(damaged)? else {
        return Err(mirror::failed(&path, format!("revision {revision} is not in it")));
    };
    let root = repo.find_commit(commit).and_then(|commit| commit.tree()).map_err(damaged)?.id();
    Ok(Box::new(Objects { repo, root, path, state }))
}

struct Objects {
    repo: Repository,
    root: Oid,
    path: PathBuf,
    state: Arc<State>,
}

impl Tree for Objects {
    fn entry(&self, path: &str) -> Result<Option<Entry>, RepositoryError> {
        let problem = |reason: String| RepositoryError::File { path: path.into(), reason };
        let Some((id, mode)) = self.find(path)? else { return Ok(None) };
        if mode == i32::from(FileMode::Tree) {
            return Ok(Some(Entry::Folder));
        }
        let (size, kind) = self.sound(self.repo.odb().and_then(|odb| odb.read_header(id)))?;
        if kind != ObjectType::Blob {
            return Err(problem(format!("Git's object {id} is a {kind}, not a file")));
        }
        if size > LARGEST_FILE {
            return Err(problem(format!("it has {size} bytes, and files of more than {LARGEST_FILE} are not read")));
        }
        let content = self.sound(self.repo.find_blob(id))?.content().to_vec();
        if mode != i32::from(FileMode::Link) {
            return Ok(Some(Entry::File(content)));
        }
        let target =
            String::from_utf8(content).map_err(|_| problem("it links to a name that is no UTF-8".to_owned()))?;
        Ok(Some(Entry::Link(target)))
    }
}

impl Objects {
    /// The object at `path`, with its mode.
    fn find(&self, path: &str) -> Result<Option<(Oid, i32)>, RepositoryError> {
        let mut at = (self.root, i32::from(FileMode::Tree));
        // git2 panics on a name with a NUL, which no tree can hold.
        if path.contains('\0') {
            return Ok(None);
        }
        let mut gone = 0;
        for segment in path.split('/').filter(|_| !path.is_empty()) {
            if at.1 != i32::from(FileMode::Tree) || matches!(segment, "" | "." | "..") {
                return Ok(None);
            }
            let tree = self.sound(self.repo.find_tree(at.0))?;
            let Some(entry) = tree.get_name(segment) else { return Ok(None) };
            at = (entry.id(), entry.filemode());
            gone += segment.len() + 1;
            if at.1 == i32::from(FileMode::Commit) {
                return Err(RepositoryError::File {
                    path: path[..gone - 1].into(),
                    reason: "it is a submodule, and those are not read: put the files into this repository".to_owned(),
                });
            }
        }
        Ok(Some(at))
    }

    /// Notes that the mirror is damaged when an object of it cannot be read.
    fn sound<T>(&self, read: Result<T, git2::Error>) -> Result<T, RepositoryError> {
        read.map_err(|error| {
            self.state.mark_damaged();
            mirror::failed(&self.path, format!("{}: the next fetch makes it anew", error.message()))
        })
    }
}
