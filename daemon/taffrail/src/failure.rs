//! How a command fails: what happened, what to do about it, and the exit code.
//!
//! Always: 1 is a failure of the work, 2 a mistake in the arguments or the configuration (as clap's own), unless a command
//! says otherwise in its help.

use std::io;
use std::process::ExitCode;

use taffrail_yaml::Errors;

use crate::output::Output;

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    errors: Vec<String>,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// The work failed.
    pub fn new(error: impl ToString) -> Self {
        Self { errors: vec![error.to_string()], hint: None, code: 1 }
    }

    /// The arguments are wrong.
    pub fn usage(error: impl ToString) -> Self {
        Self { code: 2, ..Self::new(error) }
    }

    /// A configuration file is wrong.
    pub fn configuration(errors: &Errors) -> Self {
        Self { code: 2, ..Self::all(errors) }
    }

    /// The work failed for each of these reasons.
    pub fn all(errors: &Errors) -> Self {
        Self { errors: errors.0.iter().map(ToString::to_string).collect(), hint: None, code: 1 }
    }

    /// An exit code that says it all, after results were written.
    pub(crate) fn silent(code: u8) -> Self {
        Self { errors: Vec::new(), hint: None, code }
    }

    /// The same with this exit code.
    #[must_use]
    pub(crate) fn code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Tells the person; returns what the process exits with.
    pub fn report(&self, output: &mut Output) -> ExitCode {
        for error in &self.errors {
            output.error(error);
        }
        if let Some(hint) = &self.hint {
            output.hint(hint);
        }
        ExitCode::from(self.code)
    }
}

/// Nobody reads the output any more (`taffrail events | head`): the command ends, quietly.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self { errors: Vec::new(), hint: None, code: 0 },
            _ => Self::new(format!("the output cannot be written: {error}")),
        }
    }
}
