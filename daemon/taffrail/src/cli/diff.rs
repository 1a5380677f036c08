//! `taffrail diff APP`.
//!
//! Always: the exit code is 0 when nothing differs, 1 when something does, 2 when that is not known.

use std::time::Duration;

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

/// Show what a sync would do to what is in the cluster, or how two recorded states of an application differ.
///
/// The API server is asked by dry runs: nothing is written. With --from and --to, a state is named by any event: it is what
/// was desired as of it. Values of Secrets are masked. The exit code is 0 when nothing differs, 1 when something does, 2
/// when that is not known.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The application.
    #[arg(value_name = "APP")]
    application: ApplicationName,
    /// What a sync to this branch or commit would do, in place of what Git asks for now.
    #[arg(long, value_name = "BRANCH|COMMIT", conflicts_with_all = ["from", "to"])]
    revision: Option<String>,
    /// The state as of this event.
    #[arg(long, value_name = "SEQ", requires = "to")]
    from: Option<u64>,
    /// The state as of this event.
    #[arg(long, value_name = "SEQ", requires = "from")]
    to: Option<u64>,
    /// How the answer is written.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    server: Server,
}

/// Longer than the daemon takes for the largest application.
const LONG: Duration = Duration::from_secs(75);

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
        let seq = |seq: Option<u64>| seq.map(|seq| seq.to_string());
        let parameters = [("from", seq(self.from)), ("to", seq(self.to)), ("revision", self.revision.clone())];
        let query = parameters.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
        let path = ["applications", self.application.as_str(), "diff"];
        let answer = block_on(async { Ok(client.json_in(LONG, &path, &query).await?) })?;
        let difference = from_value(answer.clone())
            .map_err(|error| Failure::new(format!("the daemon's answer cannot be read: {error}")))?;
        Ok((answer, difference))
    }
}
