//! The way back: without Git, and when it fails too.

use std::time::Duration;

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, config_map, healthy, never_ready, yaml};
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

#[test]
fn the_revert_works_with_the_git_repository_deleted() {
    let scene = Scene::new("no-git");
    let files = |api: String, value: &str| {
        [("api.yaml", api), ("settings.yaml", config_map("settings", value)), ("secret.yaml", secret(value))]
    };
    scene.deploy(&files(healthy("api", GOOD_IMAGE), "good"), "good");
    let daemon = Daemon::start(&scene.settings().with("gate/timeout", "6s"));
    let first = daemon.expect("SyncSucceeded");

    scene.deploy(&files(never_ready("api", BETTER_IMAGE), "bad"), "bad");
    let opened = daemon.expect_after(first.seq(), "GateOpened");
    scene.repository.delete();
    std::fs::remove_dir_all(daemon.data().join("repositories")).expect("the mirror is there");
    let reverted = daemon.expect_after(opened.seq(), "Reverted");
    assert_eq!(reverted.text("/desired"), first.text("/desired"));
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
    assert_eq!(scene.value_of("settings").as_deref(), Some("good"));
    assert_eq!(scene.cluster.get(&scene.object("Secret:secret"))["data"], json!({ "value": "Z29vZA==" }));
    daemon.expect_after(first.seq(), "RepositoryUnreachable");
}

#[test]
fn a_revert_that_fails_stops_and_writes_nothing_more() {
    let scene = Scene::new("revert-fails");
    let proxy = Proxy::before(&scene.cluster);
    let files = |api: String, value: &str| [("api.yaml", api), ("settings.yaml", config_map("settings", value))];
    scene.deploy(&files(healthy("api", GOOD_IMAGE), "good"), "good");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let settings = settings.application(SHOP, SHOP, "app", scene.namespace.name());
    let daemon = Daemon::start(&settings.with("gate/timeout", "15s").with("sync/timeout", "4s"));
    let first = daemon.expect("SyncSucceeded");

    scene.deploy(&files(never_ready("api", BETTER_IMAGE), "bad"), "bad");
    let opened = daemon.expect_after(first.seq(), "GateOpened");
    refuse_the_good_value(&scene);
    let failed = daemon.expect_after(opened.seq(), "RevertFailed");
    let reason = failed.reason_of(&scene.object("ConfigMap:settings")).expect("a reason");
    assert!(reason.contains("no way back"), "the policy's own words: {reason}");
    let held = daemon.expect_after(failed.seq(), "SyncHeld");
    assert_eq!(held.text("/reason"), "revertFailed");
    let before = proxy.count();
    wait::throughout(Duration::from_secs(6), || {
        let writes = proxy.writes(before);
        assert!(writes.is_empty(), "{writes:#?}");
    });
    let after = daemon.events_after(held.seq(), SHOP);
    assert!(after.is_empty(), "{after:?}");
}

/// A Secret; the bad one has a key more, which must not stay behind.
fn secret(value: &str) -> String {
    let mut data = serde_json::Map::from_iter([("value".to_owned(), json!(value))]);
    if value == "bad" {
        data.insert("also".to_owned(), json!(value));
    }
    yaml(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "secret" }, "stringData": data }))
}

/// A policy of somebody else, by which the state to go back to is no longer allowed.
fn refuse_the_good_value(scene: &Scene) {
    let name = scene.namespace.name();
    let group = "admissionregistration.k8s.io";
    let policy = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ValidatingAdmissionPolicy", "metadata": { "name": name },
        "spec": {
            "matchConstraints": {
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": name } },
                "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE", "UPDATE"] }],
            },
            "validations": [{ "expression": "object.data.value != 'good'", "message": "there is no way back" }],
        },
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": name },
        "spec": { "policyName": name, "validationActions": ["Deny"] },
    });
    scene.namespace.also(&format!("{group}/ValidatingAdmissionPolicy:{name}"));
    scene.namespace.also(&format!("{group}/ValidatingAdmissionPolicyBinding:{name}"));
    scene.cluster.create(&policy).expect("the policy");
    scene.cluster.create(&binding).expect("its binding");
    let probe = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "probe", "namespace": name },
        "data": { "value": "good" },
    });
    wait::soon("the policy is in force", || {
        let refused = scene.cluster.create(&probe).is_err_and(|(_, said)| said.contains("no way back"));
        scene.cluster.delete(&scene.object("ConfigMap:probe"));
        refused.then_some(())
    });
}
