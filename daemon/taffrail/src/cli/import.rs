//! `taffrail import`.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use taffrail_journal::{ImportError, OpenError, Options, import};

use crate::configuration::{default_key_file, journal_folder};
use crate::failure::Failure;
use crate::output::Output;

/// Restore the journal from an export, into an empty data folder.
///
/// Everything is checked before anything is there. The restored journal is in another epoch, and every application is
/// paused: nothing is written to the cluster before `taffrail adopt`.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The export; `-` is the standard input.
    file: PathBuf,
    /// The data folder that is made: the `data` of the configuration.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// The key of the Secrets that the exported journal had, when it is not at DIR.key.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl Import {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let data = std::path::absolute(&self.data).map_err(|error| Failure::usage(format!("--data: {error}")))?;
        let key_file = self.key_file.unwrap_or_else(|| default_key_file(&data));
        let options = Options::new(journal_folder(&data), key_file);
        let mut export: Box<dyn Read> = if self.file == Path::new("-") {
            Box::new(io::stdin())
        } else {
            let opened = File::open(&self.file);
            let name = self.file.display();
            Box::new(BufReader::new(opened.map_err(|error| Failure::usage(format!("{name}: {error}")))?))
        };
        let imported = import(&options, &mut export).map_err(failed)?;
        for note in &imported.notes {
            output.warning(note);
        }
        let (held, epoch) = (&imported.exported, imported.epoch.0);
        output.line(&format!(
            "the journal up to event {}, whose hash is {}, with {} documents, is restored in {}; epoch {epoch} begins",
            held.seq,
            held.hash,
            held.documents,
            data.display()
        ))?;
        output.hint(
            "every application is paused: start the daemon, look at `taffrail status`, then `taffrail adopt APP`",
        );
        Ok(())
    }
}

fn failed(error: ImportError) -> Failure {
    let hint = match &error {
        ImportError::NotEmpty { .. } => "move what is there away, and keep it until the restored journal is in use",
        ImportError::Damaged(_) => "take another copy of the export; nothing was restored",
        ImportError::Open(OpenError::KeyMissing { .. } | OpenError::KeyWrong { .. }) => {
            "--key-file names the key that the exported journal had; it is in no export"
        }
        ImportError::Open(_) => return Failure::new(&error),
    };
    Failure::new(&error).hint(hint)
}
