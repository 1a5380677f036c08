//! `taffrail run`: the daemon.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;
use crate::{configuration, daemon};

/// Run the daemon until SIGTERM or Ctrl-C.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE", default_value = "taffrail.yaml")]
    config: PathBuf,
}

impl Run {
    pub(super) fn run(self) -> Result<(), Failure> {
        let file = daemon::ConfigurationFile::look(self.config.clone());
        let settings = configuration::load(&self.config).map_err(|errors| Failure::configuration(&errors))?;
        daemon::run(file, settings)
    }
}
