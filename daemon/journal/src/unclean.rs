//! One daemon at a time, and what an unclean stop leaves behind.
//!
//! Always: after an unclean stop the folder is copied before sled touches it, once: opening repairs, and what it
//! repaired away would be gone. There is at most one copy; it goes when a later start finds a clean stop.

use std::fs::{self, File, TryLockError};
use std::io;

use crate::disk;
use crate::open::OpenError;
use crate::paths::{Paths, beside};

/// What the marker says while the store is being opened: a copy that is there was made before that.
const OPENING: &[u8] = b"opening\n";
const RUNNING: &[u8] = b"running\n";

/// How the last daemon stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastStop {
    Clean,
    Unclean,
}

/// Locks the journal against other processes until the file is dropped.
pub(crate) fn lock(paths: &Paths) -> Result<File, OpenError> {
    let failed = |e| OpenError::io(&paths.lock, e);
    let file = File::options().write(true).create(true).truncate(false).open(&paths.lock).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { folder: paths.folder.clone() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Marks the start of opening, and makes the copy if the last stop was unclean.
pub(crate) fn begin(paths: &Paths, minimum_free: u64, notes: &mut Vec<String>) -> Result<LastStop, OpenError> {
    let failed = |e| OpenError::io(&paths.running, e);
    let marker = disk::read(&paths.running).map_err(failed)?;
    let last = match &marker {
        None => {
            remove_folder(paths).map_err(|e| OpenError::io(&paths.copy, e))?;
            LastStop::Clean
        }
        Some(_) => LastStop::Unclean,
    };
    let copied = marker.as_deref() == Some(OPENING) && paths.copy.exists();
    if last == LastStop::Unclean && paths.folder.exists() && !copied {
        notes.push(copy(paths, minimum_free).unwrap_or_else(|e| {
            format!("the journal was not stopped cleanly, and no copy could be made at {}: {e}", paths.copy.display())
        }));
    }
    disk::replace(&paths.running, OPENING).map_err(failed)?;
    Ok(last)
}

/// Marks that the store is open.
pub(crate) fn opened(paths: &Paths) -> Result<(), OpenError> {
    disk::replace(&paths.running, RUNNING).map_err(|e| OpenError::io(&paths.running, e))
}

/// Marks a clean stop.
pub(crate) fn end(paths: &Paths) -> io::Result<()> {
    disk::remove(&paths.running)
}

fn copy(paths: &Paths, minimum_free: u64) -> io::Result<String> {
    let (size, free) = (disk::size(&paths.folder)?, disk::free(&paths.data)?);
    let folder = paths.copy.display();
    remove_folder(paths)?;
    if free < size.saturating_add(minimum_free) {
        return Ok(format!(
            "the journal was not stopped cleanly, and no copy was made at {folder}: it takes {size} bytes, {free} are free"
        ));
    }
    let partial = beside(&paths.copy, ".new");
    disk::copy(&paths.folder, &partial)?;
    fs::rename(&partial, &paths.copy)?;
    Ok(format!("the journal was not stopped cleanly: a copy as it was found is kept at {folder}"))
}

/// Removes the copy, also one that was not finished.
fn remove_folder(paths: &Paths) -> io::Result<()> {
    disk::remove_folder(&paths.copy)?;
    disk::remove_folder(&beside(&paths.copy, ".new"))
}
