//! Exporting: the events up to one of them, and every document, as they are stored.
//!
//! Always: what goes out is checked against its hash or name first: an export of a damaged journal fails. Each event and
//! document is read by itself, so that a slow reader holds up nothing, and appends go on meanwhile.

use std::io::Write;

use taffrail_model::Seq;
use taffrail_ports::journal::{ExportError, Exported, JournalError};

use crate::archive::Archiver;
use crate::documents;
use crate::head::Mark;
use crate::key::Keys;
use crate::open::{self, OpenError, Options};
use crate::store::Store;
use crate::verify;

/// Why the journal in a folder was not exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportFolderError {
    /// It was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// A store that may be closed between two reads.
pub(crate) trait Reads {
    fn read<T>(&self, with: impl FnOnce(&Store) -> Result<T, JournalError>) -> Result<T, JournalError>;
}

impl Reads for Store {
    fn read<T>(&self, with: impl FnOnce(&Store) -> Result<T, JournalError>) -> Result<T, JournalError> {
        with(self)
    }
}

/// Exports a journal that no daemon has open. As [`crate::verify_folder`], it writes nothing but what sled itself repairs.
pub fn export_folder(options: &Options, at: Option<Seq>, to: &mut dyn Write) -> Result<Exported, ExportFolderError> {
    let exported = open::offline(options, |store, keys, head| Ok(export(store, keys, head, at, to)))?;
    Ok(exported?)
}

/// Writes the events up to `at`, or up to `head`.
pub(crate) fn export(
    store: &impl Reads,
    keys: &Keys,
    head: Mark,
    at: Option<Seq>,
    to: &mut dyn Write,
) -> Result<Exported, ExportError> {
    let last = at.unwrap_or(head.seq);
    if last == Seq(0) || last > head.seq {
        return Err(ExportError::NoSuchEvent { at: last, head: head.seq });
    }
    let last = store.read(|store| verify::mark(store, last))?;
    let mut archive = Archiver::start(to, last)?;
    let mut before = Mark::NONE;
    while before.seq < last.seq {
        let event = store.read(|store| verify::after(store, before))?;
        archive.event(&event.bytes)?;
        before = Mark { seq: event.event.seq(), hash: event.event.hash };
    }
    if before != last {
        let reason = "it was changed while it was exported".to_owned();
        return Err(JournalError::Damaged { seq: last.seq, reason }.into());
    }
    let mut name = None;
    while let Some((next, stored)) = store.read(|store| store.document_after(name))? {
        documents::decode(next, &stored, keys)
            .map_err(|reason| JournalError::Document { digest: next, reason: reason.to_owned() })?;
        archive.document(next, &stored)?;
        name = Some(next);
    }
    Ok(Exported { seq: last.seq, hash: last.hash, documents: archive.end()? })
}
