//! Watches of a real API server.

use std::time::Duration;

use serde_json::{Value, json};
use taffrail_cluster::Options;
use taffrail_model::{ClusterName, Watch, WatchEvent, WatchScope};

use crate::world::{Events, World, eventually};

/// The name of a changed object.
fn changed(event: WatchEvent) -> String {
    match event {
        WatchEvent::Changed(object) => object.key.name,
        other => panic!("not a change: {other:?}"),
    }
}

#[tokio::test]
async fn a_watch_tells_what_is_there_and_what_becomes_of_it() {
    let world = World::new("watch").await;
    let scope = WatchScope::Ours;
    let mut ours = Events::of(
        &world.cluster,
        Watch { cluster: ClusterName::default(), api_version: "v1".into(), kind: "Service".to_owned(), scope },
    );
    let service = json!({ "metadata": { "name": "a" }, "spec": { "ports": [{ "port": 80 }] } });
    let service = |name: &str| world.object("v1", "Service", name, json!({ "spec": service["spec"] }));
    let here = |event: &WatchEvent| match event {
        WatchEvent::Changed(object) => object.key.namespace.as_ref() == Some(&world.namespace),
        WatchEvent::Removed(key) => key.namespace.as_ref() == Some(&world.namespace),
        _ => false,
    };
    assert!(matches!(ours.next().await, WatchEvent::Listed(_)));
    world.admin("POST", &world.path("services", ""), service("theirs")).await.unwrap();
    let uid = world.apply(service("a"), None).await.unwrap().uid;
    let (_, event) = ours.until(here).await;
    let WatchEvent::Changed(object) = event else { panic!("not a change: {event:?}") };
    assert_eq!((object.key.name.as_str(), &object.uid), ("a", &uid));
    assert_eq!(object.body["metadata"].get("managedFields"), None);
    assert_eq!(object.body["spec"]["ports"][0]["port"], 80);

    let bare = json!({ "metadata": { "labels": { "taffrail.dev/application": null } } });
    world.admin("PATCH", &world.path("services", "a"), bare).await.unwrap();
    let (_, event) = ours.until(here).await;
    assert_eq!(event, WatchEvent::Removed(object.key.clone()), "without the label it is out of sight");
    assert_eq!(changed(ours_again(&world, &mut ours, service("a")).await), "a");
    world.admin("DELETE", &world.path("services", "a"), Value::Null).await.unwrap();
    let (_, event) = ours.until(|event| matches!(event, WatchEvent::Removed(_))).await;
    assert_eq!(event, WatchEvent::Removed(object.key));
    assert_eq!(world.requests("list"), 0, "all of it was watched");
}

async fn ours_again(world: &World, events: &mut Events, object: Value) -> WatchEvent {
    world.apply(object, None).await.unwrap();
    events.until(|event| matches!(event, WatchEvent::Changed(_))).await.1
}

#[tokio::test]
async fn a_secret_is_seen_without_what_it_holds() {
    let world = World::new("secret").await;
    let mut secret = world.object("v1", "Secret", "a", json!({ "stringData": { "key": "canary" } }));
    secret["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": "canary" });
    world.apply(secret, None).await.unwrap();
    world.apply(world.config_map("a", "canary"), None).await.unwrap();
    for kind in ["Secret", "ConfigMap"] {
        let mut events = world.watch("v1", kind);
        let WatchEvent::Listed(objects) = events.next().await else { panic!("not a list") };
        let object = objects.iter().find(|object| object.key.name == "a").unwrap();
        assert_eq!((&object.body["kind"], &object.body["apiVersion"]), (&json!(kind), &json!("v1")));
        let text = object.body.to_string();
        assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5") && !text.contains("managedFields"), "{text}");
    }
}

#[tokio::test]
async fn a_cut_connection_is_lost_and_then_resumed() {
    let world = World::new("cut").await;
    let service = |name: &str| world.object("v1", "Service", name, json!({ "spec": { "ports": [{ "port": 80 }] } }));
    world.admin("POST", &world.path("services", ""), service("known")).await.unwrap();
    let mut events = world.watch("v1", "Service");
    assert_eq!(events.listed().await, ["known"]);
    world.proxy.close();
    let WatchEvent::Lost(reason) = events.next().await else { panic!("not lost") };
    assert!(!reason.is_empty());
    world.admin("POST", &world.path("services", ""), service("new")).await.unwrap();
    world.proxy.open();
    let (before, _) = events.until(|event| *event == WatchEvent::Resumed).await;
    assert!(before.iter().all(|event| matches!(event, WatchEvent::Lost(_))), "{before:?}");
    assert_eq!(changed(events.next().await), "new", "what happened meanwhile is told, and nothing else");
}

#[tokio::test]
async fn silence_is_noticed() {
    let options = Options { silence: Duration::from_secs(2), ..Options::default() };
    let world = World::with("silence", options, |text| text).await;
    let mut events = world.watch("v1", "Service");
    assert!(events.listed().await.is_empty());
    world.proxy.hold_answers();
    let WatchEvent::Lost(reason) = events.next().await else { panic!("not lost") };
    assert_eq!(reason, "nothing came from the API server for 2s");
    assert_eq!(events.next().await, WatchEvent::Resumed);
}

#[tokio::test]
async fn a_kind_is_found_when_its_definition_comes() {
    let world = World::new("crd").await;
    let group = format!("{}.example.org", world.namespace);
    let api_version = format!("{group}/v1");
    let mut events = world.watch(&api_version, "Buoy");
    assert!(events.listed().await.is_empty(), "there are none of a kind that is not known");
    let schema = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("buoys.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced", "names": { "plural": "buoys", "kind": "Buoy" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } }],
        },
    });
    world.apply(definition.clone(), None).await.unwrap();
    let buoy = world.object(&api_version, "Buoy", "a", json!({ "colour": "red" }));
    eventually("the kind is established", async || world.apply(buoy.clone(), None).await.ok()).await;
    let list = |event: &WatchEvent| matches!(event, WatchEvent::Listed(_) | WatchEvent::Changed(_));
    eventually("the object is seen", async || match events.until(list).await.1 {
        WatchEvent::Listed(objects) => (!objects.is_empty()).then_some(()),
        _ => Some(()),
    })
    .await;

    let path = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/buoys.{group}");
    world.admin("DELETE", &path, Value::Null).await.unwrap();
    events.until(|event| matches!(event, WatchEvent::Removed(_))).await;
    let (_, event) = events.until(|event| matches!(event, WatchEvent::Listed(_))).await;
    assert_eq!(event, WatchEvent::Listed(Vec::new()), "with the kind went the objects");
}

#[tokio::test]
async fn a_watch_without_rights_is_lost() {
    let world =
        World::with("forbidden", Options::default(), |text| text.replace("  user:\n", "  user:\n    as: somebody\n"))
            .await;
    let mut events = world.watch("v1", "Service");
    let WatchEvent::Lost(reason) = events.next().await else { panic!("not lost") };
    assert!(reason.contains("somebody"), "{reason}");
}
