//! `POST /applications/{name}/...`: what people ask for. Each is answered with the event that records it.
//!
//! Always: an order is `application/json`, which no page of another origin can send unasked; what it does not know is
//! refused, and never passed over.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use taffrail_model::fact::RemovalChoice;
use taffrail_model::{
    Action, ApplicationName, Fact, ObjectKey, ObjectSelector, Order, RecordedState, Seq, SubjectKind, Timestamp,
    duration,
};
use taffrail_ports::journal::EventQuery;
use taffrail_ports::orders::OrderError;

use crate::app::App;
use crate::body;
use crate::caller::Caller;
use crate::nearest::nearest;
use crate::past::named;
use crate::problem::Problem;
use crate::routes::NoParameters;
use crate::views::no_application;

/// Room for some thousand objects.
const LARGEST: usize = 512 * 1024;
/// Longest reason; more belongs into a ticket that it names.
const LONGEST_REASON: usize = 1000;
/// Longest suspension by a duration.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What can be ordered: the last part of the path, and the fields of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Acknowledge,
    Adopt,
    Refresh,
    Release,
    Remove,
    Resume,
    Revert,
    Suspend,
    Sync,
}

impl Verb {
    pub(crate) const ALL: [Self; 9] = [
        Self::Acknowledge,
        Self::Adopt,
        Self::Refresh,
        Self::Release,
        Self::Remove,
        Self::Resume,
        Self::Revert,
        Self::Suspend,
        Self::Sync,
    ];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Acknowledge => "/applications/{name}/acknowledge",
            Self::Adopt => "/applications/{name}/adopt",
            Self::Refresh => "/applications/{name}/refresh",
            Self::Release => "/applications/{name}/release",
            Self::Remove => "/applications/{name}/remove",
            Self::Resume => "/applications/{name}/resume",
            Self::Revert => "/applications/{name}/revert",
            Self::Suspend => "/applications/{name}/suspend",
            Self::Sync => "/applications/{name}/sync",
        }
    }

    /// The fields of the body.
    pub(crate) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Acknowledge => &["objects", "reason"],
            Self::Adopt | Self::Refresh | Self::Release | Self::Resume => &["reason"],
            Self::Remove => &["choice", "reason"],
            Self::Revert => &["reason", "to"],
            Self::Suspend => &["for", "reason", "until"],
            Self::Sync => &["only", "reason"],
        }
    }
}

/// The route of an order.
pub(crate) fn route(verb: Verb) -> axum::routing::MethodRouter<Arc<App>> {
    axum::routing::post(
        move |State(app): State<Arc<App>>,
              none: NoParameters,
              name: Result<Path<String>, PathRejection>,
              Extension(caller): Extension<Caller>,
              headers: HeaderMap,
              body: Body| async move { order(verb, app, none, name, &caller, &headers, body).await },
    )
}

async fn order(
    verb: Verb,
    app: Arc<App>,
    _: NoParameters,
    name: Result<Path<String>, PathRejection>,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let media = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !media.split(';').next().is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")) {
        let what = "an order is JSON: write `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, what));
    }
    let application = named(name)?;
    let body = body::read(body, LARGEST, app.readers.options.header_timeout).await?;
    let mut fields = Fields::read(&body, verb)?;
    let reason = fields.reason()?;
    known(&app, &application).await?;
    let action = action(verb, &mut fields, &app, &application).await?;
    if action.demands_reason() && reason.is_empty() {
        return Err(Problem::bad("`reason`: say why, for whoever reads the log later"));
    }
    let order = Order { application, actor: caller.actor(), reason, action };
    match app.readers.orders.order(order).await {
        Ok(seq) => {
            let location = [(header::LOCATION, format!("/events/{seq}"))];
            Ok((StatusCode::ACCEPTED, location, Json(json!({ "event": seq }))).into_response())
        }
        Err(OrderError::Refused(refused)) => Err(Problem::new(StatusCode::CONFLICT, refused.to_string())),
        Err(error @ OrderError::NotTaken(_)) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

/// An application that left the configuration is still known to the journal.
pub(crate) async fn known(app: &App, name: &ApplicationName) -> Result<(), Problem> {
    if app.readers.status.application(name).is_some() {
        return Ok(());
    }
    let about = Some((SubjectKind::Application, Some(name.to_string())));
    let page = app.query(EventQuery { subject: about, limit: 1, ..EventQuery::default() }).await?;
    if page.events.is_empty() && !page.more { Err(no_application(app, name)) } else { Ok(()) }
}

async fn action(verb: Verb, fields: &mut Fields, app: &App, application: &ApplicationName) -> Result<Action, Problem> {
    Ok(match verb {
        Verb::Acknowledge => Action::Acknowledge { objects: fields.list("objects", object)? },
        Verb::Adopt => Action::Adopt,
        Verb::Refresh => Action::Refresh,
        Verb::Release => Action::Release,
        Verb::Remove => Action::Remove(match fields.text("choice")?.as_deref() {
            Some("prune") => RemovalChoice::Prune,
            Some("orphan") => RemovalChoice::Orphan,
            _ => return Err(Problem::bad("`choice`: write prune (its objects are deleted) or orphan (they stay)")),
        }),
        Verb::Resume => Action::Resume,
        Verb::Revert => match fields.0.remove("to").filter(|value| !value.is_null()) {
            None => Action::Revert { to: None },
            Some(to) => {
                let seq = to.as_u64().filter(|seq| *seq > 0).map(Seq);
                let seq = seq.ok_or_else(|| Problem::bad("`to`: write the number of an event that names a state"))?;
                Action::Revert { to: Some(state(app, application, seq).await?) }
            }
        },
        Verb::Suspend => Action::Suspend { until: until(fields)? },
        Verb::Sync => Action::Sync { only: fields.list("only", selector)? },
    })
}

fn object(text: &str) -> Result<ObjectKey, String> {
    text.parse().map_err(|error| format!("{error}"))
}

fn selector(text: &str) -> Result<ObjectSelector, String> {
    match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(ObjectSelector { kind: kind.to_owned(), name: name.to_owned() })
        }
        _ => Err(format!("{text:?} is not KIND/NAME, as in Deployment/api")),
    }
}

