//! `GET /applications/{name}/history`: the syncs and reverts of an application, the newest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use taffrail_model::{Actor, CommitId, Envelope, Fact, Seq, SubjectKind, Timestamp};
use taffrail_ports::journal::EventQuery;

use crate::app::App;
use crate::orders::known;
use crate::past::{Parameters, named};
use crate::problem::Problem;

/// The parameters.
pub(crate) const PARAMETERS: [&str; 2] = ["before", "limit"];

/// Syncs on a page, unless `limit` says otherwise.
const SYNCS: usize = 20;
/// Most syncs on a page.
const MOST: usize = 200;
/// Events read at once.
const PAGE: usize = 100;
/// Most pages of events that are read for one of history.
const PAGES: usize = 50;
/// How far the cause of a sync is looked for.
const CAUSES: usize = 4;

/// What begins and ends syncs.
const KINDS: [&str; 8] = [
    "RevertFailed",
    "RevertStarted",
    "Reverted",
    "SyncFailed",
    "SyncHeld",
    "SyncStarted",
    "SyncSucceeded",
    "SyncSuperseded",
];

#[derive(Serialize)]
struct History {
    history: Vec<Entry>,
    /// Where to go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Seq>,
}

/// A sync or revert, as it went.
#[derive(Serialize)]
struct Entry {
    seq: Seq,
    kind: &'static str,
    revision: CommitId,
    by: Actor,
    started: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    outcome: &'static str,
    /// Why it failed, or why it was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How a sync ended.
struct End {
    time: Timestamp,
    outcome: &'static str,
    reason: Option<String>,
}

pub(crate) async fn history(
    State(app): State<Arc<App>>,
    uri: Uri,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (name, parameters) = (named(name)?, Parameters::read(&uri, &PARAMETERS)?);
    let limit = parameters.seq("limit")?.map_or(SYNCS, |limit| usize::try_from(limit.0).unwrap_or(usize::MAX));
    if limit > MOST {
        return Err(Problem::bad(format!("`limit`: a page holds at most {MOST}: go on with `before`")));
    }
    known(&app, &name).await?;
    let wanted = parameters.seq("before")?;
    let mut query = EventQuery {
        subject: Some((SubjectKind::Application, Some(name.to_string()))),
        kinds: KINDS.map(str::to_owned).to_vec(),
        before: wanted,
        limit: PAGE,
        descending: true,
        ..EventQuery::default()
    };
    let (mut entries, mut ends, mut more) = (Vec::new(), BTreeMap::new(), true);
    'pages: for _ in 0..PAGES {
        let page = app.query(query.clone()).await?;
        for stored in page.events {
            let envelope = stored.event.envelope;
            if let (Some(sync), Some(end)) = (envelope.sync, end(&envelope)) {
                ends.entry(sync).or_insert(end);
            }
            if let Some((kind, revision)) = start(&envelope) {
                if entries.len() == limit {
                    break 'pages;
                }
                let end = match ends.remove(&envelope.seq) {
                    // It came after where the page starts.
                    None if entries.is_empty() && wanted.is_some() => end_of(&app, envelope.seq).await?,
                    end => end,
                };
                // Whatever starts after it ended it, if only by leaving the configuration.
                let open = if entries.is_empty() && wanted.is_none() { "under way" } else { "ended" };
                entries.push(entry(&app, envelope, kind, revision, end, open).await?);
            }
        }
        match page.resume {
            Some(resume) => query.before = Some(resume),
            None => {
                more = false;
                break;
            }
        }
    }
    let before = entries.last().map(|entry: &Entry| entry.seq).or(query.before).filter(|_| more);
    Ok(Json(History { history: entries, before }).into_response())
}

fn start(envelope: &Envelope) -> Option<(&'static str, CommitId)> {
    match &envelope.fact {
        Fact::SyncStarted { revision, .. } => Some(("sync", revision.clone())),
        Fact::RevertStarted { revision, .. } => Some(("revert", revision.clone())),
        _ => None,
    }
}

fn end(envelope: &Envelope) -> Option<End> {
    let (outcome, reason) = match &envelope.fact {
        Fact::SyncSucceeded { .. } => ("succeeded", None),
        Fact::SyncFailed { verdict, .. } | Fact::RevertFailed { verdict, .. } => ("failed", Some(verdict.clone())),
        Fact::SyncSuperseded { .. } => ("superseded", None),
        Fact::SyncHeld { reason, .. } => ("held", Some(reason.to_string())),
        Fact::Reverted { .. } => ("reverted", None),
        _ => return None,
    };
    Some(End { time: envelope.time, outcome, reason })
}

async fn end_of(app: &App, sync: Seq) -> Result<Option<End>, Problem> {
    let kinds = KINDS.iter().filter(|kind| !kind.ends_with("Started")).map(|kind| (*kind).to_owned()).collect();
    let page = app.query(EventQuery { sync: Some(sync), kinds, limit: 1, ..EventQuery::default() }).await?;
    Ok(page.events.first().and_then(|stored| end(&stored.event.envelope)))
}

async fn entry(
    app: &App,
    envelope: Envelope,
    kind: &'static str,
    revision: CommitId,
    end: Option<End>,
    open: &'static str,
) -> Result<Entry, Problem> {
    let (asked_by, why) = why(app, envelope.cause).await?;
    let ended = end.as_ref().map(|end| end.time);
    Ok(Entry {
        seq: envelope.seq,
        kind,
        revision,
        by: asked_by.unwrap_or(envelope.actor),
        started: envelope.time,
        ended,
        seconds: ended.map(|ended| ended.duration_since(envelope.time).as_secs_f64()),
        outcome: end.as_ref().map_or(open, |end| end.outcome),
        reason: end.and_then(|end| end.reason).or(why),
    })
}

/// Who asked for it and why, or what failed before it.
async fn why(app: &App, mut cause: Option<Seq>) -> Result<(Option<Actor>, Option<String>), Problem> {
    for _ in 0..CAUSES {
        let Some(seq) = cause else { break };
        let Some(stored) = app.read(move |journal| journal.event(seq)).await? else { break };
        let envelope = stored.event.envelope;
        match envelope.fact {
            Fact::SyncRequested { reason, .. }
            | Fact::RevertRequested { reason, .. }
            | Fact::DesiredStateReleased { reason, .. }
            | Fact::PruneAcknowledged { reason, .. } => {
                return Ok((Some(envelope.actor), Some(reason).filter(|reason| !reason.is_empty())));
            }
            // Who wrote the commit.
            Fact::DesiredStateChanged { .. } => return Ok((Some(envelope.actor), None)),
            Fact::GateFailed { verdict, .. } | Fact::SyncFailed { verdict, .. } => return Ok((None, Some(verdict))),
            _ => cause = envelope.cause,
        }
    }
    Ok((None, None))
}
