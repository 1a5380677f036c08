//! `taffrail diff APP`.
//!
//! Always: the exit code is 0 when nothing differs, 1 when something does, 2 when that is not known.

use clap::{Args, ValueEnum};
use serde_json::{Value, from_value};
use taffrail_model::ApplicationName;
use taffrail_ports::inquiries::Difference;

use super::format;
use super::server::Server;
use crate::client::block_on;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Show how two recorded states of an application differ.
///
/// A state is named by any event: it is what was desired as of it. Values of Secrets are masked. The exit code is 0 when
/// nothing differs, 1 when something does, 2 when that is not known.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The application.
    #[arg(value_name = "APP")]
    application: ApplicationName,
    /// The state as of this event.
    #[arg(long, value_name = "SEQ")]
    from: u64,
    /// The state as of this event.
    #[arg(long, value_name = "SEQ")]
    to: u64,
    /// How the answer is written.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    server: Server,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Unified diffs, for a person.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// For a comment on a merge request.
    Markdown,
}

impl Diff {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        // 1 would say that something differs.
        let (answer, difference) = self.ask(output).map_err(|failure| failure.code(2))?;
        match self.output {
            Format::Json => format::json(&answer, output)?,
            Format::Text => text::difference(&difference, output)?,
            Format::Markdown => text::markdown(&difference, output)?,
        }
        if difference.objects.is_empty() { Ok(()) } else { Err(Failure::silent(1)) }
    }

    fn ask(&self, output: &mut Output) -> Result<(Value, Difference), Failure> {
        let client = self.server.client(output)?;
        let query = vec![("from", self.from.to_string()), ("to", self.to.to_string())];
        let path = ["applications", self.application.as_str(), "diff"];
        let answer = block_on(async { Ok(client.json(&path, &query).await?) })?;
        let difference = from_value(answer.clone())
            .map_err(|error| Failure::new(format!("the daemon's answer cannot be read: {error}")))?;
        Ok((answer, difference))
    }
}
