//! What was, and what would be: `?at=` of applications, and `/applications/{name}/diff`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use taffrail_model::{ApplicationName, Seq, Timestamp};
use taffrail_ports::inquiries::InquiryError;
use taffrail_ports::journal::EventQuery;
use taffrail_ports::status::ApplicationStatus;

use crate::app::App;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::query::number;

/// Parameters of an URL, each at most once.
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Those of `uri`, which must be among `known`.
    pub(crate) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                let nearest = nearest(&name, known.iter().copied()).unwrap_or_default();
                return Err(Problem::bad(format!("there is no parameter {name:?}; the nearest is `{nearest}`")));
            }
            if value.is_empty() {
                return Err(Problem::bad(format!("`{name}`: a value is missing")));
            }
            if parameters.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(Problem::bad(format!("`{name}` is given twice")));
            }
        }
        Ok(Self(parameters))
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub(crate) fn seq(&self, name: &str) -> Result<Option<Seq>, Problem> {
        self.text(name).map(|value| number(name, value, 1).map(Seq)).transpose()
    }
}

/// The event after which things are shown.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct AsOf {
    seq: Seq,
    time: Timestamp,
}

/// An application as it was.
#[derive(Serialize)]
struct Past {
    #[serde(rename = "asOf")]
    as_of: AsOf,
    #[serde(flatten)]
    application: ApplicationStatus,
}

impl AsOf {
    /// What `?at=` means: the number of an event, or a time, which is the last event until then.
    pub(crate) async fn read(app: &App, uri: &Uri) -> Result<Option<Self>, Problem> {
        let parameters = Parameters::read(uri, &["at"])?;
        let Some(at) = parameters.text("at") else { return Ok(None) };
        let found = match at.parse::<Timestamp>() {
            Ok(time) => {
                let next = time.checked_add(std::time::Duration::from_millis(1)).unwrap_or(time);
                let query = EventQuery { until: Some(next), descending: true, limit: 1, ..EventQuery::default() };
                app.query(query).await?.events.pop()
            }
            Err(_) => {
                let seq = number("at", at, 1).map_err(|_| {
                    Problem::bad(format!(
                        "`at`: {at:?} is neither the number of an event nor a time as 2026-11-21T08:00:00Z"
                    ))
                })?;
                app.read(move |journal| journal.event(Seq(seq))).await?
            }
        };
        match found {
            Some(stored) => Ok(Some(Self { seq: stored.event.seq(), time: stored.event.envelope.time })),
            None => Err(Problem::not_found(format!("`at`: nothing was recorded at {at}"))),
        }
    }

    /// All applications as they were.
    pub(crate) async fn applications(self, app: &App) -> Result<Response, Problem> {
        let applications = app.readers.inquiries.past(self.seq).await?.into_iter();
        let bare: Vec<_> =
            applications.map(|application| ApplicationStatus { objects: Vec::new(), ..application }).collect();
        Ok(Json(json!({ "asOf": self, "applications": bare })).into_response())
    }

    /// One application as it was.
    pub(crate) async fn application(self, app: &App, name: &ApplicationName) -> Result<Response, Problem> {
        let all = app.readers.inquiries.past(self.seq).await?;
        match all.into_iter().find(|application| application.name == *name) {
            Some(application) => Ok(Json(Past { as_of: self, application }).into_response()),
            None => Err(Problem::not_found(format!("there was no application {name} at event {}", self.seq))),
        }
    }
}

impl From<InquiryError> for Problem {
    fn from(error: InquiryError) -> Self {
        let status = match error {
            InquiryError::Nothing(_) => StatusCode::NOT_FOUND,
            InquiryError::Unusable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            InquiryError::Unanswered(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, error.to_string())
    }
}

pub(crate) fn named(name: Result<Path<String>, PathRejection>) -> Result<ApplicationName, Problem> {
    let Path(name) = name.map_err(|rejection| Problem::bad(rejection.body_text()))?;
    name.parse().map_err(|error| Problem::bad(format!("{error}")))
}

/// Parameters of `/applications/{name}/diff`.
pub(crate) const DIFF: [&str; 3] = ["from", "revision", "to"];

/// `GET /applications/{name}/diff`
pub(crate) async fn diff(
    State(app): State<Arc<App>>,
    uri: Uri,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (name, parameters) = (named(name)?, Parameters::read(&uri, &DIFF)?);
    let inquiries = &app.readers.inquiries;
    let revision = parameters.text("revision").map(str::to_owned);
    let difference = match (parameters.seq("from")?, parameters.seq("to")?, revision) {
        (Some(from), Some(to), None) => inquiries.recorded(name, from, to).await?,
        (None, None, revision) => inquiries.preview(name, revision).await?,
        _ => return Err(Problem::bad("give `from` and `to`, or `revision`, or none of them")),
    };
    Ok(Json(difference).into_response())
}
