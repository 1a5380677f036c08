//! The stored bytes of events, a line each.
//!
//! Always: it ends at the event that `Taffrail-Head: SEQ HASH` names, also when more are appended meanwhile, so that a
//! whole export is checked by chaining its lines up to that hash. Only one page is in memory, and none is read before
//! the client took the one before.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use taffrail_model::Seq;
use taffrail_ports::journal::EventQuery;

use crate::accept::Format;
use crate::app::App;
use crate::problem::Problem;
use crate::query::EventsRequest;

/// Events read at once.
const PAGE: usize = 64;

pub(crate) async fn export(app: Arc<App>, request: EventsRequest) -> Result<Response, Problem> {
    let head = app.head().await?;
    let mut query = request.query;
    let end = head.seq.next();
    query.before = Some(query.before.map_or(end, |before: Seq| before.min(end)));
    let rest = Rest { app, query, left: request.limit.unwrap_or(usize::MAX) };

    // The first page is read before anything is sent: an error that is there from the start is a proper answer.
    let (first, rest) = rest.read().await?;
    let more = stream::try_unfold(rest, |rest| async {
        match rest {
            Some(rest) => rest.read().await.map(Some),
            None => Ok(None),
        }
    });
    let headers = [
        (header::CONTENT_TYPE.as_str(), Format::Ndjson.media_type().to_owned()),
        ("taffrail-head", format!("{} {}", head.seq, head.hash)),
    ];
    Ok((headers, Body::from_stream(stream::iter([Ok(first)]).chain(more))).into_response())
}

/// What is still to be sent.
struct Rest {
    app: Arc<App>,
    query: EventQuery,
    left: usize,
}

impl Rest {
    /// The lines of the next page, and what is left after it.
    async fn read(mut self) -> Result<(Bytes, Option<Self>), Problem> {
        self.query.limit = self.left.min(PAGE);
        let page = self.app.query(self.query.clone()).await?;
        let mut lines = Vec::new();
        for stored in &page.events {
            lines.extend_from_slice(&stored.bytes);
            lines.push(b'\n');
        }
        self.left -= page.events.len();
        let rest = page.resume.filter(|_| self.left > 0).map(|resume| {
            *(if self.query.descending { &mut self.query.before } else { &mut self.query.after }) = Some(resume);
            self
        });
        Ok((lines.into(), rest))
    }
}
