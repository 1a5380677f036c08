//! The commands, a file each: its arguments and what it does.
//!
//! Always: a command hands its results to [`Output`] and its failure back to `main`; none writes or exits itself.

mod acknowledge;
mod adopt;
mod completion;
mod demo;
mod diff;
mod events;
mod export;
mod format;
mod history;
mod import;
mod install;
mod order;
mod refresh;
mod release;
mod remove;
mod render;
mod resume;
mod revert;
mod run;
mod server;
mod status;
mod suspend;
mod sync;
mod token;
mod validate;
mod verify;
mod wait;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::output::Output;

/// Keeps a cluster as a Git repository says, and a log of everything that changed.
#[derive(Debug, Parser)]
#[command(name = "taffrail", version, max_term_width = 120)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Run),
    Demo(demo::Demo),
    Validate(validate::Validate),
    Render(render::Render),
    Status(status::Status),
    Events(Box<events::Events>),
    Wait(wait::Wait),
    Diff(diff::Diff),
    History(history::History),
    Refresh(refresh::Refresh),
    Sync(sync::Sync),
    Suspend(suspend::Suspend),
    Resume(resume::Resume),
    Release(release::Release),
    Acknowledge(acknowledge::Acknowledge),
    Adopt(adopt::Adopt),
    Revert(revert::Revert),
    Remove(remove::Remove),
    Token(token::Token),
    Verify(verify::Verify),
    Export(export::Export),
    Import(import::Import),
    Install(install::Install),
    Completion(completion::Completion),
}

impl Arguments {
    /// Runs the command that was asked for.
    pub fn run(self, output: &mut Output) -> Result<(), Failure> {
        match self.command {
            Command::Run(command) => command.run(),
            Command::Demo(command) => command.run(output),
            Command::Validate(command) => command.run(output),
            Command::Render(command) => command.run(output),
            Command::Status(command) => command.run(output),
            Command::Events(command) => command.run(output),
            Command::Wait(command) => command.run(output),
            Command::Diff(command) => command.run(output),
            Command::History(command) => command.run(output),
            Command::Refresh(command) => command.run(output),
            Command::Sync(command) => command.run(output),
            Command::Suspend(command) => command.run(output),
            Command::Resume(command) => command.run(output),
            Command::Release(command) => command.run(output),
            Command::Acknowledge(command) => command.run(output),
            Command::Adopt(command) => command.run(output),
            Command::Revert(command) => command.run(output),
            Command::Remove(command) => command.run(output),
            Command::Token(command) => command.run(output),
            Command::Verify(command) => command.run(output),
            Command::Export(command) => command.run(output),
            Command::Import(command) => command.run(output),
            Command::Install(command) => command.run(output),
            Command::Completion(command) => command.run(output),
        }?;
        Ok(output.flush()?)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_contradict_nowhere() {
        Arguments::command().debug_assert();
    }
}
