//! Git itself goes back to an earlier state: it is brought about again, whatever happened in between.

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{GOOD_IMAGE, MISSING_IMAGE, config_map, healthy, never_ready};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::wait;

fn files(api: String, value: &str) -> [(&'static str, String); 2] {
    [("api.yaml", api), ("settings.yaml", config_map("settings", value))]
}

fn good() -> [(&'static str, String); 2] {
    files(healthy("api", GOOD_IMAGE), "good")
}

fn is_good(scene: &Scene, daemon: &Daemon) {
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
    assert_eq!(scene.value_of("settings").as_deref(), Some("good"));
    wait::soon("it is shown as synced", || (daemon.application(SHOP)["sync"] == "Synced").then_some(()));
}

#[test]
fn a_commit_that_takes_back_what_is_stuck_is_applied() {
    let scene = Scene::new("back-stuck");
    scene.deploy(&good(), "good");
    let daemon = Daemon::start(&scene.settings().with("gate/timeout", "10m"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&files(never_ready("api", GOOD_IMAGE), "stuck"), "stuck");
    let stuck = daemon.expect_after(first.seq(), "GateOpened");
    scene.deploy(&good(), "Revert \"stuck\"");
    let superseded = daemon.expect_after(stuck.seq(), "SyncSuperseded");
    let succeeded = daemon.expect_after(superseded.seq(), "SyncSucceeded");
    assert_eq!(succeeded.text("/desired"), first.text("/desired"));
    is_good(&scene, &daemon);
}

#[test]
fn a_commit_that_takes_back_what_is_held_is_applied() {
    let scene = Scene::new("back-held");
    scene.deploy(&good(), "good");
    let daemon = Daemon::start(&scene.settings().with("onFailure", "hold"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&files(healthy("api", MISSING_IMAGE), "bad"), "bad");
    let held = daemon.expect_after(first.seq(), "SyncHeld");
    scene.deploy(&good(), "Revert \"bad\"");
    daemon.expect_after(held.seq(), "SyncSucceeded");
    is_good(&scene, &daemon);
}

#[test]
fn a_commit_that_takes_back_what_was_reverted_has_nothing_left_to_do() {
    let scene = Scene::new("back-reverted");
    scene.deploy(&good(), "good");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&files(healthy("api", MISSING_IMAGE), "bad"), "bad");
    let reverted = daemon.expect_after(first.seq(), "Reverted");
    let held = daemon.expect_after(reverted.seq(), "SyncHeld");
    scene.deploy(&good(), "Revert \"bad\"");
    let changed = daemon.expect_after(held.seq(), "DesiredStateChanged");
    assert_eq!(changed.text("/desired"), first.text("/desired"));
    wait::soon("nothing is held any more", || (daemon.application(SHOP)["hold"] == json!(null)).then_some(()));
    is_good(&scene, &daemon);
    let after = daemon.events_after(changed.seq(), SHOP);
    assert!(after.is_empty(), "{after:?}");
}

#[test]
fn a_bad_state_comes_back_after_a_good_one_and_is_still_quarantined() {
    let scene = Scene::new("back-bad");
    let bad = files(healthy("api", MISSING_IMAGE), "bad");
    scene.deploy(&good(), "good");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&bad, "bad");
    let reverted = daemon.expect_after(first.seq(), "Reverted");
    scene.deploy(&files(healthy("api", GOOD_IMAGE), "better"), "better");
    let better = daemon.expect_after(reverted.seq(), "SyncSucceeded");
    scene.deploy(&bad, "bad again");
    let held = daemon.expect_after(better.seq(), "SyncHeld");
    assert_eq!(held.text("/reason"), "quarantined");
    assert_eq!(scene.value_of("settings").as_deref(), Some("better"));
}

#[test]
fn an_application_that_moves_to_another_namespace_leaves_nothing_behind() {
    let scene = Scene::new("moves");
    let other = scene.cluster.namespace(&format!("{}-new", scene.namespace.name()));
    scene.deploy(&good(), "good");
    let settings = scene.settings();
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");
    daemon.configure(&settings.with("namespace", other.name()));
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    assert!(scene.cluster.find(&format!("ConfigMap:{}/settings", other.name())).is_some());
    assert_eq!(scene.value_of("settings"), None);
    let pruned = daemon.events_after(first.seq(), SHOP);
    let passed = pruned.iter().find(|event| event.kind() == "GatePassed").expect("it passed").seq();
    assert!(pruned.iter().filter(|event| event.kind() == "ObjectPruned").all(|event| event.seq() > passed));
    assert!(second.texts("/held").is_empty());
}

#[test]
fn a_person_goes_back_to_any_recorded_state_and_what_was_left_stays_away() {
    let scene = Scene::new("back-ordered");
    scene.deploy(&files(healthy("api", GOOD_IMAGE), "one"), "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let named = daemon.expect("DesiredStateChanged").seq();
    scene.deploy(&files(healthy("api", GOOD_IMAGE), "two"), "two");
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    scene.deploy(&files(healthy("api", GOOD_IMAGE), "three"), "three");
    let third = daemon.expect_after(second.seq(), "SyncSucceeded");

    let named = named.to_string();
    let revert = |arguments: &[&str]| daemon.command(&[&["revert", SHOP], arguments].concat()).status.success();
    assert!(!revert(&["--to", &named]), "it demands a reason");
    assert!(revert(&["--to", &named, "--reason", "three and two are wrong"]));
    let reverted = daemon.expect_after(third.seq(), "Reverted");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
    daemon.expect_after(reverted.seq(), "SyncHeld");
    assert!(daemon.command(&["release", SHOP, "--reason", "three is right after all"]).status.success());
    daemon.expect_after(reverted.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("three"));
}
