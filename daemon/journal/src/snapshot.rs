//! The snapshot: one file beside the store, replaced as a whole. A cache: a damaged one is as good as none.
//!
//! The file is a line of JSON that says what it is, then the state in zstd.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use taffrail_model::{Digest, Seq};
use taffrail_ports::journal::Snapshot;

use crate::disk;

/// Largest state.
const LARGEST: usize = 1 << 30;

#[derive(Serialize, Deserialize)]
struct Header {
    seq: Seq,
    hash: Digest,
    code: String,
    length: usize,
    /// Of the state.
    digest: Digest,
}

/// The file's content.
pub(crate) fn to_bytes(snapshot: &Snapshot) -> io::Result<Vec<u8>> {
    if snapshot.state.len() > LARGEST {
        return Err(io::Error::other("the snapshot is too large"));
    }
    let header = Header {
        seq: snapshot.seq,
        hash: snapshot.hash,
        code: snapshot.code.clone(),
        length: snapshot.state.len(),
        digest: Digest::of(&snapshot.state),
    };
    let mut bytes = serde_json::to_vec(&header)?;
    bytes.push(b'\n');
    bytes.extend(zstd::bulk::compress(&snapshot.state, zstd::DEFAULT_COMPRESSION_LEVEL)?);
    Ok(bytes)
}

/// The snapshot in `file`, if it is whole.
pub(crate) fn read(file: &Path) -> Option<Snapshot> {
    let bytes = disk::read(file).ok()??;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let Header { seq, hash, code, length, digest } = serde_json::from_slice(&bytes[..end]).ok()?;
    if length > LARGEST {
        return None;
    }
    let state = zstd::bulk::decompress(&bytes[end + 1..], length).ok()?;
    (Digest::of(&state) == digest).then_some(Snapshot { seq, hash, code, state })
}
