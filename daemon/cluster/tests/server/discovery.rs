//! Discovery, and what else a real API server does too rarely: old ones, broken groups, versions that are too old.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use taffrail_model::configuration::ForeignPolicy;
use taffrail_model::{ClusterName, Manifest, Watch, WatchEvent, WatchScope};
use taffrail_model::{Replicas, Take};
use taffrail_ports::cluster::{Apply, Cluster, Delete, Deleted, WriteErrorKind};

use crate::fake::{Fake, Reply, json};
use crate::world::{Events, owner, requests};

fn group(name: &str, freshness: &str, kind: &str, plural: &str) -> Value {
    let shape = json!({ "group": name, "version": "v1", "kind": kind });
    let resources = json!([{ "resource": plural, "responseKind": shape, "scope": "Namespaced" }]);
    let resources = if kind.is_empty() { json!([]) } else { resources };
    let version = json!({ "version": "v1", "freshness": freshness, "resources": resources });
    json!({ "metadata": { "name": name }, "versions": [version] })
}

fn aggregated(groups: &[Value]) -> Reply {
    json(200, &json!({ "kind": "APIGroupDiscoveryList", "items": groups }))
}

/// The two answers of an API server with ConfigMaps.
pub fn small(line: &str) -> Option<Reply> {
    match line {
        "GET /api" => Some(aggregated(&[group("", "Current", "ConfigMap", "configmaps")])),
        "GET /apis" => Some(aggregated(&[])),
        _ => None,
    }
}

fn apply(api_version: &str, kind: &str) -> Apply {
    let metadata = json!({ "name": "a", "namespace": "shop" });
    let manifest = json!({ "apiVersion": api_version, "kind": kind, "metadata": metadata });
    Apply {
        manifest: Manifest::new(manifest).unwrap(),
        owner: owner(),
        uid: None,
        foreign: ForeignPolicy::Refuse,
        take: Take::Nothing,
        replicas: Replicas::AsRendered,
        identity: None,
    }
}

fn delete(api_version: &str, object: &str) -> Delete {
    let object = object.parse().unwrap();
    Delete { object, api_version: api_version.into(), owner: owner(), uid: None, wait: false, identity: None }
}

fn config_maps() -> Watch {
    Watch {
        cluster: ClusterName::default(),
        api_version: "v1".into(),
        kind: "ConfigMap".to_owned(),
        scope: WatchScope::Ours,
    }
}

fn object(version: &str) -> Value {
    let name = format!("at-{version}");
    json!({ "metadata": { "name": name, "namespace": "shop", "uid": "u", "resourceVersion": version } })
}

fn lines(events: &[Value]) -> Option<String> {
    Some(events.iter().map(|event| format!("{event}\n")).collect())
}

fn end_of_list(version: &str) -> Value {
    let metadata = json!({ "resourceVersion": version, "annotations": { "k8s.io/initial-events-end": "true" } });
    json!({ "type": "BOOKMARK", "object": { "metadata": metadata } })
}

#[tokio::test]
async fn many_that_ask_for_an_unknown_kind_share_one_refresh() {
    let fake = Fake::start("shared", |line| small(line).unwrap_or((500, "", None))).await;
    let asks = (0..20).map(|_| fake.cluster.apply(apply("example.org/v1", "Nothing")));
    for outcome in futures_util::future::join_all(asks).await {
        assert_eq!(outcome.unwrap_err().kind, WriteErrorKind::Transient(None));
    }
    assert_eq!(requests(&fake.metrics, "discover"), 2);
}

#[tokio::test]
async fn a_broken_group_and_a_failed_refresh_take_nothing_away() {
    let refreshes = AtomicUsize::new(0);
    let fake = Fake::start("broken", move |line| match line {
        "GET /apis" => match refreshes.fetch_add(1, Ordering::SeqCst) {
            0 => aggregated(&[group("metrics.org", "Current", "Gauge", "gauges"), json!({ "versions": 7 })]),
            1 => aggregated(&[group("metrics.org", "Stale", "", "")]),
            _ => json(503, &json!({ "message": "no" })),
        },
        line => small(line).unwrap_or_else(|| json(503, &json!({ "message": "a gauge is known" }))),
    })
    .await;
    for (api_version, kind, word) in [
        ("metrics.org/v1", "Gauge", "a gauge is known"),
        ("metrics.org/v1", "Other", "the server of metrics.org/v1 does not answer"),
        ("metrics.org/v1", "Gauge", "a gauge is known"),
        ("metrics.org/v1", "Other", "the kinds of the cluster cannot be read: no"),
        ("metrics.org/v1", "Gauge", "a gauge is known"),
    ] {
        let error = fake.cluster.apply(apply(api_version, kind)).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Transient(None));
        assert!(error.message.contains(word), "{word}: {}", error.message);
    }
    let error = fake.cluster.delete(delete("metrics.org/v1", "metrics.org/Other:shop/a")).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Transient(None), "what cannot be seen is not gone");
}

