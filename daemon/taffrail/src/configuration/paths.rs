//! Paths of the configuration: relative ones start at the file's folder; the key lies outside of the data.

use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// Where the key of the Secrets lies when nothing is set: beside the data folder, so that a copy of it holds no key.
pub fn default_key_file(data: &Path) -> PathBuf {
    let mut name = OsString::from(lexical(data));
    name.push(".key");
    PathBuf::from(name)
}

/// The folder of the journal within the data folder.
pub fn journal_folder(data: &Path) -> PathBuf {
    data.join("journal")
}

/// Whether `inner` lies in `outer`, as far as their text tells; symlinks are for the journal to look at.
pub(super) fn is_inside(inner: &Path, outer: &Path) -> bool {
    lexical(inner).starts_with(lexical(outer))
}

/// Without `.`, `..` and a slash at the end.
fn lexical(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(clean.pop()),
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_lies_beside_the_data() {
        assert_eq!(default_key_file(Path::new("/var/lib/taffrail/")), Path::new("/var/lib/taffrail.key"));
        assert_eq!(default_key_file(Path::new("/etc/../srv/.")), Path::new("/srv.key"));
        assert!(!is_inside(&default_key_file(Path::new("/a/b")), Path::new("/a/b")));
    }

    #[test]
    fn inside_is_seen_through_dots() {
        assert!(is_inside(Path::new("/a/c/../b/key"), Path::new("/a/b")));
        assert!(!is_inside(Path::new("/a/b/../key"), Path::new("/a/b")));
    }
}
