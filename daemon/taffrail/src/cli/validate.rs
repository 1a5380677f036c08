//! `taffrail validate`.

use std::path::PathBuf;

use clap::Args;
use taffrail_model::Reference;

use crate::configuration;
use crate::failure::Failure;
use crate::output::Output;

/// Check a configuration file.
///
/// Nothing is started or connected to. The exit code is 2 when the file is wrong.
#[derive(Debug, Args)]
pub(super) struct Validate {
    /// The file.
    #[arg(short, long, value_name = "FILE", default_value = "taffrail.yaml")]
    config: PathBuf,
}

impl Validate {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let settings = configuration::load(&self.config).map_err(|errors| Failure::configuration(&errors))?;
        let configuration = &settings.configuration;
        output.line(&format!(
            "{} is valid: {}, {}",
            self.config.display(),
            count(configuration.repositories.len(), "repository", "repositories"),
            count(configuration.applications.len(), "application", "applications"),
        ))?;
        for (name, application) in &configuration.applications {
            let repository = &configuration.repositories[&application.repository];
            let place =
                format!("{} of {} at {}", shown(&application.path), repository.url, followed(&repository.reference));
            output.line(&format!("  {name}: {place}"))?;
        }
        output.line(&format!("data in {}, key in {}", settings.data.display(), settings.key_file.display()))?;
        Ok(output.line(&format!("listens on {}", settings.listen))?)
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn followed(reference: &Reference) -> String {
    match reference {
        Reference::Branch(branch) => branch.clone(),
        reference @ (Reference::Tag(_) | Reference::Semver(_)) => format!("the newest {reference}"),
    }
}

fn shown(path: &str) -> &str {
    if path.is_empty() { "the root" } else { path }
}
