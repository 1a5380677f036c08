//! A path inside a repository that cannot say anything outside of it.
//!
//! What always holds: parts are separated by one `/`, none is empty, `.` or `..`; the root is the empty path.

use std::fmt;

/// A normalized path below the root of a tree of files.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryPath(String);

/// Why a text is no path inside a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It starts with `/`.
    #[error("is absolute; write it relative to the file that names it")]
    Absolute,
    /// It has more `..` than folders above it.
    #[error("leaves the repository")]
    LeavesRepository,
    /// It holds a NUL character or a backslash, which mean different files on different systems.
    #[error("holds a character that no path may")]
    Character,
}

impl RepositoryPath {
    /// The root of the tree.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path from the root.
    pub fn new(text: &str) -> Result<Self, PathError> {
        Self::root().join(text)
    }

    /// Where `relative` leads from this folder.
    pub fn join(&self, relative: &str) -> Result<Self, PathError> {
        if relative.starts_with('/') {
            return Err(PathError::Absolute);
        }
        if relative.contains(['\0', '\\']) {
            return Err(PathError::Character);
        }
        let mut parts: Vec<&str> = self.parts().collect();
        for part in relative.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop().ok_or(PathError::LeavesRepository)?),
                part => parts.push(part),
            }
        }
        Ok(Self(parts.join("/")))
    }

    /// The text, empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names on the way from the root.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|part| !part.is_empty())
    }

    /// The folder that holds it; the root's is the root.
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned())
    }

    /// The last name, empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is `folder` or lies below it.
    pub fn is_in(&self, folder: &Self) -> bool {
        folder.0.is_empty()
            || self.0.strip_prefix(&folder.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for RepositoryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_and_never_leaves() {
        let base = RepositoryPath::new("./a//b/").unwrap();
        assert_eq!(base.as_str(), "a/b");
        assert_eq!(base.join("../c/./d").unwrap().as_str(), "a/c/d");
        assert_eq!(base.join("../..").unwrap(), RepositoryPath::root());
        assert_eq!(base.join("../../.."), Err(PathError::LeavesRepository));
        assert_eq!(base.join("/etc/passwd"), Err(PathError::Absolute));
        assert_eq!(base.join("a\\b"), Err(PathError::Character));
        assert!(base.is_in(&RepositoryPath::new("a").unwrap()));
        assert!(!RepositoryPath::new("ab").unwrap().is_in(&RepositoryPath::new("a").unwrap()));
    }
}
