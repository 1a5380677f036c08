//! `taffrail completion SHELL`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Arguments;
use crate::failure::Failure;
use crate::output::Output;

/// Print what completes taffrail's arguments in a shell.
#[derive(Debug, Args)]
#[command(after_help = "For bash: source <(taffrail completion bash)")]
pub(super) struct Completion {
    /// The shell.
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        // Into memory first: clap_complete panics when its writer fails, as a closed pipe does.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "taffrail", &mut script);
        Ok(output.write(&script)?)
    }
}
