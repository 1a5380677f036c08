//! Events as they come: `text/event-stream`, as the WHATWG's HTML standard describes it.
//!
//! Always: after a follower was told an id, every later event that matches reaches it once and in order, over any number
//! of connections. For that the stream opens with the id where it starts, and each keep-alive repeats the last number
//! that was looked at: a block of only an `id` moves `Last-Event-ID` on and is no event to the reader.
//!
//! It starts after `Last-Event-ID`, else after `after`, else at the first event since `since`, else at the head.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use taffrail_model::Seq;
use taffrail_ports::journal::{EventQuery, StoredEvent};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;

use crate::accept::Format;
use crate::app::App;
use crate::cursor::{self, Cursor};
use crate::problem::Problem;
use crate::query::EventsRequest;

/// Events read at once.
const PAGE: usize = 64;

pub(crate) async fn follow(app: Arc<App>, request: EventsRequest, headers: &HeaderMap) -> Result<Response, Problem> {
    if let Some(name) = ["until", "before", "limit", "order"].into_iter().find(|name| request.has(name)) {
        return Err(Problem::bad(format!("`{name}`: a stream goes on in order and has no end: leave it out")));
    }
    let full = || {
        let detail = format!("{} readers follow the events already: try again", app.readers.options.followers);
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    };
    let place = app.followers.clone().try_acquire_owned().map_err(|_| full())?;

    // Subscribed before the head is read: an append in between is noticed.
    let appended = app.readers.journal.watch();
    let head = app.head().await?.seq;
    let last = match last_event_id(headers)? {
        Some(id) => Some(id.check(&app).await?),
        None => request.query.after,
    };
    let start = match last {
        Some(seq) if seq > head => {
            return Err(Problem::bad(format!(
                "the stream cannot start after event {seq}: the newest is {head}. Is the number of another journal?"
            )));
        }
        Some(seq) => seq,
        None if request.query.since.is_some() => Seq(0),
        None => head,
    };
    let follower = Follower {
        query: EventQuery { limit: PAGE, ..request.query },
        cursor: start,
        seen: head,
        appended,
        ending: app.ending.subscribe(),
        quiet_until: Instant::now() + app.readers.options.keep_alive,
        app,
        _place: place,
    };
    let opening = Ok(mark(&follower.app, start).await?);
    let events = stream::iter([opening]).chain(stream::try_unfold(follower, Follower::next));
    Ok(([(header::CONTENT_TYPE, Format::EventStream.media_type())], Body::from_stream(events)).into_response())
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    let Some(id) = headers.get("last-event-id").filter(|id| !id.is_empty()) else { return Ok(None) };
    let cursor = id.to_str().ok().and_then(Cursor::parse);
    cursor.map(Some).ok_or_else(|| Problem::bad("`Last-Event-ID`: write the id of the last event that was received"))
}

/// A comment for people and a block that only moves `Last-Event-ID` on.
async fn mark(app: &App, seq: Seq) -> Result<Bytes, Problem> {
    Ok(format!(": after {seq}\nid: {}\n\n", cursor::id(app, seq).await?).into())
}

/// One open stream.
struct Follower {
    app: Arc<App>,
    query: EventQuery,
    /// Everything up to here was sent or does not match.
    cursor: Seq,
    /// The newest event that is known of.
    seen: Seq,
    appended: watch::Receiver<Seq>,
    ending: watch::Receiver<bool>,
    quiet_until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Follower {
    /// What to send next. Only called when the client took what was sent before, so a slow one holds one page.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        while !*self.ending.borrow() {
            // A long search that finds nothing is told of, too.
            if self.cursor < self.seen && Instant::now() < self.quiet_until {
                let events = self.read().await?;
                if !events.is_empty() {
                    return Ok(Some((blocks(&events), self.spoken())));
                }
                continue;
            }
            tokio::select! {
                _ = self.ending.changed() => {}
                () = tokio::time::sleep_until(self.quiet_until) => {
                    return Ok(Some((mark(&self.app, self.cursor).await?, self.spoken())));
                }
                closed = self.appended.changed() => {
                    if closed.is_err() {
                        return Ok(None);
                    }
                    self.seen = self.seen.max(*self.appended.borrow_and_update());
                }
            }
        }
        Ok(None)
    }

    /// The next page of what is known of.
    async fn read(&mut self) -> Result<Vec<StoredEvent>, Problem> {
        self.query.after = Some(self.cursor);
        self.query.before = Some(self.seen.next());
        let page = self.app.query(self.query.clone()).await?;
        self.cursor = page.resume.unwrap_or(self.seen);
        Ok(page.events)
    }

    fn spoken(mut self) -> Self {
        self.quiet_until = Instant::now() + self.app.readers.options.keep_alive;
        self
    }
}

fn blocks(events: &[StoredEvent]) -> Bytes {
    let mut blocks = Vec::new();
    for stored in events {
        let (id, kind) = (&stored.event.envelope.id, stored.event.envelope.fact.kind());
        blocks.extend_from_slice(format!("id: {id}\nevent: {kind}\ndata: ").as_bytes());
        // RFC 8785 escapes line ends: the bytes are one line.
        blocks.extend_from_slice(&stored.bytes);
        blocks.extend_from_slice(b"\n\n");
    }
    blocks.into()
}
