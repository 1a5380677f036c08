//! `taffrail demo`: the main job on the example shop, told as it happens.

use std::path::PathBuf;

use clap::Args;

use crate::demo::{Options, tell};
use crate::failure::Failure;
use crate::output::Output;

/// Show the main job on the example shop, against a control plane of its own.
///
/// Starts a real Kubernetes control plane, makes a Git repository of the shop, runs the daemon on it, and commits: a
/// new image, one that cannot be pulled, one that mends it. Every step is checked against /events and the API server.
#[derive(Args, Debug)]
pub(super) struct Demo {
    /// The control plane's program; `make demo` builds it.
    #[arg(long, value_name = "PROGRAM", env = "TAFFRAIL_CONTROLPLANE")]
    controlplane: PathBuf,
    /// The folder that holds overlays/ and config/demo.yaml.
    #[arg(long, value_name = "DIR", default_value = ".")]
    sources: PathBuf,
}

impl Demo {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        tell(&Options { controlplane: self.controlplane, sources: self.sources }, output)
    }
}