fn until(fields: &mut Fields) -> Result<Option<Timestamp>, Problem> {
    let wrong = |field: &str, what: String| Problem::bad(format!("`{field}`: {what}"));
    match (fields.text("for")?, fields.text("until")?) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(Problem::bad("`for` and `until` say the same: give one of the two")),
        (Some(time), None) => {
            let time = duration::parse(&time).map_err(|error| wrong("for", error.to_string()))?;
            if time.is_zero() || time > LONGEST {
                return Err(wrong("for", format!("write more than 0 and at most {}", duration::format(LONGEST))));
            }
            Ok(Some(Timestamp::now() + time))
        }
        (None, Some(time)) => {
            let time: Timestamp =
                time.parse().map_err(|_| wrong("until", format!("{time:?} is no time: write RFC 3339")))?;
            if time <= Timestamp::now() { Err(wrong("until", format!("{time} is over"))) } else { Ok(Some(time)) }
        }
    }
}

/// The state of `application` that an event names.
async fn state(app: &App, application: &ApplicationName, seq: Seq) -> Result<RecordedState, Problem> {
    let none = || {
        Problem::bad(format!(
            "`to`: event {seq} names no state of {application}; DesiredStateChanged, SyncStarted, GatePassed and \
             SyncSucceeded do, among others"
        ))
    };
    let of = move |seq| app.read(move |journal| journal.event(seq));
    let stored = of(seq).await?.ok_or_else(none)?;
    let envelope = stored.event.envelope;
    if envelope.subject.application() != Some(application) {
        return Err(none());
    }
    let desired = match &envelope.fact {
        Fact::DesiredStateChanged { desired, .. }
        | Fact::DesiredStateQuarantined { desired, .. }
        | Fact::SyncStarted { desired, .. }
        | Fact::SyncHeld { desired, .. }
        | Fact::RevertStarted { to: desired, .. }
        | Fact::GatePassed { desired }
        | Fact::GateFailed { desired, .. }
        | Fact::SyncSucceeded { desired, .. }
        | Fact::Reverted { desired, .. }
        | Fact::GateWatchEnded { desired }
        | Fact::RevertRequested { to: desired, .. } => *desired,
        _ => return Err(none()),
    };
    let revision = match (envelope.fact.revision(), envelope.sync) {
        (Some(revision), _) => Some(revision.clone()),
        // Events within a sync leave the revision to its start.
        (None, Some(sync)) => of(sync).await?.and_then(|start| start.event.envelope.fact.revision().cloned()),
        (None, None) => None,
    };
    Ok(RecordedState { seq, desired, revision: revision.ok_or_else(none)? })
}

/// The body of an order. What is in it is known.
struct Fields(Map<String, Value>);

impl Fields {
    fn read(body: &[u8], verb: Verb) -> Result<Self, Problem> {
        if body.trim_ascii().is_empty() {
            return Ok(Self(Map::new()));
        }
        let Ok(Value::Object(map)) = serde_json::from_slice(body) else {
            return Err(Problem::bad("the body of an order is one JSON object"));
        };
        let known = verb.fields();
        if let Some(unknown) = map.keys().find(|name| !known.contains(&name.as_str())) {
            let nearest = nearest(unknown, known.iter().copied()).unwrap_or_default();
            return Err(Problem::bad(format!("there is no field {unknown:?} here; the nearest is `{nearest}`")));
        }
        Ok(Self(map))
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        match self.0.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::bad(format!("`{name}`: write text"))),
        }
    }

    fn reason(&mut self) -> Result<String, Problem> {
        let reason = self.text("reason")?.unwrap_or_default().trim().to_owned();
        if reason.chars().count() > LONGEST_REASON {
            return Err(Problem::bad(format!("`reason`: write at most {LONGEST_REASON} characters")));
        }
        Ok(reason)
    }

    fn list<T>(&mut self, name: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, Problem> {
        let list = match self.0.remove(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(Problem::bad(format!("`{name}`: write a list"))),
        };
        // An empty list would mean all of them, which may not be what a program meant that made it.
        if list.is_empty() {
            return Err(Problem::bad(format!("`{name}`: the list is empty; leave it out to mean all")));
        }
        let each = list.iter().map(|value| {
            let text = value.as_str().ok_or_else(|| "write a list of texts".to_owned())?;
            read(text)
        });
        each.collect::<Result<_, String>>().map_err(|what| Problem::bad(format!("`{name}`: {what}")))
    }
}
