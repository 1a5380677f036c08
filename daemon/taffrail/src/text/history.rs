//! Syncs and reverts, a line each.

use std::io;
use std::time::Duration;

use serde_json::Value;
use taffrail_model::{CommitId, Timestamp, duration};

use super::application::{Cell, columns, plain};
use crate::output::{Colour, Output, printable};

/// A history as the daemon tells it.
pub(crate) fn history(answer: &Value, output: &mut Output) -> io::Result<()> {
    let entries = answer["history"].as_array().into_iter().flatten();
    let rows: Vec<Vec<Cell>> = entries.map(row).collect();
    if rows.is_empty() {
        return output.line("nothing was synced yet");
    }
    columns(&["EVENT", "STARTED", "WHAT", "REVISION", "BY", "OUTCOME", "TOOK", "REASON"], rows, output)?;
    match &answer["before"] {
        Value::Null => Ok(()),
        before => output.line(&format!("\nolder ones: --before {before}")),
    }
}

fn row(entry: &Value) -> Vec<Cell> {
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let time = text("started").parse::<Timestamp>();
    let started = time.map_or_else(|_| text("started").to_owned(), |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    let revision = text("revision").parse::<CommitId>();
    let revision = revision.as_ref().map_or(text("revision"), |revision| revision.short());
    let took = entry["seconds"].as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds.round()).ok());
    let outcome = text("outcome");
    let colour = match outcome {
        "succeeded" => Some(Colour::Good),
        "failed" => Some(Colour::Bad),
        "reverted" | "held" | "under way" => Some(Colour::Changing),
        _ => Some(Colour::Faint),
    };
    vec![
        plain(&entry["seq"].to_string()),
        plain(&started),
        plain(text("kind")),
        plain(revision),
        plain(entry["by"]["name"].as_str().unwrap_or_default()),
        (printable(outcome), colour),
        plain(&took.map(duration::format).unwrap_or_default()),
        plain(text("reason")),
    ]
}
