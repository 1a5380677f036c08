//! Merges the packs of a mirror. Each fetch that brings something adds one, and every look-up asks them all.
//!
//! Always: what a reference leads to is in the new pack before an old one goes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::Repository;

use crate::source::Source;

/// Packs that are left alone.
const MOST_PACKS: usize = 50;

/// Makes one pack of all when there are many.
pub(crate) fn merge(repo: &Repository, source: &Source<'_>) -> Result<(), git2::Error> {
    let folder = repo.path().join("objects/pack");
    let old = packs(&folder).map_err(os)?;
    if old.len() <= MOST_PACKS {
        return Ok(());
    }
    let mut walk = repo.revwalk()?;
    walk.push_glob("refs/*")?;
    let mut builder = repo.packbuilder()?;
    builder.set_progress_callback(|_, _, _| !source.is_over())?;
    builder.insert_walk(&mut walk)?;
    builder.write(&folder, 0o600)?;
    let new = builder.name()?.map(|name| folder.join(format!("pack-{name}.pack")));
    let Some(new) = new.filter(|path| path.exists()) else {
        return Err(git2::Error::from_str("the new pack is not where it should be"));
    };
    for pack in old.into_iter().filter(|pack| *pack != new) {
        // The index first: without one the pack is only a file, also after a crash in between.
        match fs::remove_file(pack.with_extension("idx")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(os(error)),
            _ => fs::remove_file(&pack).map_err(os)?,
        }
    }
    Ok(())
}

fn packs(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "pack")).collect())
}

fn os(error: io::Error) -> git2::Error {
    git2::Error::from_str(&error.to_string())
}
