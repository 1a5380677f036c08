//! Reads entries of the tree: resolves symlinks inside of it and keeps to the limit of bytes.

use std::collections::BTreeSet;

use crate::files::{Files, TreeEntry};
use crate::limits::Limits;
use crate::path::RepositoryPath;

/// Links on the way to one entry. Linux allows 40.
const MOST_LINKS: usize = 40;

/// What a path leads to, links followed.
pub(crate) enum Found {
    File(RepositoryPath, Vec<u8>),
    Folder(RepositoryPath),
    Nothing(RepositoryPath),
}

pub(crate) struct Loader<'a> {
    files: &'a dyn Files,
    bytes_left: usize,
    bytes: usize,
    /// Folders whose way is known to be free of links.
    folders: BTreeSet<RepositoryPath>,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(files: &'a dyn Files, limits: &Limits) -> Self {
        Self { files, bytes_left: limits.bytes, bytes: limits.bytes, folders: BTreeSet::new() }
    }

    /// Follows `relative` from `folder`. The error is a sentence about the path, without the path.
    pub(crate) fn find(&mut self, folder: &RepositoryPath, relative: &str) -> Result<Found, String> {
        let path = folder.join(relative).map_err(|error| error.to_string())?;
        self.follow(path)
    }

    /// A file that must be in or below `folder`, as kustomize demands of all but bases.
    pub(crate) fn file(
        &mut self,
        folder: &RepositoryPath,
        relative: &str,
    ) -> Result<(RepositoryPath, Vec<u8>), String> {
        if is_url(relative) {
            return Err("is a URL; files are read from the repository only".to_owned());
        }
        match self.find(folder, relative)? {
            Found::File(path, bytes) if path.is_in(folder) => Ok((path, bytes)),
            Found::File(path, _) => Err(format!(
                "is {path}, outside of the kustomization's folder {folder}; move it there or reach it through a base"
            )),
            Found::Folder(path) => Err(format!("is a folder ({path}), not a file")),
            Found::Nothing(path) => Err(format!("does not exist ({path})")),
        }
    }

    /// Restarts at the target of each link, at most [`MOST_LINKS`] times.
    fn follow(&mut self, path: RepositoryPath) -> Result<Found, String> {
        let mut path = path;
        for _ in 0..=MOST_LINKS {
            match self.step(&path)? {
                Ok(found) => return Ok(found),
                Err(redirected) => path = redirected,
            }
        }
        Err(format!("goes through more than {MOST_LINKS} symlinks"))
    }

    /// What stands at `path`, or where a link on the way leads.
    fn step(&mut self, path: &RepositoryPath) -> Result<Result<Found, RepositoryPath>, String> {
        let parent = path.parent();
        let known = self.folders.contains(&parent);
        let parts: Vec<&str> = path.parts().collect();
        let first = if known && !parts.is_empty() { parts.len() - 1 } else { 0 };
        for depth in first..parts.len() {
            let here = RepositoryPath::new(&parts[..=depth].join("/")).expect("a prefix of a path");
            let entry = self.files.entry(&here, self.bytes_left).map_err(|error| match error {
                crate::files::ReadError::TooLarge(_) => format!("goes beyond the limit of {} bytes", self.bytes),
                error => error.to_string(),
            })?;
            match entry {
                None => return Ok(Ok(Found::Nothing(path.clone()))),
                Some(TreeEntry::Folder) => {
                    self.folders.insert(here);
                }
                Some(TreeEntry::File(bytes)) if depth + 1 == parts.len() => {
                    self.bytes_left -= bytes.len();
                    return Ok(Ok(Found::File(here, bytes)));
                }
                Some(TreeEntry::File(_)) => return Ok(Ok(Found::Nothing(path.clone()))),
                Some(TreeEntry::Symlink(target)) => {
                    let rest = parts[depth + 1..].join("/");
                    let real = here.parent().join(&target).and_then(|real| real.join(&rest));
                    return match real {
                        Ok(real) => Ok(Err(real)),
                        Err(_) => Err(format!("goes through the symlink {here}, which leaves the repository")),
                    };
                }
            }
        }
        Ok(Ok(Found::Folder(path.clone())))
    }
}

/// What kustomize would fetch: URLs and the short forms of Git hosts.
pub(crate) fn is_url(text: &str) -> bool {
    text.contains("://")
        || text.starts_with("git::")
        || text.starts_with("git@")
        || text.starts_with("github.com/")
        || text.starts_with("github.com:")
        || text.contains("?ref=")
}
