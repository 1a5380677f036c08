//! `taffrail render DIR`.

use std::path::PathBuf;

use clap::Args;
use taffrail_kustomize::{FolderFiles, Limits, build};

use crate::failure::Failure;
use crate::output::Output;

/// Print the objects of a kustomization, as `kustomize build` does.
///
/// Bases may lie anywhere in the Git work tree that DIR belongs to.
#[derive(Debug, Args)]
pub(super) struct Render {
    /// The folder that holds the kustomization.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Render {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let (files, path) = FolderFiles::enclosing(&self.folder)
            .map_err(|error| Failure::usage(format!("{} {error}", self.folder.display())))?;
        let rendered = build(&files, &path, &Limits::default()).map_err(|errors| Failure::all(&errors))?;
        for warning in &rendered.warnings {
            output.warning(warning);
        }
        for (index, object) in rendered.objects.iter().enumerate() {
            if index > 0 {
                output.line("---")?;
            }
            output.write(taffrail_yaml::to_string(object).as_bytes())?;
        }
        Ok(())
    }
}
