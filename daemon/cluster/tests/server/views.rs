//! What is only looked at: marks, comparisons, probes.

use std::time::Duration;

use serde_json::{Value, json};
use taffrail_model::Replicas;
use taffrail_model::configuration::ServiceTarget;
use taffrail_ports::cluster::{Apply, Cluster, Owner, WriteErrorKind};

use crate::world::{DEADLINE, World, eventually, managers, owner};

#[tokio::test]
async fn what_any_installation_made_for_an_application_is_found_and_nothing_else() {
    let world = World::new("marked").await;
    let application = Owner { application: world.namespace.parse().unwrap(), ..owner() };
    let there = Owner { installation: "there".to_owned(), ..application.clone() };
    let other = Owner { application: format!("{}-b", world.namespace).parse().unwrap(), ..owner() };
    for (name, owner) in [("a", &application), ("b", &there), ("c", &other)] {
        let owned = |apply: &mut Apply| apply.owner = owner.clone();
        world.apply_with(owned, world.config_map(name, "x"), None).await.unwrap();
    }
    let secret = world.object("v1", "Secret", "s", json!({ "stringData": { "a": "kanarienvogel" } }));
    world.apply_with(|apply| apply.owner = application.clone(), secret, None).await.unwrap();
    // Somebody's, with our label; and a copy of ours under another name.
    let mut labelled = world.config_map("d", "x");
    labelled["metadata"]["labels"] = json!({ "taffrail.dev/application": world.namespace });
    world.admin("POST", &world.path("configmaps", ""), labelled).await.unwrap();
    let mut copy = world.read(&world.path("configmaps", "a")).await.unwrap();
    copy["metadata"] = json!({
        "name": "e", "labels": copy["metadata"]["labels"], "annotations": copy["metadata"]["annotations"],
    });
    world.admin("POST", &world.path("configmaps", ""), copy).await.unwrap();

    let kinds = [("v1", "ConfigMap"), ("v1", "Secret"), ("example.org/v1", "Nothing")];
    let kinds = kinds.into_iter().map(|(version, kind)| (version.into(), kind.to_owned())).collect();
    let marked = world.cluster.marked(application.application, kinds).await.unwrap();
    let mut keys: Vec<_> = marked.iter().map(|object| object.key.to_string()).collect();
    keys.sort();
    let here = |kind: &str, name: &str| format!("{kind}:{}/{name}", world.namespace);
    assert_eq!(keys, [here("ConfigMap", "a"), here("ConfigMap", "b"), here("Secret", "s")]);
    assert!(marked.iter().all(|object| object.body.get("data").is_none()), "metadata only");
}

fn deployment(world: &World, replicas: i64, image: &str) -> Value {
    let template = json!({
        "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": image }] },
    });
    let spec = json!({ "replicas": replicas, "selector": { "matchLabels": { "a": "b" } }, "template": template });
    world.object("apps/v1", "Deployment", "a", json!({ "spec": spec }))
}

#[tokio::test]
async fn a_comparison_shows_what_an_apply_would_do_and_does_nothing() {
    let world = World::new("compare").await;
    let compare = async |object: Value, replicas: Replicas| {
        world.cluster.compare(Apply { replicas, ..world.request(object, None) }).await
    };
    let image = "/spec/template/spec/containers/0/image";
    let new = compare(deployment(&world, 2, "one"), Replicas::AsRendered).await.unwrap();
    assert_eq!((new.live, new.after.pointer(image)), (None, Some(&"one".into())));
    assert_eq!(new.after["spec"]["revisionHistoryLimit"], 10, "as the server fills it in");
    assert!(world.read(&world.apps("deployments", "a")).await.is_err(), "nothing was made");

    world.apply(deployment(&world, 2, "one"), None).await.unwrap();
    let path = world.apps("deployments", "a");
    world.admin("PATCH", &path, json!({ "spec": { "replicas": 3, "paused": true } })).await.unwrap();
    let before = world.read(&path).await.unwrap();
    let changed = compare(deployment(&world, 2, "two"), Replicas::AsRendered).await.unwrap();
    let live = changed.live.unwrap();
    assert_eq!((live.pointer(image), &live["spec"]["replicas"]), (Some(&"one".into()), &3.into()));
    assert_eq!(changed.after.pointer(image), Some(&"two".into()));
    assert_eq!((&changed.after["spec"]["replicas"], &changed.after["spec"]["paused"]), (&2.into(), &true.into()));
    assert!([&live, &changed.after].iter().all(|object| object["metadata"].get("managedFields").is_none()));
    let scaled = compare(deployment(&world, 2, "one"), Replicas::Autoscaled).await.unwrap();
    assert_eq!(scaled.after["spec"]["replicas"], 3, "the autoscaler's business");
    let after = world.read(&path).await.unwrap();
    assert_eq!((managers(&before), &before["spec"]), (managers(&after), &after["spec"]), "nothing was written");
}

