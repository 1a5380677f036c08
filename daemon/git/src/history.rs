//! What is new: how its head relates to the revision that was known, and the commits in between.
//!
//! Always: an error means that objects are missing, damaged or malformed, never that there is nothing.

use git2::{ErrorCode, Oid, Repository, Sort};
use taffrail_model::{Commit, CommitId, Known, Relation};
use taffrail_ports::repositories::Observation;

use crate::text;

/// Most commits that are listed.
const MOST_LISTED: usize = 100;
/// Most commits that are counted; there may be more.
const MOST_COUNTED: usize = 100_000;

/// What a fetch found.
pub(crate) struct Found {
    /// The commit.
    pub(crate) head: Oid,
    /// The tag that leads to it, where tags are followed.
    pub(crate) tag: Option<FoundTag>,
}

/// The tag that is followed.
pub(crate) struct FoundTag {
    /// Its name.
    pub(crate) name: String,
    /// What it points to: the commit, or a tag object.
    pub(crate) id: Oid,
    /// Whether the tag that was known is still there.
    pub(crate) known_is_there: bool,
}

/// The head as seen from `known`. When `known` is gone, or unrelated, everything is new.
pub(crate) fn observe(
    repo: &Repository,
    Found { head, tag }: Found,
    known: Option<&Known>,
) -> Result<Observation, git2::Error> {
    let revision = commit_id(head);
    let name = tag.as_ref().map(|tag| tag.name.clone());
    let Some(known) = known else {
        let commits = vec![describe(repo, head)?];
        return Ok(Observation { revision, tag: name, relation: Relation::First, commits, count: 1 });
    };
    let followed = known.tag.as_ref();
    let known = find(repo, &known.revision)?;
    let relation = match (known, &tag) {
        (Some(known), _) if known == head => Relation::Descendant,
        (_, Some(tag)) if followed == Some(&tag.name) => Relation::TagMoved,
        (Some(known), _) if repo.graph_descendant_of(head, known)? => Relation::Descendant,
        (_, Some(tag)) if !tag.known_is_there => Relation::TagDeleted,
        (_, Some(_)) => Relation::OtherTag,
        (_, None) => Relation::Forced,
    };
    let mut walk = repo.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
    walk.push(head)?;
    if let Some(known) = known {
        walk.hide(known)?;
    }
    let mut commits = Vec::new();
    let mut count = 0;
    for id in walk.take(MOST_COUNTED) {
        let id = id?;
        if commits.len() < MOST_LISTED {
            commits.push(describe(repo, id)?);
        }
        count += 1;
    }
    Ok(Observation { revision, tag: name, relation, commits, count })
}

/// The commit of this id, if it is here.
pub(crate) fn find(repo: &Repository, id: &CommitId) -> Result<Option<Oid>, git2::Error> {
    // An id of another length is of another kind of repository: SHA-256 where this is SHA-1.
    let Ok(oid) = Oid::from_str(id.as_str()) else { return Ok(None) };
    match repo.find_commit(oid) {
        Ok(_) => Ok(Some(oid)),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn commit_id(oid: Oid) -> CommitId {
    oid.to_string().parse().expect("libgit2 prints ids as lower-case hexadecimal characters")
}

pub(crate) fn describe(repo: &Repository, id: Oid) -> Result<Commit, git2::Error> {
    let commit = repo.find_commit(id)?;
    let author = commit.author();
    let author = [author.name_bytes(), b" <", author.email_bytes(), b">"].concat();
    // libgit2 has removed empty lines at the start.
    let subject = commit.message_bytes().split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Commit { id: commit_id(id), author: text::line(&author), subject: text::line(subject) })
}
