//! The URLs. `openapi.json` describes each of them, and a test holds the two together.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use serde_json::Value;

use crate::app::{App, Surface};
use crate::guard::{TELEMETRY, guard};
use crate::orders::Verb;
use crate::problem::Problem;
use crate::{archive, events, history, hooks, orders, past, views};

const OPENAPI: &str = include_str!("openapi.json");

pub(crate) fn with(app: Arc<App>) -> Router {
    let served = |path: &str| app.surface != Surface::Telemetry || TELEMETRY.contains(&path);
    routes()
        .into_iter()
        .filter(|(path, _)| served(path))
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    let orders = Verb::ALL.map(|verb| (verb.path(), orders::route(verb)));
    let mut routes = vec![
        ("/", get(index)),
        ("/applications", get(views::applications)),
        ("/applications/{name}", get(views::application)),
        ("/applications/{name}/diff", get(past::diff)),
        ("/applications/{name}/history", get(history::history)),
        ("/events", get(events::list)),
        ("/events/{seq}", get(events::one)),
        ("/export", get(archive::archive)),
        ("/hooks/{repository}", post(hooks::hook)),
        ("/livez", get(views::livez)),
        ("/metrics", get(views::metrics)),
        ("/openapi.json", get(openapi)),
        ("/readyz", get(views::readyz)),
    ];
    routes.extend(orders);
    routes.sort_by_key(|(path, _)| *path);
    routes
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
        writeln!(text, "{path:<34} {summary}").expect("a string takes everything");
    }
    text
}

fn summaries() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(OPENAPI).expect("openapi.json is JSON");
    let paths = document["paths"].as_object().into_iter().flatten();
    let summary = |item: &Value| {
        let method = item.get("get").or_else(|| item.get("post"));
        method.and_then(|method| method["summary"].as_str()).unwrap_or_default().to_owned()
    };
    paths.map(|(path, item)| (path.clone(), summary(item))).collect()
}

async fn openapi(_: NoParameters) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn unknown(uri: Uri) -> Problem {
    Problem::not_found(format!("there is nothing at {}: / lists what there is", uri.path()))
}

async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this is not what can be done here: `Allow` names what can")
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
        let item = &document["paths"][path];
        let method = item.get("get").or_else(|| item.get("post")).unwrap();
        let list = method["parameters"].as_array().cloned().unwrap_or_default();
        let shared = |parameter: &Value| match parameter["$ref"].as_str() {
            Some(reference) => document.pointer(&reference[1..]).cloned().unwrap(),
            None => parameter.clone(),
        };
        let here = list.iter().map(shared).filter(|parameter| parameter["in"] == place);
        here.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn openapi_describes_each_route_and_no_other() {
        let described: Vec<String> = summaries().into_iter().map(|(path, _)| path).collect();
        assert_eq!(described, routes().into_iter().map(|(path, _)| path).collect::<Vec<_>>());
        for (path, summary) in summaries() {
            assert!(!summary.is_empty(), "{path} has no summary");
            let methods: Vec<_> = document()["paths"][&path].as_object().unwrap().keys().cloned().collect();
            let posted = path.starts_with("/hooks/") || Verb::ALL.iter().any(|verb| verb.path() == path);
            assert_eq!(methods, [if posted { "post" } else { "get" }], "{path}");
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
                "/applications" | "/applications/{name}" => &["at"],
                "/applications/{name}/diff" => &past::DIFF,
                "/applications/{name}/history" => &history::PARAMETERS,
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

    #[test]
    fn openapi_describes_each_field_of_an_order_and_no_other() {
        for verb in Verb::ALL {
            let document = document();
            let content = &document["paths"][verb.path()]["post"]["requestBody"]["content"]["application/json"];
            let fields: Vec<_> = content["schema"]["properties"].as_object().unwrap().keys().cloned().collect();
            assert_eq!(fields, verb.fields(), "{verb:?}");
            assert_eq!(content["schema"]["additionalProperties"], false, "{verb:?}");
        }
    }
}
