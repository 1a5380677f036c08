//! The example shop of overlays/, under names that no other test has.

use std::fs;
use std::path::{Path, PathBuf};

use crate::git::GitRepository;

/// The folder of this workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the workspace").to_owned()
}

/// Writes the shop into a working tree. Everything cluster-wide that is `shop` there is called `name` here: the
/// namespaces, the definition's group, the role.
pub fn write(repository: &GitRepository, name: &str) {
    copy(repository, &workspace().join("overlays"), "overlays", name);
}

/// A file of the shop, as [`write`] writes it.
pub fn file(path: &str, name: &str) -> String {
    renamed(&fs::read_to_string(workspace().join(path)).expect("a file of the shop"), name)
}

fn copy(repository: &GitRepository, from: &Path, to: &str, name: &str) {
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = format!("{to}/{}", path.file_name().expect("a name").to_string_lossy());
        if path.is_dir() {
            copy(repository, &path, &target, name);
        } else {
            repository.write(&target, renamed(&fs::read_to_string(&path).expect("text"), name));
        }
    }
}

fn renamed(text: &str, name: &str) -> String {
    let mut text = text.to_owned();
    for fixed in ["-staging", "-production", "-support", ".example.org"] {
        text = text.replace(&format!("shop{fixed}"), &format!("{name}{fixed}"));
    }
    text
}
