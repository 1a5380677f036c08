//! The parameters of `/events`.
//!
//! Always: an unknown parameter or a value that is not understood is refused; nothing is silently ignored.

use std::fmt::Display;
use std::str::FromStr;

use axum::http::Uri;
use taffrail_model::{ApplicationName, Fact, RepositoryName, Seq, SubjectKind, Timestamp, duration};
use taffrail_ports::journal::EventQuery;

use crate::accept::Format;
use crate::cursor::Cursor;
use crate::nearest::nearest;
use crate::problem::Problem;

/// Every parameter of `/events`.
pub(crate) const PARAMETERS: [&str; 14] = [
    "application",
    "repository",
    "kind",
    "actor",
    "revision",
    "object",
    "sync",
    "since",
    "until",
    "after",
    "before",
    "limit",
    "order",
    "format",
];

/// The largest number that JSON readers agree on (RFC 8785, 3.2.2.3); no event will ever have it.
const LARGEST_NUMBER: u64 = (1 << 53) - 1;

/// What a request asks for.
#[derive(Debug, Default)]
pub(crate) struct EventsRequest {
    /// Which events; its `limit` is set by who reads.
    pub(crate) query: EventQuery,
    /// Where the reader is, which is to be checked before it becomes the query's `after`.
    pub(crate) after: Option<Cursor>,
    pub(crate) limit: Option<usize>,
    pub(crate) format: Option<Format>,
    /// The parameters as given, for links; times are absolute.
    pub(crate) parameters: Vec<(String, String)>,
}

impl EventsRequest {
    /// Reads the query of `uri`; times like `1h` are counted back from `now`.
    pub(crate) fn read(uri: &Uri, now: Timestamp) -> Result<Self, Problem> {
        let mut request = Self::default();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            if name != "kind" && request.has(&name) {
                return Err(Problem::bad(format!("`{name}` is given twice")));
            }
            let shown = request.take(&name, &value, now)?.unwrap_or_else(|| value.into_owned());
            request.parameters.push((name.into_owned(), shown));
        }
        Ok(request)
    }

    /// Whether the parameter was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(given, _)| given == name)
    }

    /// Takes one parameter. Returns another way to write it that does not depend on the time.
    fn take(&mut self, name: &str, value: &str, now: Timestamp) -> Result<Option<String>, Problem> {
        let bad = |detail: &dyn Display| Problem::bad(format!("`{name}`: {detail}"));
        if value.is_empty() && PARAMETERS.contains(&name) {
            return Err(bad(&"a value is missing"));
        }
        let query = &mut self.query;
        match name {
            "application" | "repository" if query.subject.is_some() => {
                return Err(bad(&"an event is about an application or a repository: give one of the two"));
            }
            "application" => {
                parsed::<ApplicationName>(name, value)?;
                query.subject = Some((SubjectKind::Application, Some(value.to_owned())));
            }
            "repository" => {
                parsed::<RepositoryName>(name, value)?;
                query.subject = Some((SubjectKind::Repository, Some(value.to_owned())));
            }
            "kind" => {
                for kind in value.split(',') {
                    if !Fact::KINDS.contains(&kind) {
                        let nearest = nearest(kind, Fact::KINDS.iter().copied()).unwrap_or_default();
                        return Err(bad(&format!("there are no {kind:?} events; the nearest kind is {nearest}")));
                    }
                    query.kinds.push(kind.to_owned());
                }
            }
            "actor" => query.actor = Some(value.to_owned()),
            "revision" => {
                if value.len() > 64 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
                    return Err(bad(&"write the first characters of a commit id: 1 to 64 hexadecimal characters"));
                }
                query.revision = Some(value.to_ascii_lowercase());
            }
            "object" => query.object = Some(parsed(name, value)?),
            "sync" => query.sync = Some(Seq(number(name, value, 1)?)),
            "since" | "until" => {
                let time = time(value, now).ok_or_else(|| {
                    bad(&format!(
                        "{value:?} is no time: write RFC 3339, as in 2026-11-21T08:00:00Z (a + as %2B), or how long \
                         ago, as in 30m, 1h or 7d"
                    ))
                })?;
                *(if name == "since" { &mut query.since } else { &mut query.until }) = Some(time);
                return Ok(Some(time.to_string()));
            }
            "after" => {
                let cursor = Cursor::parse(value).filter(|cursor| cursor.seq.0 <= LARGEST_NUMBER);
                self.after = Some(cursor.ok_or_else(|| {
                    bad(&format!("{value:?} is not a whole number from 0 to {LARGEST_NUMBER}, nor an event's id"))
                })?);
            }
            "before" => query.before = Some(Seq(number(name, value, 0)?)),
            "limit" => self.limit = Some(usize::try_from(number(name, value, 1)?).unwrap_or(usize::MAX)),
            "order" => {
                query.descending = match value {
                    "asc" => false,
                    "desc" => true,
                    _ => return Err(bad(&"write asc (oldest first) or desc (newest first)")),
                }
            }
            "format" => {
                let known = || format!("write one of {}", Format::ALL.map(Format::name).join(", "));
                let found = Format::ALL.into_iter().find(|format| format.name() == value);
                self.format = Some(found.ok_or_else(|| bad(&known()))?);
            }
            _ => {
                let nearest = nearest(name, PARAMETERS).unwrap_or_default();
                return Err(Problem::bad(format!("there is no parameter {name:?}; the nearest is `{nearest}`")));
            }
        }
        Ok(None)
    }
}

fn parsed<T: FromStr<Err: Display>>(name: &str, value: &str) -> Result<T, Problem> {
    value.parse().map_err(|error| Problem::bad(format!("`{name}`: {error}")))
}

pub(crate) fn number(name: &str, value: &str, least: u64) -> Result<u64, Problem> {
    let number = value.parse().ok().filter(|number| (least..=LARGEST_NUMBER).contains(number));
    number.ok_or_else(|| {
        Problem::bad(format!("`{name}`: {value:?} is not a whole number from {least} to {LARGEST_NUMBER}"))
    })
}

fn time(value: &str, now: Timestamp) -> Option<Timestamp> {
    let ago = |value| now.checked_sub(duration::parse(value).ok()?).ok();
    value.parse().ok().or_else(|| ago(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<EventsRequest, Problem> {
        let now = "2026-11-21T08:00:00Z".parse().unwrap();
        EventsRequest::read(&format!("/events?{query}").parse().unwrap(), now)
    }

    #[test]
    fn every_listed_parameter_is_understood_and_needs_a_value() {
        for name in PARAMETERS {
            let problem = read(&format!("{name}=")).unwrap_err();
            assert_eq!(problem.detail, format!("`{name}`: a value is missing"));
        }
    }

    #[test]
    fn times_are_absolute_or_ago() {
        let request = read("since=1h30m&until=2026-11-21T09:00:00%2B02:00").unwrap();
        assert_eq!(request.query.since, "2026-11-21T06:30:00Z".parse().ok());
        assert_eq!(request.query.until, "2026-11-21T07:00:00Z".parse().ok());
        assert_eq!(request.parameters[0], ("since".to_owned(), "2026-11-21T06:30:00Z".to_owned()));
    }

    #[test]
    fn a_time_before_all_time_is_refused() {
        assert!(read("since=9999999999d").is_err());
    }
}
