//! One bare mirror: fetching into it, and making it anew.
//!
//! Always: nothing in it is ever deleted while a reference leads to it, and references lead to every head that a fetch
//! found: the newest, and those that a force push took away. There is one writer at a time.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use git2::{
    AutotagOption, Direction, ErrorClass, ErrorCode, FetchOptions, Oid, RemoteCallbacks, Repository,
    RepositoryInitOptions,
};
use taffrail_model::{Known, Reference};
use taffrail_ports::repositories::{Fetched, RepositoryError};

use crate::advertisement::Tag;
use crate::history::{Found, FoundTag};
use crate::source::Source;
use crate::tags::Choice;
use crate::{history, pack, tags};

/// Where what is followed was when it was last fetched whole.
const HEAD: &str = "refs/taffrail/head";
/// Where a fetch under way puts it.
const FETCHED: &str = "refs/taffrail/fetched";
/// Tags that only their commits' dates order.
const DATED: &str = "refs/taffrail/tags/";
/// Most such tags.
const MOST_DATED: usize = 1000;
/// Heads that a force push took away.
const KEPT: &str = "refs/taffrail/kept/";

/// Why a fetch into a mirror failed.
pub(crate) enum Failure {
    /// It would also fail with another mirror.
    Elsewhere(RepositoryError),
    /// Something is wrong in here, as far as one can tell.
    Here(git2::Error),
}

impl From<git2::Error> for Failure {
    fn from(error: git2::Error) -> Self {
        Self::Here(error)
    }
}

/// Fetches into the mirror at `path`.
pub(crate) fn update(path: &Path, source: &Source<'_>, known: Option<&Known>) -> Result<Fetched, Failure> {
    try_update(path, source, known).map_err(|failure| match failure {
        // An object is only parsed once its digest was found right: it was made like that.
        Failure::Here(e) if matches!(e.class(), ErrorClass::Invalid | ErrorClass::Object) => {
            Failure::Elsewhere(source.failed(&e))
        }
        failure => failure,
    })
}

fn try_update(path: &Path, source: &Source<'_>, known: Option<&Known>) -> Result<Fetched, Failure> {
    let repo = Repository::open_bare(path)?;
    sweep(path);
    let found = download(&repo, source, known)?;
    let head = found.head;
    repo.find_commit(head)?.tree()?;
    if let Some(verifier) = source.verifier()
        && known.is_none_or(|known| known.revision != history::commit_id(head))
        && let Some(refusal) = verifier.refuse(&repo, &found, known)?
    {
        return Ok(Fetched::Refused(refusal));
    }
    let observation = history::observe(&repo, found, known)?;
    keep(&repo, head)?;
    if let Err(error) = pack::merge(&repo, source) {
        tracing::warn!(mirror = %path.display(), error = error.message(), "the packs could not be merged");
    }
    Ok(Fetched::Taken(observation))
}

/// Makes the mirror at `path` anew. What is there is only replaced by what is complete.
pub(crate) fn clone(path: &Path, source: &Source<'_>, known: Option<&Known>) -> Result<Fetched, RepositoryError> {
    // Names of repositories hold no dot.
    let (fresh, old) = (path.with_extension("new"), path.with_extension("old"));
    let failed = |e: &dyn std::fmt::Display| failed(path, e.to_string());
    create(&fresh).map_err(|e| failed(&e))?;
    let mut options = RepositoryInitOptions::new();
    options.bare(true).no_reinit(true).external_template(false);
    Repository::init_opts(&fresh, &options).map_err(|e| failed(&e.message()))?;
    let fetched = update(&fresh, source, known).map_err(|failure| {
        let _ = fs::remove_dir_all(&fresh); // else the next clone does
        match failure {
            Failure::Elsewhere(error) => error,
            Failure::Here(e) if matches!(e.class(), ErrorClass::Os | ErrorClass::Filesystem) => failed(&e.message()),
            Failure::Here(e) => source.failed(&e),
        }
    })?;
    remove(&old).map_err(|e| failed(&e))?;
    match fs::rename(path, &old) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(&e)),
        _ => {}
    }
    fs::rename(&fresh, path).map_err(|e| failed(&e))?;
    remove(&old).map_err(|e| failed(&e))?;
    Ok(fetched)
}

/// The mirror failed.
pub(crate) fn failed(path: &Path, reason: String) -> RepositoryError {
    RepositoryError::Mirror { path: path.to_owned(), reason }
}

