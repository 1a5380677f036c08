//! Syncs that fail, and go back to the last good state.

use std::time::{Duration, Instant};

use serde_json::json;
use taffrail_tests::cluster::text;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::manifests::{
    BETTER_IMAGE, GOOD_IMAGE, MISSING_IMAGE, config_map, crashing, healthy, never_ready, service, yaml,
};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::wait;

#[test]
fn a_half_refused_apply_goes_back_and_names_each_objects_own_reason() {
    let scene = Scene::new("half-refused");
    scene.deploy(&[("settings.yaml", config_map("settings", "good")), ("port.yaml", service("port", 80))], "good");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");

    let bad = [
        ("settings.yaml", config_map("settings", "bad")),
        ("port.yaml", service("port", 70_000)),
        ("other.yaml", service("other", 0)),
    ];
    scene.deploy(&bad, "half of it is refused");
    let failed = daemon.expect_after(first.seq(), "SyncFailed");
    let port = failed.reason_of(&scene.object("Service:port")).expect("a reason");
    assert!(port.contains("70000") && port.contains("65535"), "{port}");
    let other = failed.reason_of(&scene.object("Service:other")).expect("a reason");
    assert!(other.contains("between 1 and 65535") || other.contains("Required"), "{other}");
    assert_eq!(failed.reason_of(&scene.object("ConfigMap:settings")), None);
    let reverted = daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(reverted.text("/desired"), first.text("/desired"));
    assert_eq!(scene.value_of("settings").as_deref(), Some("good"));
    assert_eq!(scene.cluster.get(&scene.object("Service:port"))["spec"]["ports"][0]["port"], 80);
    assert_eq!(scene.cluster.find(&scene.object("Service:other")), None);
    let held = daemon.expect_after(reverted.seq(), "SyncHeld");
    assert_eq!(held.text("/reason"), "quarantined");
}

#[test]
fn an_image_that_cannot_be_pulled_is_reverted_and_what_came_with_it_is_deleted() {
    let scene = Scene::new("image");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");

    let new = scene.object("ConfigMap:new");
    scene.deploy(&[("api.yaml", healthy("api", MISSING_IMAGE)), ("new.yaml", config_map("new", "new"))], "bad image");
    let failed = daemon.expect_after(first.seq(), "GateFailed");
    let api = scene.object("apps/Deployment:api");
    let reason = failed.reason_of(&api).expect("a reason");
    assert!(reason.contains("ImagePull") || reason.contains("image"), "{reason}");
    let reverted = daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
    assert_eq!(scene.cluster.find(&new), None);
    let between = daemon.events_after(failed.seq(), SHOP);
    let pruned: Vec<&Event> = between.iter().filter(|event| event.kind() == "ObjectPruned").collect();
    assert_eq!(pruned.iter().map(|event| event.object()).collect::<Vec<_>>(), [new.as_str()]);
    let applied = between.iter().find(|event| event.kind() == "ObjectApplied").expect("it is applied again");
    assert!(pruned[0].seq() < applied.seq(), "what the bad commit created goes first");
    assert!(between.iter().any(|event| event.kind() == "GatePassed" && event.seq() < reverted.seq()));
    healthy_again(&daemon);
}

#[test]
fn a_crash_loop_fails_long_before_the_gates_deadline() {
    let scene = Scene::new("crash-loop");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let settings = scene.settings().with("gate/timeout", "10m").with("gate/failFast/after", "10m");
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");

    let began = Instant::now();
    scene.deploy(&[("api.yaml", crashing("api", BETTER_IMAGE))], "it crashes");
    let degraded = daemon.expect_after(first.seq(), "ObjectDegraded");
    assert_eq!(degraded.object(), scene.object("apps/Deployment:api"));
    let failed = daemon.expect_after(degraded.seq(), "GateFailed");
    assert!(failed.text("/verdict").contains("restart"), "{}", failed.text("/verdict"));
    daemon.expect_after(failed.seq(), "Reverted");
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
    healthy_again(&daemon);
}

#[test]
fn without_a_passed_state_nothing_is_deleted_and_the_sync_is_held() {
    let scene = Scene::new("no-passed");
    let files = [("api.yaml", never_ready("api", GOOD_IMAGE)), ("settings.yaml", config_map("settings", "one"))];
    scene.deploy(&files, "never ready");
    let daemon = Daemon::start(&scene.settings().with("gate/timeout", "3s"));
    let held = daemon.expect("SyncHeld");
    assert_eq!(held.text("/reason"), "noPassedState");
    wait::throughout(Duration::from_secs(3), || {
        assert!(scene.cluster.find(&scene.object("apps/Deployment:api")).is_some());
        assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
    });
    let after = daemon.events_after(held.seq(), SHOP);
    assert!(after.is_empty(), "{after:?}");
    // What mends it is tried.
    scene
        .deploy(&[("api.yaml", healthy("api", GOOD_IMAGE)), ("settings.yaml", config_map("settings", "one"))], "ready");
    daemon.expect_after(held.seq(), "SyncSucceeded");
}

