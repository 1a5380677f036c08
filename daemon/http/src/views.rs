//! The applications, the metrics, and whether the daemon lives and is ready.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use prometheus::{Encoder, TextEncoder};
use serde_json::json;
use taffrail_model::ApplicationName;

use crate::app::App;
use crate::nearest::nearest;
use crate::past::{AsOf, named};
use crate::problem::Problem;
use crate::routes::NoParameters;

/// `GET /applications`
pub(crate) async fn applications(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    match AsOf::read(&app, &uri).await? {
        Some(as_of) => as_of.applications(&app).await,
        None => Ok(Json(json!({ "applications": app.readers.status.applications() })).into_response()),
    }
}

/// `GET /applications/{name}`
pub(crate) async fn application(
    State(app): State<Arc<App>>,
    uri: Uri,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let name = named(name)?;
    if let Some(as_of) = AsOf::read(&app, &uri).await? {
        return as_of.application(&app, &name).await;
    }
    let status = &app.readers.status;
    match status.application(&name) {
        Some(application) => Ok(Json(application).into_response()),
        None => Err(no_application(&app, &name)),
    }
}

/// Why there is no such application, and which there is.
pub(crate) fn no_application(app: &App, name: &ApplicationName) -> Problem {
    let status = &app.readers.status;
    let known = status.applications();
    let missing = status.readiness().missing;
    if known.is_empty() && !missing.is_empty() {
        // A daemon that has just started knows of none yet.
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, missing.join("; "));
    }
    let nearest = nearest(name.as_str(), known.iter().map(|application| application.name.as_str()));
    let hint = nearest.map_or_else(|| "there are none".to_owned(), |nearest| format!("the nearest is {nearest}"));
    Problem::not_found(format!("there is no application {name}; {hint}"))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(app): State<Arc<App>>, _: NoParameters) -> Result<Response, Problem> {
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    encoder
        .encode(&app.readers.metrics.registry.gather(), &mut text)
        .map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics: {error}")))?;
    Ok(([(header::CONTENT_TYPE, encoder.format_type().to_owned())], text).into_response())
}

/// `GET /livez`
pub(crate) async fn livez(_: NoParameters) -> &'static str {
    "ok\n"
}

/// `GET /readyz`
pub(crate) async fn readyz(State(app): State<Arc<App>>, _: NoParameters) -> Response {
    let readiness = app.readers.status.readiness();
    let status = if readiness.missing.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness)).into_response()
}