fn download(repo: &Repository, source: &Source<'_>, known: Option<&Known>) -> Result<Found, Failure> {
    match repo.find_reference(FETCHED) {
        Ok(mut reference) => reference.delete()?,
        Err(error) if error.code() == ErrorCode::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mut remote = repo.remote_anonymous(source.address())?;
    let elsewhere = |error: git2::Error| Failure::Elsewhere(source.failed(&error));
    let mut connection = remote.connect_auth(Direction::Fetch, None, None).map_err(elsewhere)?;
    let mut fetch = |refspecs: &[String]| {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.transfer_progress(|_| !source.is_over());
        let mut options = FetchOptions::new();
        options.remote_callbacks(callbacks).download_tags(AutotagOption::None).update_fetchhead(false);
        connection.remote().fetch(refspecs, Some(&mut options), None).map_err(|error| match error.class() {
            ErrorClass::Net | ErrorClass::Http | ErrorClass::Callback => elsewhere(error),
            _ if source.is_over() => elsewhere(error),
            _ => Failure::Here(error),
        })
    };
    if let Reference::Branch(branch) = source.reference() {
        fetch(&[format!("+refs/heads/{branch}:{FETCHED}")])?;
        let head = fetched(repo, source)?;
        return Ok(Found { head, tag: None });
    }
    let tags = source.tags().map_err(Failure::Elsewhere)?;
    let tag = match tags::choose(source.reference(), &tags) {
        Choice::Nothing => return Err(Failure::Elsewhere(source.no_reference())),
        Choice::One(tag) => tag,
        Choice::Newest(tags) if tags.len() > MOST_DATED => {
            let reason = format!(
                "more than {MOST_DATED} tags fit and none is a version: only their commits' dates could order them, so \
                 choose a narrower pattern"
            );
            return Err(Failure::Elsewhere(source.refused(&reason)));
        }
        Choice::Newest(tags) => {
            forget_other_tags(repo, &tags)?;
            let refspec = |tag: &Tag| format!("+refs/tags/{0}:{DATED}{0}", tag.name);
            fetch(&tags.iter().map(refspec).collect::<Vec<_>>())?;
            let mut dated = Vec::new();
            for tag in tags {
                match date(repo, &tag) {
                    Some(date) => dated.push((date, tag)),
                    // libgit2 refuses the next fetch when a reference leads to no commit.
                    None => repo.find_reference(&format!("{DATED}{}", tag.name))?.delete()?,
                }
            }
            dated.into_iter().max_by(tags::by_date).ok_or_else(|| Failure::Elsewhere(source.no_reference()))?.1
        }
    };
    fetch(&[format!("+refs/tags/{}:{FETCHED}", tag.name)])?;
    fetched(repo, source)?;
    let Ok(head) = repo.find_object(tag.id, None).and_then(|object| object.peel_to_commit()) else {
        return Err(Failure::Elsewhere(source.refused(&format!("the tag {:?} leads to no commit", tag.name))));
    };
    let known_is_there = known.and_then(|known| known.tag.as_ref()).is_none_or(|known| {
        // A tag that no longer fits is not followed any more, but nobody deleted it.
        tags.iter().any(|tag| tag.name == *known)
    });
    Ok(Found { head: head.id(), tag: Some(FoundTag { name: tag.name, id: tag.id, known_is_there }) })
}

/// What a fetch put there.
fn fetched(repo: &Repository, source: &Source<'_>) -> Result<Oid, Failure> {
    match repo.refname_to_id(FETCHED) {
        Err(error) if error.code() == ErrorCode::NotFound => Err(Failure::Elsewhere(source.no_reference())),
        other => Ok(other?),
    }
}

/// When the commit of a tag was made; nothing when it leads to none.
fn date(repo: &Repository, tag: &Tag) -> Option<i64> {
    let commit = repo.find_object(tag.id, None).ok()?.peel_to_commit().ok()?;
    Some(commit.committer().when().seconds())
}

/// Lets go of tags that no longer fit, or are gone.
fn forget_other_tags(repo: &Repository, tags: &[Tag]) -> Result<(), git2::Error> {
    let names: BTreeSet<&[u8]> = tags.iter().map(|tag| tag.name.as_bytes()).collect();
    for reference in repo.references_glob(&format!("{DATED}*"))? {
        let mut reference = reference?;
        let name = reference.name_bytes().strip_prefix(DATED.as_bytes()).unwrap_or_default();
        if !names.contains(name) {
            reference.delete()?;
        }
    }
    Ok(())
}

fn keep(repo: &Repository, head: Oid) -> Result<(), git2::Error> {
    match repo.refname_to_id(HEAD) {
        Ok(old) if old == head => return Ok(()),
        Ok(old) if !repo.graph_descendant_of(head, old)? => {
            repo.reference(&format!("{KEPT}{old}"), old, true, "")?;
        }
        Err(error) if error.code() != ErrorCode::NotFound => return Err(error),
        _ => {}
    }
    repo.reference(HEAD, head, true, "").map(drop)
}

/// Removes what a killed fetch left behind: half a pack (`git_indexer_new`) and locks that nobody holds any more.
fn sweep(path: &Path) {
    for folder in ["objects/pack", "refs/taffrail"] {
        for entry in fs::read_dir(path.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with("pack_git2_") || name.ends_with(".lock") {
                let _ = fs::remove_file(entry.path()); // what stays shows up as a failed fetch
            }
        }
    }
}

/// Makes an empty folder for ourselves alone: what Git holds may be secret.
fn create(path: &PathBuf) -> io::Result<()> {
    remove(path)?;
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => fs::remove_file(path),
        other => other,
    }
}
