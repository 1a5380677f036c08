//! An event as one line: time, number, subject, kind, summary.
//!
//! Always: one event is one line; an event of a newer daemon, which this version has no words for, is shown with its
//! bare data.

use serde_json::Value;
use taffrail_model::{Event, Timestamp};

use super::summary::summary;
use crate::output::{Colour, Output, printable};

/// The line for an event's stored bytes.
pub(crate) fn line(bytes: &[u8], output: &Output) -> String {
    let parts = match Event::from_bytes(bytes) {
        Ok(event) => Parts {
            time: seconds(event.envelope.time),
            seq: event.envelope.seq.to_string(),
            subject: event.envelope.subject.to_string(),
            kind: event.envelope.fact.kind().to_owned(),
            summary: summary(&event.envelope.fact),
        },
        Err(_) => unknown(bytes),
    };
    let kind = printable(&parts.kind);
    let painted = output.paint(colour(&kind), &kind);
    let gap = " ".repeat(24usize.saturating_sub(kind.chars().count()));
    let head = format!("{}  {:>6}  {:<28}", printable(&parts.time), printable(&parts.seq), printable(&parts.subject));
    format!("{head}  {painted}{gap} {}", printable(&parts.summary)).trim_end().to_owned()
}

struct Parts {
    time: String,
    seq: String,
    subject: String,
    kind: String,
    summary: String,
}

fn seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn unknown(bytes: &[u8]) -> Parts {
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("?").to_owned();
    let time = text(value.get("time"));
    let subject = value.get("subject");
    let kind = text(subject.and_then(|subject| subject.get("kind")));
    Parts {
        time: time.parse().map_or(time, seconds),
        seq: value.get("seq").map_or_else(|| "?".to_owned(), ToString::to_string),
        subject: match subject.and_then(|subject| subject.get("name")).and_then(Value::as_str) {
            Some(name) => format!("{kind}/{name}"),
            None => kind,
        },
        kind: text(value.get("kind")),
        summary: value.get("data").map(ToString::to_string).unwrap_or_default(),
    }
}

fn colour(kind: &str) -> Option<Colour> {
    match kind {
        "GatePassed" | "SyncSucceeded" | "Reverted" | "ClusterReachable" | "RepositoryReachable" => Some(Colour::Good),
        "ObjectDegraded" | "RevertStarted" | "SyncHeld" | "SyncPaused" | "DesiredStateQuarantined" => {
            Some(Colour::Changing)
        }
        kind if kind.ends_with("Failed") || kind.ends_with("Refused") || kind.ends_with("Unreachable") => {
            Some(Colour::Bad)
        }
        _ => None,
    }
}
