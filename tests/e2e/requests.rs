//! What goes over the wire, counted by a proxy.

use std::time::Duration;

use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{GOOD_IMAGE, config_map, healthy};
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

/// Long enough to see many polls, and whatever else comes by itself.
const SILENCE: Duration = Duration::from_secs(60);

fn settings(scene: &Scene, proxy: &Proxy) -> Settings {
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    settings.application(SHOP, SHOP, "app", scene.namespace.name())
}

fn files(value: &str) -> [(&'static str, String); 3] {
    [
        ("api.yaml", healthy("api", GOOD_IMAGE)),
        ("settings.yaml", config_map("settings", value)),
        ("texts.yaml", config_map("texts", "constant")),
    ]
}

#[test]
fn one_changed_object_is_one_patch_and_no_other_request_than_watches() {
    let scene = Scene::new("one-patch");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&files("one"), "one");
    let daemon = Daemon::start(&settings(&scene, &proxy));
    let first = daemon.expect("SyncSucceeded");

    let before = proxy.count();
    scene.deploy(&files("two"), "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    // Whatever a sync leaves behind would come within seconds.
    wait::throughout(Duration::from_secs(2), || {
        let requests = proxy.other_than_watches(before);
        let [patch] = requests.as_slice() else { panic!("{requests:#?}") };
        assert_eq!(patch.method, "PATCH");
        let path = format!("/api/v1/namespaces/{}/configmaps/settings", scene.namespace.name());
        assert_eq!(patch.path, path);
    });
}

#[test]
fn an_unchanged_commit_and_idle_time_send_nothing_but_watches() {
    let scene = Scene::new("idle");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&files("one"), "one");
    let daemon = Daemon::start(&settings(&scene, &proxy));
    let synced = daemon.expect("SyncSucceeded");

    let before = proxy.count();
    let revision = scene.repository.commit(&[("README.md", "nothing that is deployed\n")], "Words only");
    let observed = daemon.expect_after(synced.seq(), "RevisionObserved");
    assert_eq!(observed.text("/revision"), revision);
    wait::throughout(SILENCE, || {
        let requests = proxy.other_than_watches(before);
        assert!(requests.is_empty(), "{requests:#?}");
    });
    // The watches were open before: a new one each second would be a poll by another name.
    let watches = proxy.count() - before;
    assert!(watches <= 6, "{watches} watches were opened within {SILENCE:?}");
    let after = daemon.events_after(observed.seq(), SHOP);
    assert!(after.is_empty(), "{after:?}");
}

#[test]
fn a_restart_with_nothing_to_do_writes_nothing() {
    let scene = Scene::new("restart");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&files("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    let synced = daemon.expect("SyncSucceeded");
    let before = proxy.count();
    daemon.restart();
    // It is up again when it shows the objects' health, which it can only know from new watches.
    wait::soon("everything is healthy", || (daemon.application(SHOP)["health"] == "Healthy").then_some(()));
    wait::throughout(Duration::from_secs(3), || {
        let writes = proxy.writes(before);
        assert!(writes.is_empty(), "{writes:#?}");
    });
    let after = daemon.events_after(synced.seq(), SHOP);
    assert!(after.is_empty(), "{after:?}");
}
