//! A page of events as JSON.
//!
//! Always: the concatenation of a page and of all that its `next` links lead to is every event that matches, each once,
//! in one order; a page without `next` is the last. A page with `next` may be short, or empty, when much was looked at.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use taffrail_model::Seq;

use crate::app::App;
use crate::events::ShownEvent;
use crate::problem::Problem;
use crate::query::EventsRequest;

const DEFAULT_LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 1000;

#[derive(Serialize)]
struct Page {
    events: Vec<ShownEvent>,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    this: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

pub(crate) async fn page(app: &App, request: EventsRequest) -> Result<Response, Problem> {
    let EventsRequest { mut query, limit, parameters, .. } = request;
    query.limit = limit.unwrap_or(DEFAULT_LIMIT);
    if query.limit > LARGEST_LIMIT {
        return Err(Problem::bad(format!(
            "`limit`: a page holds at most {LARGEST_LIMIT} events: follow `links.next`, or ask for format=ndjson"
        )));
    }
    let moved = if query.descending { "before" } else { "after" };
    let found = app.query(query).await?;
    let next = found.resume.map(|resume| next(&parameters, moved, resume));
    let links = Links { this: link(&parameters), next };
    let events = found.events.into_iter().map(ShownEvent::from).collect();
    Ok(Json(Page { events, links }).into_response())
}

fn next(parameters: &[(String, String)], moved: &str, resume: Seq) -> String {
    let mut parameters: Vec<_> = parameters.iter().filter(|(name, _)| name != moved).cloned().collect();
    parameters.push((moved.to_owned(), resume.to_string()));
    link(&parameters)
}

fn link(parameters: &[(String, String)]) -> String {
    if parameters.is_empty() {
        return "/events".to_owned();
    }
    format!("/events?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish())
}
