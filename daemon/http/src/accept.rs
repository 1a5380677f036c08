//! Which form an answer of `/events` takes: `?format=` if it is given, else by `Accept` (RFC 9110, 12.5.1).

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// The form of an answer. The order is the preference when a client has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A page of JSON.
    Json,
    /// All stored bytes, a line an event.
    Ndjson,
    /// A stream that goes on.
    EventStream,
}

impl Format {
    pub(crate) const ALL: [Self; 3] = [Self::Json, Self::Ndjson, Self::EventStream];

    /// The value of `?format=`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::EventStream => "event-stream",
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::EventStream => "text/event-stream",
        }
    }
}

/// What the client likes best of what there is.
pub(crate) fn negotiate(headers: &HeaderMap) -> Result<Format, Problem> {
    let accept: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    if accept.is_empty() {
        return Ok(Format::Json);
    }
    let accept = accept.join(",");
    let mut best = None;
    for format in Format::ALL {
        let quality = quality(&accept, format.media_type());
        if quality > best.map_or(0.0, |(_, quality)| quality) {
            best = Some((format, quality));
        }
    }
    best.map(|(format, _)| format).ok_or_else(|| {
        let known = Format::ALL.map(Format::media_type).join(", ");
        Problem::new(StatusCode::NOT_ACCEPTABLE, format!("`Accept` names none of {known}"))
    })
}

/// The weight that the most specific matching range gives; 0 when none matches.
fn quality(accept: &str, media_type: &str) -> f32 {
    let mut found = (0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let main = media_type.split('/').next().unwrap_or_default();
        let specific = match name.as_str() {
            "*/*" => 1,
            name if name.strip_suffix("/*") == Some(main) => 2,
            name if name == media_type => 3,
            _ => continue,
        };
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse().ok());
        if specific > found.0 {
            found = (specific, weight.unwrap_or(0.0));
        }
    }
    found.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_liked_form_is_taken() {
        let json = Some(Format::Json);
        for (accept, format) in [
            ("*/*", json),
            ("text/html,application/xhtml+xml,*/*;q=0.8", json),
            ("application/*", json),
            ("text/*", Some(Format::EventStream)),
            ("text/event-stream", Some(Format::EventStream)),
            ("application/json;q=0.5, application/x-ndjson", Some(Format::Ndjson)),
            ("application/json;q=0, */*", Some(Format::Ndjson)),
            ("text/html", None),
            ("application/json;q=high", None),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
            assert_eq!(negotiate(&headers).ok(), format, "{accept}");
        }
        assert_eq!(negotiate(&HeaderMap::new()).ok(), json);
    }
}
