//! `taffrail status`.

use clap::Args;
use serde_json::{Value, from_value};
use taffrail_model::ApplicationName;
use taffrail_ports::status::ApplicationStatus;

use super::format::{self, Format};
use super::server::Server;
use crate::client::{Client, ClientError, Query, block_on};
use crate::failure::Failure;
use crate::output::{Output, printable};
use crate::text;

/// Show the applications, or one with its objects.
#[derive(Debug, Args)]
pub(super) struct Status {
    /// The application; all without their objects when there is none.
    #[arg(value_name = "APP")]
    application: Option<ApplicationName>,
    /// As it was after this event, or at this time (2026-11-21T08:00:00Z, or 2h ago).
    #[arg(long, value_name = "SEQ|TIME", value_parser = at)]
    at: Option<String>,
    /// How the answer is written.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    server: Server,
}

impl Status {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let client = self.server.client(output)?;
        let query: Query = self.at.iter().map(|at| ("at", at.clone())).collect();
        let answer = block_on(async {
            match &self.application {
                Some(name) => one(&client, name, &query).await,
                None => Ok(client.json(&["applications"], &query).await?),
            }
        })?;
        if let (Format::Text, Some(as_of)) = (self.output, answer.get("asOf")) {
            let (seq, time) = (&as_of["seq"], as_of["time"].as_str().unwrap_or_default());
            output.line(&printable(&format!(
                "the past: as recorded up to event {seq} at {time}; health is not recorded"
            )))?;
        }
        match self.output {
            Format::Json => format::json(&answer, output),
            Format::Yaml => format::yaml(&answer, output),
            Format::Text if self.application.is_some() => {
                Ok(text::details(&from_value(answer).map_err(unreadable)?, output)?)
            }
            Format::Text => Ok(text::table(&list(answer)?, output)?),
        }
    }
}

/// The number of an event, or a time.
fn at(text: &str) -> Result<String, String> {
    let time = text.parse::<u64>().is_err().then(|| super::events::time(text));
    time.map_or_else(|| Ok(text.to_owned()), |time| time.map(|time| time.to_string()))
}

async fn one(client: &Client, name: &ApplicationName, query: &Query) -> Result<Value, Failure> {
    client.json(&["applications", name.as_str()], query).await.map_err(|error| match error {
        ClientError::Refused { status: 404, reason, .. } => Failure::new(reason),
        error => error.into(),
    })
}

fn list(mut answer: Value) -> Result<Vec<ApplicationStatus>, Failure> {
    from_value(answer.get_mut("applications").map(Value::take).unwrap_or_default()).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::new(format!("the daemon's answer cannot be read: {error}"))
        .hint("is the daemon of this version? `-o json` shows its answer as it is")
}
