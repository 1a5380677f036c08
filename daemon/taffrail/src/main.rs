//! The program: reads the arguments, runs the command, reports how it ended.

use std::process::ExitCode;

use clap::Parser;
use taffrail::Output;
use taffrail::cli::Arguments;

fn main() -> ExitCode {
    let mut output = Output::terminal();
    match Arguments::parse().run(&mut output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(&mut output),
    }
}