#[test]
fn a_field_that_may_not_change_is_refused_at_once_and_not_tried_for_long() {
    let scene = Scene::new("immutable");
    let files = |selector: &str| {
        let other = healthy("api", GOOD_IMAGE).replace("\"app\": \"api\"", &format!("\"app\": \"{selector}\""));
        [("api.yaml", other), ("settings.yaml", config_map("settings", selector))]
    };
    scene.deploy(&files("api"), "good");
    let daemon = Daemon::start(&scene.settings().with("sync/timeout", "10m"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&files("other"), "another selector");
    let failed = daemon.expect_after(first.seq(), "SyncFailed");
    let reason = failed.reason_of(&scene.object("apps/Deployment:api")).expect("a reason");
    assert!(reason.contains("immutable"), "{reason}");
    daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(scene.value_of("settings").as_deref(), Some("api"));
}

#[test]
fn on_failure_hold_leaves_everything_as_it_is() {
    let scene = Scene::new("hold");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let daemon = Daemon::start(&scene.settings().with("onFailure", "hold"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("api.yaml", healthy("api", MISSING_IMAGE))], "bad image");
    let failed = daemon.expect_after(first.seq(), "SyncFailed");
    let held = daemon.expect_after(failed.seq(), "SyncHeld");
    assert_eq!(held.text("/reason"), "byConfiguration");
    assert_eq!(scene.image_of("api"), MISSING_IMAGE);
    // A newer commit is tried.
    scene.deploy(&[("api.yaml", healthy("api", BETTER_IMAGE))], "better");
    daemon.expect_after(held.seq(), "SyncSucceeded");
    assert_eq!(scene.image_of("api"), BETTER_IMAGE);
}

#[test]
fn a_job_that_fails_fails_the_gate_at_once() {
    let scene = Scene::new("job");
    let job = |fails: &str| {
        yaml(&json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": format!("migrate-{fails}") },
            "spec": { "backoffLimit": 0, "template": {
                "metadata": { "annotations": { "sim/job-run": "500ms", "sim/job-fail": fails } },
                "spec": { "restartPolicy": "Never", "containers": [{ "name": "main", "image": GOOD_IMAGE }] },
            } },
        }))
    };
    scene.deploy(
        &[("job.yaml", job("false")), ("settings.yaml", config_map("settings", "one"))],
        "a job that ends well",
    );
    let daemon = Daemon::start(&scene.settings().with("gate/timeout", "10m").with("gate/failFast/after", "10m"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("job.yaml", job("true")), ("settings.yaml", config_map("settings", "two"))], "a job that fails");
    let failed = daemon.expect_after(first.seq(), "GateFailed");
    assert!(failed.reason_of(&scene.object("batch/Job:migrate-true")).is_some());
    daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
}

#[test]
fn what_was_broken_before_is_listed_and_does_not_fail_a_sync_of_something_else() {
    let scene = Scene::new("broken-before");
    let files = |value: &str| {
        let [one, two] = ["one", "two"].map(|name| healthy(name, GOOD_IMAGE));
        [("one.yaml", one), ("two.yaml", two), ("settings.yaml", config_map("settings", value))]
    };
    scene.deploy(&files("one"), "one");
    let daemon = Daemon::start(&scene.settings().with("gate/timeout", "8s"));
    let first = daemon.expect("SyncSucceeded");
    let pods = scene.cluster.list("Pod", Some(scene.namespace.name()));
    let pod = pods.iter().find(|pod| pod["metadata"]["labels"]["app"] == "one").expect("its pod");
    let pod = scene.object(&format!("Pod:{}", text(pod, "/metadata/name")));
    scene.cluster.patch(&pod, &json!({ "metadata": { "annotations": { "sim/not-ready": "true" } } }));
    wait::soon("one is seen to be broken", || (daemon.application(SHOP)["health"] != "Healthy").then_some(()));

    scene.deploy(&files("two"), "two");
    let opened = daemon.expect_after(first.seq(), "GateOpened");
    let ignored = opened.field("/ignored").to_string();
    assert!(ignored.contains("Deployment") && ignored.contains("/one\""), "{ignored}");
    daemon.expect_after(opened.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
}

fn healthy_again(daemon: &Daemon) {
    wait::soon("everything is healthy again", || (daemon.application(SHOP)["health"] == "Healthy").then_some(()));
}
