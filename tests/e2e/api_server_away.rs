//! While the API server is away nothing is judged, and nothing reverted.

use std::time::Duration;

use taffrail_tests::control_plane::PrivateControlPlane;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, config_map, deployment, healthy};
use taffrail_tests::proxy::{Act, Proxy};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

/// The gate's time, shorter than the server is away.
const GATE: &str = "9s";
const AWAY: Duration = Duration::from_secs(13);

#[test]
fn a_gate_waits_for_the_api_server_for_longer_than_its_deadline() {
    let scene = Scene::new("away");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let settings = settings.application(SHOP, SHOP, "app", scene.namespace.name()).with("gate/timeout", GATE);
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");

    scene.deploy(&[("api.yaml", deployment("api", BETTER_IMAGE, &[("sim/ready-after", "3s")]))], "slow");
    let opened = daemon.expect_after(first.seq(), "GateOpened");
    proxy.cut();
    let paused = daemon.expect_after(opened.seq(), "SyncPaused");
    let unreachable = daemon.expect_after(opened.seq(), "ClusterUnreachable");
    let not_ready = daemon.get("/readyz");
    assert_eq!(not_ready.0, 503);
    assert!(not_ready.1.contains("cluster"), "{}", not_ready.1);
    wait::throughout(AWAY, || {
        let after = daemon.events_after(paused.seq(), SHOP);
        assert!(after.is_empty(), "{after:?}");
    });
    assert_eq!(daemon.get("/livez").0, 200);
    proxy.restore();
    daemon.expect_after(unreachable.seq(), "ClusterReachable");
    daemon.expect_after(paused.seq(), "SyncResumed");
    let succeeded = daemon.expect_after(paused.seq(), "SyncSucceeded");
    assert_eq!(succeeded.sync(), opened.sync());
    assert_eq!(scene.image_of("api"), BETTER_IMAGE);
    let events = daemon.events();
    assert!(!events.iter().any(|event| matches!(event.kind(), "GateFailed" | "SyncFailed" | "RevertStarted")));
    assert_eq!(events.iter().filter(|event| event.kind() == "ClusterUnreachable").count(), 1, "recorded once");
}

#[test]
fn a_stopped_control_plane_delays_a_commit_and_nothing_else() {
    let mut control_plane = PrivateControlPlane::start();
    let scene = Scene::on(control_plane.cluster(), "stopped");
    scene.deploy(&[("settings.yaml", config_map("settings", "one")), ("api.yaml", healthy("api", GOOD_IMAGE))], "one");
    let daemon = Daemon::start(&scene.settings().with("sync/timeout", "9s"));
    let first = daemon.expect("SyncSucceeded");

    control_plane.stop();
    scene.deploy(&[("settings.yaml", config_map("settings", "two")), ("api.yaml", healthy("api", GOOD_IMAGE))], "two");
    let changed = daemon.expect_after(first.seq(), "DesiredStateChanged");
    daemon.expect_after(first.seq(), "ClusterUnreachable");
    wait::throughout(AWAY, || {
        let problems = ["SyncFailed", "GateFailed", "RevertStarted", "SyncHeld", "ObjectFailed"];
        assert!(!daemon.events().iter().any(|event| problems.contains(&event.kind())));
    });
    // What was seen before is not told as what is.
    let shown = daemon.application(SHOP);
    assert_eq!(shown["health"], "Unknown", "{shown}");
    assert!(shown["hold"].as_str().is_some_and(|hold| hold.contains("cannot be seen")), "{shown}");
    control_plane.start_again();
    daemon.expect_after(changed.seq(), "ClusterReachable");
    daemon.expect_after(changed.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    assert!(!daemon.events().iter().any(|event| event.kind() == "RevertStarted"));
}

#[test]
fn an_api_server_that_is_away_from_the_start_is_waited_for() {
    let scene = Scene::new("away-first");
    let proxy = Proxy::before(&scene.cluster);
    proxy.cut();
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let settings = settings.application(SHOP, SHOP, "app", scene.namespace.name());
    let daemon = Daemon::start(&settings.with("sync/timeout", "8s").with("gate/timeout", "8s"));
    let unreachable = daemon.expect("ClusterUnreachable");
    wait::throughout(AWAY, || {
        let problems = ["SyncFailed", "SyncHeld", "ObjectFailed"];
        assert!(!daemon.events().iter().any(|event| problems.contains(&event.kind())));
    });
    proxy.restore();
    daemon.expect_after(unreachable.seq(), "ClusterReachable");
    daemon.expect_after(unreachable.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
}

#[test]
fn a_write_that_is_never_answered_is_given_up_and_asked_for_again() {
    let scene = Scene::new("silent");
    let proxy = Proxy::before(&scene.cluster);
    let silent = proxy.times(1, Act::HoldAnswer, |seen| seen.method == "PATCH" && seen.path.ends_with("/settings"));
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let settings = settings.application(SHOP, SHOP, "app", scene.namespace.name()).with("sync/timeout", "2m");
    let daemon = Daemon::start(&settings);
    daemon.expect_where(0, "SyncSucceeded", Duration::from_secs(90), |_| true);
    assert_eq!(silent.hits(), 1);
    let applied = daemon.expect("ObjectApplied");
    assert_eq!(applied.text("/uid"), scene.cluster.uid(&scene.object("ConfigMap:settings")));
    assert_eq!(applied.field("/attempts"), 2);
}

#[test]
fn refusals_that_pass_by_themselves_are_tried_again() {
    let scene = Scene::new("busy");
    let proxy = Proxy::before(&scene.cluster);
    let busy = |status: u16| {
        let body =
            format!(r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","code":{status},"message":"busy"}}"#);
        proxy.times(2, Act::Answer(status, body), |seen| seen.is_write() && seen.path.ends_with("/settings"))
    };
    let rules = [busy(429), busy(503), busy(500)];
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let daemon =
        Daemon::start(&settings.application(SHOP, SHOP, "app", scene.namespace.name()).with("sync/timeout", "60s"));
    daemon.expect("SyncSucceeded");
    assert!(rules.iter().all(|rule| rule.hits() == 2));
    assert_eq!(daemon.expect("ObjectApplied").field("/attempts"), 7);
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
}
