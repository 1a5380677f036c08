//! The URLs. `openapi.json` describes each of them, and a test holds the two together.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use serde_json::Value;

use crate::app::App;
use crate::guard::guard;
use crate::problem::Problem;
use crate::{archive, events, views};

const OPENAPI: &str = include_str!("openapi.json");

pub(crate) fn with(app: Arc<App>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods));
    router
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

fn routes() -> [(&'static str, MethodRouter<Arc<App>>); 10] {
    [
        ("/", get(index)),
        ("/applications", get(views::applications)),
        ("/applications/{name}", get(views::application)),
        ("/events", get(events::list)),
        ("/events/{seq}", get(events::one)),
        ("/export", get(archive::archive)),
        ("/livez", get(views::livez)),
        ("/metrics", get(views::metrics)),
        ("/openapi.json", get(openapi)),
        ("/readyz", get(views::readyz)),
    ]
}

/// Proof that a request has no query parameters.
pub(crate) struct NoParameters;

impl<S: Sync> FromRequestParts<S> for NoParameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match parts.uri.query().map(|query| form_urlencoded::parse(query.as_bytes()).next()) {
            Some(Some((name, _))) => {
                Err(Problem::bad(format!("there is no parameter {name:?}: {} takes none", parts.uri.path())))
            }
            _ => Ok(Self),
        }
    }
}

async fn index(_: NoParameters) -> String {
    let mut text = String::from("Taffrail\n\n");
    for (path, summary) in summaries() {
        writeln!(text, "{path:<22} {summary}").expect("a string takes everything");
    }
    text
}

fn summaries() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(OPENAPI).expect("openapi.json is JSON");
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.map(|(path, item)| (path.clone(), item["get"]["summary"].as_str().unwrap_or_default().to_owned())).collect()
}

async fn openapi(_: NoParameters) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn unknown(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}: / lists what there is", uri.path()))
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here: use GET or HEAD")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::query::PARAMETERS;

    fn document() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    fn parameters(path: &str, place: &str) -> BTreeSet<String> {
        let document = document();
        let list = document["paths"][path]["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let here = list.iter().filter(|parameter| parameter["in"] == place);
        here.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn openapi_describes_each_route_and_no_other() {
        let described: Vec<String> = summaries().into_iter().map(|(path, _)| path).collect();
        assert_eq!(described, routes().map(|(path, _)| path));
        for (path, summary) in summaries() {
            assert!(!summary.is_empty(), "{path} has no summary");
            let methods: Vec<_> = document()["paths"][&path].as_object().unwrap().keys().cloned().collect();
            assert_eq!(methods, ["get"], "{path}");
            let named = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap().to_owned());
            assert_eq!(parameters(&path, "path"), named.collect(), "{path}");
        }
    }

    #[test]
    fn openapi_describes_each_parameter_and_no_other() {
        for (path, _) in routes() {
            let known: &[&str] = match path {
                "/events" => &PARAMETERS,
                "/export" => &archive::PARAMETERS,
                _ => &[],
            };
            assert_eq!(parameters(path, "query"), known.iter().map(|&name| name.to_owned()).collect(), "{path}");
        }
        assert_eq!(parameters("/events", "header"), BTreeSet::from(["Last-Event-ID".to_owned()]));
    }

    #[test]
    fn openapi_lists_the_kinds_and_points_only_at_what_is_there() {
        let document = document();
        let kinds = document["components"]["schemas"]["Kind"]["enum"].as_array().unwrap();
        assert_eq!(*kinds, taffrail_model::Fact::KINDS);
        for reference in OPENAPI.split("\"$ref\": \"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
