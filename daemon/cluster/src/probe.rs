//! Asks a Service through the API server's proxy.
//!
//! Always: the path stays below the Service's proxy, so that nothing else of the API can be asked; of an answer only its
//! code is told, unless the API server itself says why there is none.

use std::time::Duration;

use kube::core::Status;
use taffrail_model::configuration::ServiceTarget;

use crate::address::{encoded, is_segment};
use crate::refusal::one_line;
use crate::server::{Answer, Server, get};

/// Whether the Service answers with a 2xx code in time.
pub(crate) async fn probe(server: &Server, target: &ServiceTarget, timeout: Duration) -> Result<(), String> {
    let url = url(target)?;
    let namespace = target.namespace.as_deref().unwrap_or_default();
    let what = format!("GET {} of the Service {namespace}/{}:{}", target.path, target.name, target.port);
    let asked = async {
        let response = server.open("probe", get(url, "*/*")).await.map_err(|none| none.to_string())?;
        let status = response.status();
        if status.is_success() {
            return Ok(());
        }
        let reason = Answer::refusal(response).await.ok().and_then(|answer| reason(&answer));
        Err(format!("{what} answers {status}{}", reason.unwrap_or_default()))
    };
    let late = |_| Err(format!("{what} does not answer within {timeout:?}"));
    tokio::time::timeout(timeout, asked).await.unwrap_or_else(late).map_err(|reason| one_line(&reason))
}

/// What the API server says, when the answer is its own.
fn reason(answer: &Answer) -> Option<String> {
    let status: Status = answer.json().ok()?;
    let own = status.status.is_some() && !status.message.is_empty();
    own.then(|| format!(": {}", status.message))
}

fn url(target: &ServiceTarget) -> Result<String, String> {
    let ServiceTarget { namespace, name, port, path } = target;
    let namespace = namespace.as_deref().ok_or_else(|| format!("the Service {name} is in no namespace"))?;
    let plain = |text: &str| is_segment(text) && !text.contains(':');
    if ![namespace, name, port].iter().all(|text| plain(text)) {
        return Err(format!("{namespace}/{name}:{port} is no port of a Service"));
    }
    if !stays_below(path) {
        return Err(format!("{path:?} is no path of a Service: it begins with \"/\" and holds no \"..\""));
    }
    let (namespace, name, port) = (encoded(namespace), encoded(name), encoded(port));
    Ok(format!("/api/v1/namespaces/{namespace}/services/{name}:{port}/proxy{path}"))
}

fn stays_below(path: &str) -> bool {
    let lower = path.split('?').next().unwrap_or_default().to_ascii_lowercase();
    let dots = lower.replace("%2e", ".");
    let climbs = dots.split('/').any(|segment| matches!(segment, "." | ".."));
    let hidden = ["%2f", "%5c", "%25", "\\"].iter().any(|slash| lower.contains(slash));
    let valid = path.parse::<http::uri::PathAndQuery>().is_ok() && !path.contains('#');
    path.starts_with('/') && valid && !climbs && !hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(namespace: &str, name: &str, port: &str, path: &str) -> ServiceTarget {
        let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
        ServiceTarget { namespace, name: name.to_owned(), port: port.to_owned(), path: path.to_owned() }
    }

    #[test]
    fn only_paths_of_the_service_can_be_asked() {
        let good = url(&target("shop", "api", "http", "/health/ready?full=1&up=../x")).unwrap();
        assert_eq!(good, "/api/v1/namespaces/shop/services/api:http/proxy/health/ready?full=1&up=../x");
        for path in [
            "",
            "x",
            "/../x",
            "/a/./b",
            "/a/..",
            "/%2E%2e/x",
            "/a%2fb",
            "/a/..%5c",
            "/a\\..",
            "/%252e%252e/",
            "/a b",
            "/#x",
        ] {
            assert!(url(&target("shop", "api", "80", path)).is_err(), "{path}");
        }
        for (namespace, name, port) in [("", "api", "80"), ("..", "api", "80"), ("s", "a/b", "80"), ("s", "a", "")] {
            assert!(url(&target(namespace, name, port, "/")).is_err(), "{namespace} {name} {port}");
        }
        assert!(url(&target("s", "https:a", "80", "/")).is_err());
    }
}
