//! Commits that somebody who may has signed, and others.

use std::fs;
use std::time::Duration;

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::git::{allowed_signer, ssh_key};
use taffrail_tests::manifests::config_map;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::wait;

#[test]
fn a_commit_that_nobody_signed_is_refused_and_what_was_there_stays() {
    let scene = Scene::new("signed");
    let ada = ssh_key(21);
    let allowed = scene.repository.root().join("allowed_signers");
    fs::write(&allowed, allowed_signer("ada@example.org", &ada)).unwrap();
    let deploy = |value: &str| scene.deploy(&[("settings.yaml", config_map("settings", value))], value);
    deploy("one");
    let one = scene.repository.sign(&ada);
    let daemon = Daemon::start(&scene.settings().with_repository("verify", json!({ "allowedSigners": allowed })));
    let synced = daemon.expect("SyncSucceeded");

    let bad = deploy("not signed");
    let refused = daemon.expect_after(synced.seq(), "RevisionRefused");
    assert_eq!(refused.subject(), "shop");
    assert_eq!((refused.text("/revision"), refused.text("/commit/id")), (bad.as_str(), bad.as_str()));
    assert_eq!(refused.text("/commit/author"), "Ada <ada@example.org>");
    assert_eq!(refused.text("/reason"), "it is not signed");
    wait::throughout(Duration::from_secs(3), || {
        assert_eq!(daemon.newest(), refused.seq(), "recorded once, and nothing follows");
        assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
    });
    let status = daemon.application(SHOP);
    assert_eq!(status["observedRevision"], one.as_str());
    assert!(status["refusedRevision"].as_str().is_some_and(|why| why.ends_with("it is not signed")), "{status}");

    // A good commit on top of it changes nothing: the bad one would come with it.
    deploy("signed, on top");
    scene.repository.sign(&ada);
    daemon.expect_where(refused.seq(), "RevisionRefused", wait::SOON, |event| event.text("/commit/id") == bad);
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));

    scene.repository.force_back_to(&one);
    deploy("three");
    let three = scene.repository.sign(&ada);
    daemon.expect_where(refused.seq(), "RevisionObserved", wait::SOON, |event| event.text("/revision") == three);
    wait::soon("three is live", || (scene.value_of("settings").as_deref() == Some("three")).then_some(()));
    assert!(daemon.application(SHOP)["refusedRevision"].is_null());
}