#[tokio::test]
async fn a_comparison_is_made_of_what_cannot_be_tried_and_not_of_secrets() {
    let world = World::new("compare-not").await;
    let compare = async |object: Value| world.cluster.compare(world.request(object, None)).await;
    let secret = world.object("v1", "Secret", "a", json!({ "stringData": { "a": "kanarienvogel" } }));
    let error = compare(secret).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Refused);
    assert!(!error.message.contains("kanarienvogel") && world.requests("compare") == 0, "{}", error.message);
    let mut elsewhere = world.config_map("a", "x");
    elsewhere["metadata"]["namespace"] = "no-such-namespace".into();
    let comparison = compare(elsewhere).await.unwrap();
    assert_eq!((comparison.live, &comparison.after["data"]["key"]), (None, &"x".into()));
    let unknown = world.object("example.org/v1", "Nothing", "a", json!({ "spec": 1 }));
    let comparison = compare(unknown.clone()).await.unwrap();
    assert_eq!((comparison.live, comparison.after), (None, unknown));
    let wrong = world.object("v1", "ConfigMap", "a", json!({ "data": { "a": { "b": 1 } } }));
    assert_eq!(compare(wrong).await.unwrap_err().kind, WriteErrorKind::Refused);
}

#[tokio::test]
async fn a_service_is_asked_through_the_api_server() {
    let world = World::new("probe").await;
    let service = json!({ "spec": { "ports": [{ "name": "web", "port": 80 }], "selector": { "app": "a" } } });
    world.admin("POST", &world.path("services", ""), world.object("v1", "Service", "a", service)).await.unwrap();
    let target = |port: &str, path: &str| ServiceTarget {
        namespace: Some(world.namespace.clone()),
        name: "a".to_owned(),
        port: port.to_owned(),
        path: path.to_owned(),
    };
    let probe = async |port: &str, path: &str| world.cluster.probe(target(port, path), DEADLINE).await;
    let alone = probe("80", "/").await.unwrap_err();
    assert!(alone.starts_with(&format!("GET / of the Service {}/a:80 answers 503", world.namespace)), "{alone}");
    assert!(alone.contains("no endpoints available"), "{alone}");

    let mut pod = world.object("v1", "Pod", "a", json!({ "spec": { "containers": [{ "name": "c", "image": "x" }] } }));
    pod["metadata"]["labels"] = json!({ "app": "a" });
    world.admin("POST", &world.path("pods", ""), pod).await.unwrap();
    eventually("the pod answers", async || probe("80", "/health?full=1").await.ok()).await;
    assert_eq!(probe("web", "/health").await, Ok(()));
    let failing = json!({ "metadata": { "annotations": { "sim/http-status": "500" } } });
    world.admin("PATCH", &world.path("pods", "a"), failing).await.unwrap();
    eventually("it fails", async || {
        let reason = probe("80", "/health").await.err()?;
        reason.ends_with("/a:80 answers 500 Internal Server Error").then_some(())
    })
    .await;
    assert!(probe("80", "/../../../secrets").await.unwrap_err().contains("is no path of a Service"));

    world.proxy.hold_requests();
    let short = Duration::from_millis(300);
    let late = world.cluster.probe(target("80", "/"), short).await.unwrap_err();
    assert!(late.ends_with("does not answer within 300ms"), "{late}");
}
