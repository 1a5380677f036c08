//! `taffrail history APP`.

use clap::Args;
use taffrail_model::ApplicationName;

use super::format::{self, Format};
use super::server::Server;
use crate::client::block_on;
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Show the syncs and reverts of an application: who, when, how long, and how it went. The newest first.
#[derive(Debug, Args)]
pub(super) struct History {
    /// The application.
    #[arg(value_name = "APP")]
    application: ApplicationName,
    /// How many.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=200))]
    count: u64,
    /// Only those that started before this event.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
    /// How the answer is written.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    server: Server,
}

impl History {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let client = self.server.client(output)?;
        let mut query = vec![("limit", self.count.to_string())];
        query.extend(self.before.map(|before| ("before", before.to_string())));
        let path = ["applications", self.application.as_str(), "history"];
        let answer = block_on(async { Ok(client.json(&path, &query).await?) })?;
        match self.output {
            Format::Json => format::json(&answer, output),
            Format::Yaml => format::yaml(&answer, output),
            Format::Text => Ok(text::history(&answer, output)?),
        }
    }
}
