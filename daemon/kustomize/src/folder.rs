//! A folder on disk as a tree of files, for `taffrail render DIR`.
//!
//! What always holds: only entries below the root are read; symlinks are reported, never followed.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::files::{Files, ReadError, TreeEntry};
use crate::path::{PathError, RepositoryPath};

/// The files below a folder.
#[derive(Clone, Debug)]
pub struct FolderFiles {
    root: PathBuf,
}

impl FolderFiles {
    /// The tree below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The tree that `folder` belongs to and its path in it: the enclosing Git work tree, so that bases such as
    /// `../base` are inside; without one, the whole file system, as for kustomize.
    pub fn enclosing(folder: &Path) -> Result<(Self, RepositoryPath), ReadError> {
        let folder = folder.canonicalize().map_err(|error| ReadError::Failed(error.to_string()))?;
        let root = folder.ancestors().find(|above| above.join(".git").exists());
        let root = root.or(folder.ancestors().last()).unwrap_or(&folder).to_owned();
        let below = folder.strip_prefix(&root).expect("an ancestor is a prefix");
        let text = below.to_str().ok_or_else(|| ReadError::Failed("the path is not UTF-8".to_owned()))?;
        let path = RepositoryPath::new(text).map_err(|error: PathError| ReadError::Failed(error.to_string()))?;
        Ok((Self { root }, path))
    }
}

impl Files for FolderFiles {
    fn entry(&self, path: &RepositoryPath, most: usize) -> Result<Option<TreeEntry>, ReadError> {
        let place = self.root.join(path.as_str());
        let failed = |error: std::io::Error| ReadError::Failed(error.to_string());
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if metadata.is_dir() {
            return Ok(Some(TreeEntry::Folder));
        }
        if metadata.is_symlink() && !path.as_str().is_empty() {
            let target = fs::read_link(&place).map_err(failed)?;
            let target = target.to_str().ok_or_else(|| ReadError::Failed("it points to no UTF-8 path".to_owned()))?;
            return Ok(Some(TreeEntry::Symlink(target.to_owned())));
        }
        if !metadata.is_file() {
            return Err(ReadError::Failed("it is neither a file, a folder nor a symlink".to_owned()));
        }
        // One byte more than allowed tells a file that is too large, also one that grows meanwhile.
        let mut bytes = Vec::new();
        let file = fs::File::open(&place).map_err(failed)?;
        file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() > most { Err(ReadError::TooLarge(most)) } else { Ok(Some(TreeEntry::File(bytes))) }
    }
}
