//! Where the files of a journal lie: all beside its folder, so that sled's folder holds only what is sled's.

use std::path::{Path, PathBuf};

/// The files of one journal.
pub(crate) struct Paths {
    /// sled's folder.
    pub(crate) folder: PathBuf,
    /// The folder around it: nothing secret may lie in there.
    pub(crate) data: PathBuf,
    /// The newest event, kept outside of the store.
    pub(crate) head: PathBuf,
    /// Locked while the journal is open.
    pub(crate) lock: PathBuf,
    /// There while the journal is open, and after an unclean stop.
    pub(crate) running: PathBuf,
    /// The folder as an unclean stop left it.
    pub(crate) copy: PathBuf,
    /// A journal that is being imported, before it is one.
    pub(crate) importing: PathBuf,
    /// The snapshot.
    pub(crate) snapshot: PathBuf,
}

impl Paths {
    pub(crate) fn new(folder: &Path) -> Self {
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            data: folder.parent().unwrap_or(&folder).to_owned(),
            head: beside(&folder, ".head"),
            lock: beside(&folder, ".lock"),
            running: beside(&folder, ".running"),
            copy: beside(&folder, ".copy"),
            importing: beside(&folder, ".importing"),
            snapshot: beside(&folder, ".snapshot"),
            folder,
        }
    }
}

/// `path` with `suffix` at the end of its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
