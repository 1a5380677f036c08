//! `/events` in each of its forms, and `/events/{seq}`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use taffrail_model::{Digest, Event, Seq, Timestamp};
use taffrail_ports::journal::StoredEvent;

use crate::accept::{Format, negotiate};
use crate::app::App;
use crate::problem::Problem;
use crate::query::EventsRequest;
use crate::routes::NoParameters;
use crate::{export, follow, page};

/// An event and its hash, which is no part of the stored bytes.
#[derive(Serialize)]
pub(crate) struct ShownEvent {
    #[serde(flatten)]
    event: Event,
    hash: Digest,
}

impl From<StoredEvent> for ShownEvent {
    fn from(stored: StoredEvent) -> Self {
        Self { hash: stored.event.hash, event: stored.event }
    }
}

/// `GET /events`
pub(crate) async fn list(State(app): State<Arc<App>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let mut request = EventsRequest::read(&uri, Timestamp::now())?;
    if let Some(after) = request.after {
        request.query.after = Some(after.check(&app).await?);
    }
    let format = match request.format {
        Some(format) => format,
        None => negotiate(&headers)?,
    };
    match format {
        Format::Json => page::page(&app, request).await,
        Format::Ndjson => export::export(app, request).await,
        Format::EventStream => follow::follow(app, request, &headers).await,
    }
}

/// `GET /events/{seq}`
pub(crate) async fn one(
    State(app): State<Arc<App>>,
    _: NoParameters,
    seq: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let seq = seq.ok().and_then(|Path(seq)| seq.parse().ok());
    let seq = Seq(seq.ok_or_else(|| Problem::bad("an event is named by its number, as in /events/17"))?);
    match app.read(move |journal| journal.event(seq)).await? {
        Some(stored) => Ok(Json(ShownEvent::from(stored)).into_response()),
        None => {
            let newest = app.head().await?.seq;
            Err(Problem::not_found(format!("there is no event {seq}; the newest is {newest}")))
        }
    }
}