#[tokio::test]
async fn plain_discovery_will_do() {
    let fake = Fake::start("plain", |line| match line {
        "GET /api" => json(200, &json!({ "kind": "APIVersions", "versions": ["v1"] })),
        "GET /apis" => {
            let versions = json!([{ "groupVersion": "apps/v1", "version": "v1" }, { "groupVersion": "gone/v1" }]);
            json(200, &json!({ "kind": "APIGroupList", "groups": [{ "name": "apps", "versions": versions }] }))
        }
        "GET /apis/apps/v1" => {
            let named = |name: &str, kind: &str| json!({ "name": name, "kind": kind, "namespaced": true });
            json(
                200,
                &json!({ "resources": [named("deployments/scale", "Deployment"), named("deployments", "Deployment")] }),
            )
        }
        "GET /api/v1" => json(200, &json!({ "resources": [] })),
        _ if line.starts_with("PATCH /apis/apps/v1/namespaces/shop/deployments/a?") => {
            json(503, &json!({ "message": "found" }))
        }
        _ => json(503, &json!({ "message": "no" })),
    })
    .await;
    let error = fake.cluster.apply(apply("apps/v1", "Deployment")).await.unwrap_err();
    assert_eq!(error.message, "found");
}

#[tokio::test]
async fn objects_of_a_kind_that_is_gone_are_gone_but_not_those_of_a_version() {
    let fake = Fake::start("version", |line| {
        small(line).unwrap_or_else(|| json(503, &json!({ "message": format!("asked {line}") })))
    })
    .await;
    assert_eq!(fake.cluster.delete(delete("example.org/v1", "example.org/Buoy:shop/a")).await, Ok(Deleted::Absent));
    let error = fake.cluster.delete(delete("v0", "ConfigMap:shop/a")).await.unwrap_err();
    assert_eq!(error.message, "asked GET /api/v1/namespaces/shop/configmaps/a");
}

#[tokio::test]
async fn a_busy_server_says_how_long() {
    let fake =
        Fake::start("busy", |line| small(line).unwrap_or((429, "retry-after: 7\r\n", Some("{}".to_owned())))).await;
    let error = fake.cluster.apply(apply("v1", "ConfigMap")).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Transient(Some(Duration::from_secs(7))));
    assert_eq!(fake.asked("configmaps").len(), 1, "retries are the caller's");
}

#[tokio::test]
async fn a_version_that_is_too_old_lists_anew_and_is_not_lost() {
    let fake = Fake::start("expired", |line| {
        if let Some(reply) = small(line) {
            return reply;
        }
        let gone = json!({ "type": "ERROR", "object": { "kind": "Status", "code": 410, "message": "too old" } });
        let body = match line {
            line if line.contains("resourceVersion=9") => lines(&[gone]),
            // The second list comes from a store that was restored.
            line if line.contains("resourceVersion=12") => lines(&[json!({ "type": "ADDED", "object": object("3") })]),
            _ => lines(&[
                json!({ "type": "ADDED", "object": object("5") }),
                end_of_list("9"),
                json!({ "type": "MODIFIED", "object": object("12") }),
            ]),
        };
        (200, "", body)
    })
    .await;
    let mut events = Events::of(&fake.cluster, config_maps());
    for _ in 0..2 {
        assert_eq!(events.listed().await, ["at-5"]);
        assert!(matches!(events.next().await, WatchEvent::Changed(object) if object.key.name == "at-12"));
    }
}

#[tokio::test]
async fn a_server_that_does_not_stream_lists_is_listed_in_pages() {
    let fake = Fake::start("pages", |line| {
        if let Some(reply) = small(line) {
            return reply;
        }
        let page = |items: Value, next: &str| {
            json(200, &json!({ "metadata": { "resourceVersion": "20", "continue": next }, "items": items }))
        };
        match line {
            line if line.contains("sendInitialEvents") => {
                json(422, &json!({ "message": "sendInitialEvents is forbidden" }))
            }
            line if line.contains("watch=true") && line.contains("resourceVersion=20") => (200, "", None),
            line if line.contains("continue=a%2Fb&") => page(json!([object("2")]), ""),
            line if line.contains("limit=500&continue=&") => page(json!([object("1")]), "a/b"),
            line => panic!("asked {line}"),
        }
    })
    .await;
    let mut events = Events::of(&fake.cluster, config_maps());
    assert_eq!(events.listed().await, ["at-1", "at-2"]);
    assert_eq!(events.within(Duration::from_secs(1)).await, None);
    assert_eq!(requests(&fake.metrics, "list"), 2);
}

#[tokio::test]
async fn an_end_that_the_server_planned_is_not_told() {
    let fake = Fake::start("planned", |line| {
        if let Some(reply) = small(line) {
            return reply;
        }
        let body = match line {
            line if line.contains("resourceVersion=9") => lines(&[json!({ "type": "ADDED", "object": object("10") })]),
            line if line.contains("resourceVersion=10") => None,
            _ => lines(&[end_of_list("9")]),
        };
        (200, "", body)
    })
    .await;
    let mut events = Events::of(&fake.cluster, config_maps());
    assert!(events.listed().await.is_empty());
    assert!(matches!(events.next().await, WatchEvent::Changed(object) if object.key.name == "at-10"));
    assert_eq!(events.within(Duration::from_secs(1)).await, None);
    drop(events);
}
