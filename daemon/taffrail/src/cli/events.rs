//! `taffrail events`.
//!
//! Always: `--follow` shows every event that matches once, in order, over any number of cut connections.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::Value;
use taffrail_model::{ApplicationName, Event, Fact, ObjectKey, RepositoryName, Timestamp, duration};

use super::format;
use super::server::Server;
use crate::client::{Client, ClientError, Query, block_on};
use crate::failure::Failure;
use crate::output::Output;
use crate::text;

/// Show what happened: the newest events that match, the newest last.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// Go on with what happens from now on.
    #[arg(short, long, conflicts_with_all = ["until", "before"])]
    follow: bool,
    /// How many, or `all` [default: 100, or 10 with --follow].
    #[arg(short = 'n', long, value_name = "N", value_parser = count)]
    count: Option<Count>,
    /// How events are written; with --follow, text or ndjson.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    filters: Filters,
}

/// Which events; all of them must hold.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filters {
    /// Of this application.
    #[arg(long, value_name = "NAME", conflicts_with = "repository")]
    application: Option<ApplicationName>,
    /// Of this repository.
    #[arg(long, value_name = "NAME")]
    repository: Option<RepositoryName>,
    /// Of this kind; may be given several times.
    #[arg(long, value_name = "KIND", hide_possible_values = true, value_parser = PossibleValuesParser::new(Fact::KINDS))]
    kind: Vec<String>,
    /// Caused by this actor: taffrail, or the author of a commit.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Of a revision that starts so.
    #[arg(long, value_name = "COMMIT")]
    revision: Option<String>,
    /// About this object, as apps/Deployment:shop/api.
    #[arg(long, value_name = "OBJECT")]
    object: Option<ObjectKey>,
    /// Of the sync or revert that this event started.
    #[arg(long, value_name = "SEQ")]
    sync: Option<u64>,
    /// At or after this time: 2026-11-21T08:00:00Z, or 2h ago.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// After this event.
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Before this event.
    #[arg(long, value_name = "SEQ")]
    before: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Count {
    All,
    Newest(usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line an event, for a person.
    #[default]
    Text,
    /// One JSON list.
    Json,
    /// One YAML list.
    Yaml,
    /// A line an event: the stored bytes that the chain of hashes is made from.
    Ndjson,
}

/// The last event that was shown or looked at: its number, and its id to go on with.
struct Place {
    seq: u64,
    id: String,
}

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Events {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        if self.follow && matches!(self.output, Format::Json | Format::Yaml) {
            return Err(Failure::usage("a list that has no end cannot be written as one document")
                .hint("with --follow, use `-o ndjson`"));
        }
        let client = self.server.client(output)?;
        block_on(async {
            let newest = self.past(&client, output).await?;
            if self.follow { self.future(&client, newest, output).await } else { Ok(()) }
        })
    }

    /// Prints the newest events that match; returns the number of the newest event of all when they were read.
    async fn past(&self, client: &Client, output: &mut Output) -> Result<u64, Failure> {
        let mut query = self.filters.query();
        let count = self.count.unwrap_or(Count::Newest(if self.follow { 10 } else { 100 }));
        if let Count::Newest(count) = count {
            query.extend([("order", "desc".to_owned()), ("limit", count.max(1).to_string())]);
        }
        let mut lines = client.lines(&["events"], &query).await?;
        let newest = lines.head()?.0.0;
        let at_once = matches!(count, Count::All) && matches!(self.output, Format::Text | Format::Ndjson);
        let mut list = Vec::new();
        while let Some(line) = lines.next().await? {
            if at_once { self.print_one(&line, output)? } else { list.push(line) }
        }
        match count {
            Count::All => {}
            Count::Newest(0) => list.clear(),
            Count::Newest(_) => list.reverse(),
        }
        match self.output {
            Format::Text | Format::Ndjson => list.iter().try_for_each(|event| self.print_one(event, output))?,
            Format::Json => format::json(&values(&list)?, output)?,
            Format::Yaml => format::yaml(&values(&list)?, output)?,
        }
        Ok(newest)
    }

    fn print_one(&self, event: &[u8], output: &mut Output) -> Result<(), Failure> {
        if self.output == Format::Ndjson {
            output.write(&[event, b"\n"].concat())?;
        } else {
            let line = text::line(event, output);
            output.line(&line)?;
        }
        Ok(())
    }

    /// Prints what comes after the event `last`, until somebody ends the process.
    async fn future(&self, client: &Client, last: u64, output: &mut Output) -> Result<(), Failure> {
        let last = last.max(self.filters.after.unwrap_or(0));
        let mut last = Place { seq: last, id: last.to_string() };
        let mut query = self.filters.query();
        query.retain(|(name, _)| *name != "after");
        output.flush()?;
        let mut wait = FIRST_WAIT;
        loop {
            let before = last.seq;
            let lost = self.receive(client, &query, &mut last, output).await?;
            if last.seq > before {
                wait = FIRST_WAIT;
            }
            if wait == FIRST_WAIT {
                output.warning(&format!("{lost}; trying again"));
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Prints until the connection is lost; returns how.
    async fn receive(
        &self,
        client: &Client,
        query: &Query,
        last: &mut Place,
        output: &mut Output,
    ) -> Result<String, Failure> {
        let lost = |error: ClientError| if error.may_pass() { Ok(error.to_string()) } else { Err(error.into()) };
        let mut messages = match client.messages(&["events"], query, &last.id).await {
            Ok(messages) => messages,
            Err(error) => return lost(error),
        };
        loop {
            match messages.next().await {
                Ok(Some(message)) if message.seq >= last.seq => {
                    let shown = message.seq == last.seq;
                    *last = Place { seq: message.seq, id: message.id };
                    if let Some(event) = message.event.filter(|_| !shown) {
                        self.print_one(&event, output)?;
                        output.flush()?;
                    }
                }
                Ok(Some(_)) => {} // Shown before the cut.
                Ok(None) => return Ok("the daemon ended the stream".to_owned()),
                Err(error) => return lost(error),
            }
        }
    }
}

impl Filters {
    fn query(&self) -> Query {
        let mut query: Query = self.kind.iter().map(|kind| ("kind", kind.clone())).collect();
        let mut add = |name, value: Option<String>| query.extend(value.map(|value| (name, value)));
        add("application", self.application.as_ref().map(ToString::to_string));
        add("repository", self.repository.as_ref().map(ToString::to_string));
        add("actor", self.actor.clone());
        add("revision", self.revision.clone());
        add("object", self.object.as_ref().map(ToString::to_string));
        add("sync", self.sync.map(|sync| sync.to_string()));
        add("since", self.since.map(|since| since.to_string()));
        add("until", self.until.map(|until| until.to_string()));
        add("after", self.after.map(|after| after.to_string()));
        add("before", self.before.map(|before| before.to_string()));
        query
    }
}

fn values(list: &[Vec<u8>]) -> Result<Value, Failure> {
    list.iter().map(|event| value(event)).collect()
}

/// An event with its hash.
fn value(event: &[u8]) -> Result<Value, Failure> {
    let unreadable = |error| Failure::new(format!("the daemon gave an event that cannot be read: {error}"));
    let mut value: Value = serde_json::from_slice(event).map_err(unreadable)?;
    let previous = value.get("previous").and_then(Value::as_str).and_then(|previous| previous.parse().ok());
    if let (Some(previous), Some(fields)) = (previous, value.as_object_mut()) {
        fields.insert("hash".to_owned(), Event::chain(previous, event).to_string().into());
    }
    Ok(value)
}

fn count(text: &str) -> Result<Count, String> {
    match text {
        "all" => Ok(Count::All),
        number => number.parse().map(Count::Newest).map_err(|_| "write a number, or `all`".to_owned()),
    }
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = duration::parse(text) {
        return Timestamp::now().checked_sub(ago).map_err(|_| "that is before the beginning of time".to_owned());
    }
    text.parse().map_err(|_| "write a time as 2026-11-21T08:00:00Z, or a duration (2h) before now".to_owned())
}
