//! Where objects belong: namespaces that are given or missing, names of all sorts, kinds that another application defines.

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{config_map, yaml};
use taffrail_tests::scene::{SHOP, Scene};

#[test]
fn an_object_without_a_namespace_is_refused_when_nothing_gives_it_one() {
    let scene = Scene::new("nowhere");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let mut settings = scene.settings().with("sync/timeout", "4s");
    settings.0["applications"][0].as_object_mut().expect("an application").remove("namespace");
    let daemon = Daemon::start(&settings);
    let failed = daemon.expect("SyncFailed");
    let reason = failed.reason_of("ConfigMap:settings").expect("a reason");
    assert!(reason.contains("namespace"), "{reason}");
    assert_eq!(scene.cluster.find("ConfigMap:default/settings"), None);
}

#[test]
fn a_cluster_wide_name_with_colons_is_written_and_pruned() {
    let scene = Scene::new("colons");
    let name = format!("{}:reader:of:maps", scene.namespace.name());
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name },
        "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"] }],
    });
    let object = format!("rbac.authorization.k8s.io/ClusterRole:{name}");
    scene.namespace.also(&object);
    let settings = ("settings.yaml", config_map("settings", "one"));
    scene.deploy(&[settings.clone(), ("role.yaml", yaml(&role))], "with a role");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    assert_eq!(scene.cluster.get(&object)["rules"], role["rules"]);
    scene.deploy(&[settings], "without");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.cluster.find(&object), None);
}

#[test]
fn a_cluster_wide_object_of_a_kind_that_another_application_defines_needs_no_namespace() {
    let scene = Scene::new("defined-elsewhere");
    let group = format!("{}.example.org", scene.namespace.name());
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("buoys.{group}") },
        "spec": {
            "group": group, "scope": "Cluster",
            "names": { "kind": "Buoy", "plural": "buoys", "singular": "buoy", "listKind": "BuoyList" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": {
                "type": "object", "properties": { "spec": { "type": "object", "properties": { "light": { "type": "string" } } } },
            } } }],
        },
    });
    scene.namespace.also(&format!("apiextensions.k8s.io/CustomResourceDefinition:buoys.{group}"));
    let buoy = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Buoy", "metadata": { "name": "north" }, "spec": { "light": "white" },
    });
    scene.deploy_to("definitions", &[("buoys.yaml", yaml(&definition))], "definitions");
    scene.deploy(&[("north.yaml", yaml(&buoy)), ("settings.yaml", config_map("settings", "one"))], "a buoy");
    let settings = scene.settings().with("gate/timeout", "10s");
    let daemon = Daemon::start(&settings.application("definitions", SHOP, "definitions", ""));
    daemon.expect_of("definitions", 0, "SyncSucceeded");
    daemon.expect_of(SHOP, 0, "SyncSucceeded");
    assert_eq!(scene.cluster.get(&format!("{group}/Buoy:north"))["spec"]["light"], "white");
}

#[test]
fn three_hundred_objects_are_written_once_each() {
    let scene = Scene::new("many");
    let many = |value: &str| {
        let maps: Vec<String> = (0..300).map(|number| config_map(&format!("map-{number}"), value)).collect();
        [("maps.yaml", maps.join("---\n"))]
    };
    scene.deploy(&many("one"), "one");
    let mut daemon = Daemon::start(&scene.settings().with("sync/timeout", "60s"));
    let first = daemon.expect("SyncSucceeded");
    let applied = daemon.events().iter().filter(|event| event.kind() == "ObjectApplied").count();
    assert_eq!(applied, 300);
    scene.deploy(&many("two"), "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    let live = scene.cluster.list("ConfigMap", Some(scene.namespace.name()));
    assert_eq!(live.iter().filter(|map| map["data"]["value"] == "two").count(), 300);
    daemon.end_and_verify();
}
