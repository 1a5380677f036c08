//! Git revisions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The id of a commit: 40 or 64 lower-case hexadecimal characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(String);

impl CommitId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve characters, for people.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no commit id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a commit id is 40 or 64 lower-case hexadecimal characters")]
pub struct InvalidCommitId;

impl FromStr for CommitId {
    type Err = InvalidCommitId;

    fn from_str(text: &str) -> Result<Self, InvalidCommitId> {
        let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if matches!(text.len(), 40 | 64) && text.bytes().all(hexadecimal) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidCommitId)
        }
    }
}

impl TryFrom<String> for CommitId {
    type Error = InvalidCommitId;

    fn try_from(text: String) -> Result<Self, InvalidCommitId> {
        text.parse()
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0
    }
}

/// One commit, as the log names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The commit's id.
    pub id: CommitId,
    /// `Name <mail>` of the author, at most 200 characters.
    pub author: String,
    /// First line of the message, at most 200 characters.
    pub subject: String,
}

/// The revision that was observed last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The commit.
    pub revision: CommitId,
    /// The tag that led to it, if tags were followed.
    pub tag: Option<String>,
}

/// A revision that is not taken, since something that leads to it is not signed by anybody who may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The head.
    pub revision: CommitId,
    /// The tag that leads to it, where tags are followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The commit that is not signed well: of those since the revision that was accepted last, the first.
    pub commit: Commit,
    /// Why.
    pub reason: String,
}

/// How an observed revision relates to the one observed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// Nothing was observed before.
    First,
    /// It descends from the one before.
    Descendant,
    /// It does not: the branch was force-pushed.
    Forced,
    /// The same tag leads to another commit than before: somebody moved it.
    TagMoved,
    /// It does not descend from the one before, whose tag is gone: this is the newest of those that are left.
    TagDeleted,
    /// It does not descend from the one before: it is that of another tag.
    OtherTag,
}
