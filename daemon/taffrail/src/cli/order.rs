//! What all orders have in common: the application, the reason, and how the answer is shown.

use clap::Args;
use serde_json::{Map, Value};
use taffrail_model::ApplicationName;

use super::format::{self, Format};
use super::server::Server;
use crate::client::block_on;
use crate::failure::Failure;
use crate::output::Output;

/// An order, but for what is ordered.
#[derive(Debug, Args)]
pub(super) struct Order {
    /// The application.
    #[arg(value_name = "APP")]
    application: ApplicationName,
    /// How the answer is written.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    server: Server,
}

/// A reason that is welcome.
#[derive(Debug, Args)]
pub(super) struct Reason {
    /// Why, for whoever reads the log later.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// A reason that must be there.
#[derive(Debug, Args)]
pub(super) struct NeededReason {
    /// Why, for whoever reads the log later.
    #[arg(long, value_name = "TEXT", value_parser = some)]
    reason: String,
}

fn some(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say why".to_owned()) } else { Ok(text.to_owned()) }
}

impl From<Reason> for Option<String> {
    fn from(reason: Reason) -> Self {
        reason.reason
    }
}

impl From<NeededReason> for Option<String> {
    fn from(reason: NeededReason) -> Self {
        Some(reason.reason)
    }
}

impl Order {
    /// Gives the order `verb` with these fields.
    pub(super) fn give(
        &self,
        verb: &str,
        reason: impl Into<Option<String>>,
        fields: impl IntoIterator<Item = (&'static str, Option<Value>)>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let reason = ("reason", reason.into().map(Value::from));
        let body: Map<String, Value> = fields
            .into_iter()
            .chain([reason])
            .filter_map(|(name, value)| value.map(|value| (name.to_owned(), value)))
            .collect();
        let client = self.server.client(output)?;
        let path = ["applications", self.application.as_str(), verb];
        let answer = block_on(async { Ok(client.order(&path, &body.into()).await?) })?;
        match self.output {
            Format::Json => format::json(&answer, output),
            Format::Yaml => format::yaml(&answer, output),
            Format::Text => {
                let event = answer.get("event").map(ToString::to_string).unwrap_or_default();
                Ok(output.line(&format!("recorded as event {event}"))?)
            }
        }
    }
}

/// A list as a field; none when it is empty.
pub(super) fn list(items: &[impl ToString]) -> Option<Value> {
    (!items.is_empty()).then(|| items.iter().map(ToString::to_string).collect())
}
