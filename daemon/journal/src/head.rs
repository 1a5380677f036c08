//! The newest event's number and hash: in the store, where it says which events count, and in the head file outside.
//!
//! Always: the head file is written after the store, at most once a second and at a clean stop. So behind the store is
//! normal; ahead of it means that the store lost events. sled may open a damaged folder as an empty one without a word:
//! only this file notices (measured: large batches, power lost).

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use taffrail_model::{Digest, Seq};

use crate::disk;
use crate::open::{OpenError, Options};
use crate::paths::Paths;

/// An event, by number and hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    pub(crate) seq: Seq,
    pub(crate) hash: Digest,
}

impl Mark {
    /// Before the first event.
    pub(crate) const NONE: Self = Self { seq: Seq(0), hash: Digest::ZERO };

    /// The bytes that are stored.
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        serde_json::to_vec(&self).expect("a mark has only string keys")
    }
}

/// Writes the head file.
pub(crate) fn write(file: &Path, mark: Mark) -> io::Result<()> {
    disk::replace(file, &mark.to_bytes())
}

/// The newest event that a journal's head file names: at most a second old while a daemon runs.
pub fn recorded_head(options: &Options) -> Result<Option<(Seq, Digest)>, OpenError> {
    let mark = read(&Paths::new(&options.folder).head)?;
    Ok(mark.map(|mark| (mark.seq, mark.hash)))
}

/// Reads the head file, if there is one.
pub(crate) fn read(file: &Path) -> Result<Option<Mark>, OpenError> {
    let bytes = disk::read(file).map_err(|e| OpenError::io(file, e))?;
    bytes
        .map(|bytes| serde_json::from_slice(&bytes).map_err(|_| OpenError::HeadUnreadable { file: file.to_owned() }))
        .transpose()
}
