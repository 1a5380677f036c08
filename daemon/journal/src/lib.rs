//! The journal in sled: events in a hash chain, documents beside them, indexes and a snapshot as caches.
//!
//! Always: what was acknowledged was flushed and `fdatasync`ed before; one writer thread does all writing; the events of
//! one append become visible together or not at all; what is read is checked against its hash or name.
//!
//! The folder holds sled's files; beside it lie `.head` (the newest event, to notice a store that lost some), `.lock`,
//! `.running` (there while a daemon runs), `.importing` (a journal that is being imported), `.copy` (kept after an unclean stop) and `.snapshot`.

mod archive;
mod commit;
mod disk;
mod documents;
mod export;
mod head;
mod import;
mod index;
mod journal;
mod key;
mod open;
mod paths;
mod query;
mod snapshot;
mod store;
mod unclean;
mod verify;
mod writer;

pub use export::{ExportFolderError, export_folder};
pub use head::recorded_head;
pub use import::{ImportError, Imported, check_export, import};
pub use journal::SledJournal;
pub use open::{OpenError, Opened, Options};
pub use verify::{Verified, verify_folder};
