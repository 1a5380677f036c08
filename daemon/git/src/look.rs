//! Looking at a branch or commit that is not followed.
//!
//! Always: what is followed stays as it is: only references of our own are written, a bounded number of them.

use std::path::Path;

use git2::{AutotagOption, Direction, ErrorClass, ErrorCode, FetchOptions, Oid, RemoteCallbacks, Repository};
use taffrail_model::{CommitId, Digest};
use taffrail_ports::repositories::RepositoryError;

use crate::history::commit_id;
use crate::mirror::{self, Failure};
use crate::source::Source;

/// What was looked at, so that it is not swept away while it is rendered.
const LOOKED: &str = "refs/taffrail/looked/";
/// The branches, while a commit is looked for among them.
const BRANCHES: &str = "refs/taffrail/branches/";
/// Most references to what was looked at.
const MOST: usize = 100;
/// The fewest characters that name a commit.
const SHORTEST: usize = 7;

/// The commit that `wanted` names: a branch's head, or a commit of which the id starts so. `source` is of that branch.
pub(crate) fn look(path: &Path, source: &Source<'_>, wanted: &str) -> Result<CommitId, RepositoryError> {
    try_look(path, source, wanted).map(commit_id).map_err(|failure| match failure {
        Failure::Elsewhere(error) => error,
        Failure::Here(error) => mirror::failed(path, error.message().to_owned()),
    })
}

fn try_look(path: &Path, source: &Source<'_>, wanted: &str) -> Result<Oid, Failure> {
    let repo = Repository::open_bare(path)?;
    if let Some(commit) = known(&repo, wanted) {
        return Ok(commit);
    }
    let mine = format!("{LOOKED}{}", Digest::of(wanted.as_bytes()).short());
    forget(&repo, LOOKED, MOST)?;
    forget(&repo, &mine, 0)?;
    fetch(&repo, source, &format!("+refs/heads/{wanted}:{mine}"))?;
    match repo.refname_to_id(&mine) {
        Ok(head) => return Ok(head),
        Err(error) if error.code() == ErrorCode::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    if !is_id(wanted) {
        return Err(Failure::Elsewhere(source.no_reference()));
    }
    forget(&repo, BRANCHES, 0)?;
    fetch(&repo, source, &format!("+refs/heads/*:{BRANCHES}*"))?;
    let found = known(&repo, wanted);
    if let Some(commit) = found {
        repo.reference(&mine, commit, true, "")?;
    }
    forget(&repo, BRANCHES, 0)?;
    found.ok_or_else(|| Failure::Elsewhere(source.refused(&format!("no branch has a commit {wanted}"))))
}

fn is_id(wanted: &str) -> bool {
    (SHORTEST..=40).contains(&wanted.len()) && wanted.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A commit that the mirror has already.
fn known(repo: &Repository, wanted: &str) -> Option<Oid> {
    if !is_id(wanted) {
        return None;
    }
    // Several that start so are as good as none: more characters tell them apart.
    repo.find_commit_by_prefix(wanted).ok().map(|commit| commit.id())
}

/// Deletes the references below `prefix`, or of this name, if there are more than `most`.
fn forget(repo: &Repository, prefix: &str, most: usize) -> Result<(), git2::Error> {
    let glob = if prefix.ends_with('/') { format!("{prefix}*") } else { prefix.to_owned() };
    let references: Vec<_> = repo.references_glob(&glob)?.collect::<Result<_, _>>()?;
    if references.len() > most {
        for mut reference in references {
            reference.delete()?;
        }
    }
    Ok(())
}

fn fetch(repo: &Repository, source: &Source<'_>, refspec: &str) -> Result<(), Failure> {
    let elsewhere = |error: git2::Error| Failure::Elsewhere(source.failed(&error));
    let mut remote = repo.remote_anonymous(source.address())?;
    let mut connection = remote.connect_auth(Direction::Fetch, None, None).map_err(elsewhere)?;
    let mut callbacks = RemoteCallbacks::new();
    callbacks.transfer_progress(|_| !source.is_over());
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks).download_tags(AutotagOption::None).update_fetchhead(false);
    connection.remote().fetch(&[refspec], Some(&mut options), None).map_err(|error| match error.class() {
        ErrorClass::Net | ErrorClass::Http | ErrorClass::Callback => elsewhere(error),
        _ if source.is_over() => elsewhere(error),
        _ => Failure::Here(error),
    })
}
