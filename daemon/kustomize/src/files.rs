//! The tree of files that a build reads, and one held in memory.

use std::collections::BTreeMap;

use crate::path::RepositoryPath;

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeEntry {
    /// A file's bytes.
    File(Vec<u8>),
    /// A folder.
    Folder,
    /// A symbolic link and where it points, relative to the folder that holds it. It is never followed by the tree.
    Symlink(String),
}

/// Why an entry could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file is larger than the caller wanted.
    #[error("is larger than the {0} bytes left of the limit")]
    TooLarge(usize),
    /// The tree itself failed.
    #[error("cannot be read: {0}")]
    Failed(String),
}

/// A tree of files: Git objects, a folder, memory.
pub trait Files {
    /// What stands at `path`, nothing followed; `None` when there is nothing. A file larger than `most` bytes is
    /// refused without being read.
    fn entry(&self, path: &RepositoryPath, most: usize) -> Result<Option<TreeEntry>, ReadError>;
}

/// A tree in memory, for tests and small things.
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles(BTreeMap<RepositoryPath, TreeEntry>);

impl MemoryFiles {
    /// A tree of text files, each a path and its text.
    ///
    /// # Panics
    /// When a path leaves the tree: this is meant for tests.
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            let path = RepositoryPath::new(path).expect("a path inside of the tree");
            tree.insert(path, TreeEntry::File(text.as_bytes().to_vec()));
        }
        tree
    }

    /// Puts an entry at a path, and folders above it.
    pub fn insert(&mut self, path: RepositoryPath, entry: TreeEntry) {
        let mut above = path.parent();
        // One step a part of the path.
        while !above.as_str().is_empty() {
            self.0.insert(above.clone(), TreeEntry::Folder);
            above = above.parent();
        }
        self.0.insert(path, entry);
    }
}

impl Files for MemoryFiles {
    fn entry(&self, path: &RepositoryPath, most: usize) -> Result<Option<TreeEntry>, ReadError> {
        match self.0.get(path) {
            None if path.as_str().is_empty() => Ok(Some(TreeEntry::Folder)),
            Some(TreeEntry::File(bytes)) if bytes.len() > most => Err(ReadError::TooLarge(most)),
            entry => Ok(entry.cloned()),
        }
    }
}
