//! What is no longer desired goes, but late, by uid, and not everything.

use serde_json::{Value, json};
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, config_map, deployment, healthy, yaml};
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;

#[test]
fn pruning_comes_after_the_gate_and_by_uid() {
    let scene = Scene::new("prune");
    let proxy = Proxy::before(&scene.cluster);
    let old = scene.object("ConfigMap:old");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE)), ("old.yaml", config_map("old", "needed"))], "with old");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let daemon = Daemon::start(&settings.application(SHOP, SHOP, "app", scene.namespace.name()));
    let first = daemon.expect("SyncSucceeded");
    let uid = scene.cluster.uid(&old);

    let before = proxy.count();
    let slow = deployment("api", BETTER_IMAGE, &[("sim/ready-after", "4s")]);
    scene.deploy(&[("api.yaml", slow)], "without old");
    let opened = daemon.expect_after(first.seq(), "GateOpened");
    assert_eq!(scene.cluster.uid(&old), uid, "the pods that still run need it");
    let pruned = daemon.expect_after(opened.seq(), "ObjectPruned");
    let passed = daemon.expect_after(opened.seq(), "GatePassed");
    assert!(passed.seq() < pruned.seq());
    assert_eq!((pruned.object(), pruned.text("/uid")), (old.as_str(), uid.as_str()));
    daemon.expect_after(pruned.seq(), "SyncSucceeded");
    assert_eq!(scene.cluster.find(&old), None);
    let deletes: Vec<_> = proxy.writes(before).into_iter().filter(|seen| seen.method == "DELETE").collect();
    let [delete] = deletes.as_slice() else { panic!("{deletes:#?}") };
    let options: Value = serde_json::from_str(&delete.body).expect("a delete says what it deletes");
    assert_eq!(options["preconditions"]["uid"], uid.as_str());
    assert_eq!(options["propagationPolicy"], "Background");
}

#[test]
fn namespaces_definitions_and_claims_stay_and_are_listed_as_held() {
    let scene = Scene::new("held");
    let name = scene.namespace.name().to_owned();
    let namespace = format!("Namespace:{name}-inner");
    let definition = format!("apiextensions.k8s.io/CustomResourceDefinition:sails.{name}.example.org");
    let claim = scene.object("PersistentVolumeClaim:data");
    scene.namespace.also(&namespace);
    scene.namespace.also(&definition);
    let keep = ("keep.yaml", config_map("keep", "kept"));
    let inner = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": format!("{name}-inner") } });
    let sails = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("sails.{name}.example.org") },
        "spec": {
            "group": format!("{name}.example.org"), "scope": "Namespaced",
            "names": { "kind": "Sail", "plural": "sails", "singular": "sail", "listKind": "SailList" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": { "type": "object" } } }],
        },
    });
    let data = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
    });
    let all = [keep.clone(), ("inner.yaml", yaml(&inner)), ("sails.yaml", yaml(&sails)), ("data.yaml", yaml(&data))];
    scene.deploy(&all, "with everything");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    assert!(first.texts("/held").is_empty());

    scene.deploy(&[keep], "with one");
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    let mut held = second.texts("/held");
    held.sort();
    let mut expected = [namespace, definition, claim];
    expected.sort();
    assert_eq!(held, expected);
    for object in &expected {
        assert_eq!(scene.cluster.get(object)["metadata"]["deletionTimestamp"], Value::Null, "{object}");
    }
    assert!(!daemon.events().iter().any(|event| event.kind() == "ObjectPruned"));
}

#[test]
fn more_than_the_limit_is_held_until_it_is_acknowledged() {
    let scene = Scene::new("limit");
    let [kept, a, b] = ["kept", "a", "b"].map(|name| scene.object(&format!("ConfigMap:{name}")));
    let keep = ("kept.yaml", config_map("kept", "one"));
    scene.deploy(&[keep.clone(), ("a.yaml", config_map("a", "one")), ("b.yaml", config_map("b", "one"))], "three");
    let daemon = Daemon::start(&scene.settings().with("sync/prune", json!({ "limit": "30%" })));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[keep], "one");
    let held = daemon.expect_after(first.seq(), "PruneHeld");
    let second = daemon.expect_after(held.seq(), "SyncSucceeded");
    assert_eq!(held.field("/count"), &json!(2));
    assert!(scene.cluster.find(&a).is_some() && scene.cluster.find(&b).is_some());
    let shown = daemon.application(SHOP);
    assert_eq!(shown["held"][0]["object"], json!(a));
    let acknowledge = |arguments: &[&str]| daemon.command(&[&["acknowledge", SHOP], arguments].concat());
    assert!(!acknowledge(&[&kept, "--reason", "it is not held"]).status.success());

    assert!(acknowledge(&[&a, "--reason", "a is not needed"]).status.success());
    let pruned = daemon.expect_after(second.seq(), "ObjectPruned");
    let third = daemon.expect_after(pruned.seq(), "SyncSucceeded");
    assert_eq!((pruned.object(), third.text("/scope")), (a.as_str(), "prunes"));
    assert!(scene.cluster.find(&a).is_none() && scene.cluster.find(&b).is_some());
    assert!(acknowledge(&["--reason", "nor is b"]).status.success());
    daemon.expect_after(third.seq(), "SyncSucceeded");
    assert!(scene.cluster.find(&b).is_none() && scene.cluster.find(&kept).is_some());
}
