//! What is followed besides a branch: tags.

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::wait;

fn deploy(scene: &Scene, value: &str) -> String {
    scene.deploy(&[("settings.yaml", config_map("settings", value))], value)
}

fn is_live(scene: &Scene, value: &str) {
    wait::soon(&format!("{value} is live"), || (scene.value_of("settings").as_deref() == Some(value)).then_some(()));
}

#[test]
fn the_highest_version_in_a_range_is_followed() {
    let scene = Scene::new("semver");
    let one = deploy(&scene, "1.9");
    scene.repository.tag("v1.9.0");
    deploy(&scene, "2.0");
    scene.repository.tag("v2.0.0");
    let settings = scene.settings().with_repository("ref", json!({ "semver": ">=1.4 <2" }));
    let daemon = Daemon::start(&settings);
    let observed = daemon.expect("RevisionObserved");
    assert_eq!((observed.text("/revision"), observed.text("/tag")), (one.as_str(), "v1.9.0"));
    let synced = daemon.expect("SyncSucceeded");
    is_live(&scene, "1.9");

    let ten = deploy(&scene, "1.10");
    scene.repository.tag("v1.10.0");
    deploy(&scene, "1.11, a candidate");
    scene.repository.tag("v1.11.0-rc.1");
    let observed = daemon.expect_after(synced.seq(), "RevisionObserved");
    assert_eq!((observed.text("/revision"), observed.text("/tag")), (ten.as_str(), "v1.10.0"));
    assert_eq!(observed.text("/relation"), "descendant");
    is_live(&scene, "1.10");
}

#[test]
fn a_tag_that_is_moved_or_deleted_is_followed_and_told() {
    let scene = Scene::new("tags");
    deploy(&scene, "one");
    scene.repository.tag("v1");
    deploy(&scene, "two");
    scene.repository.tag("v2");
    let daemon = Daemon::start(&scene.settings().with_repository("ref", json!({ "tag": "v*" })));
    let first = daemon.expect("SyncSucceeded");
    is_live(&scene, "two");

    let moved = deploy(&scene, "two again");
    scene.repository.tag("v2");
    let observed = daemon.expect_after(first.seq(), "RevisionObserved");
    assert_eq!((observed.text("/revision"), observed.text("/relation")), (moved.as_str(), "tagMoved"));
    is_live(&scene, "two again");

    scene.repository.delete_tag("v2");
    let observed = daemon.expect_after(observed.seq(), "RevisionObserved");
    assert_eq!((observed.text("/tag"), observed.text("/relation")), ("v1", "tagDeleted"));
    is_live(&scene, "one");
    scene.repository.delete_tag("v1");
    let unreachable = daemon.expect_after(observed.seq(), "RepositoryUnreachable");
    assert!(unreachable.text("/error").ends_with("has no tag like \"v*\""), "{unreachable:?}");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
    assert_eq!(daemon.application(SHOP)["sync"], "Synced");
}
