//! A state that failed is not tried again, whatever commit brings it.

use std::time::Duration;

use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{GOOD_IMAGE, MISSING_IMAGE, healthy};
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

#[test]
fn the_same_bad_state_in_a_new_commit_stays_quarantined() {
    let scene = Scene::new("quarantine");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let daemon = Daemon::start(&settings.application(SHOP, SHOP, "app", scene.namespace.name()));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("api.yaml", healthy("api", MISSING_IMAGE))], "bad");
    let reverted = daemon.expect_after(first.seq(), "Reverted");
    let held = daemon.expect_after(reverted.seq(), "SyncHeld");

    let before = proxy.count();
    let revision = scene.repository.commit(&[("README.md", "other words\n")], "The same, in other words");
    let again = daemon.expect_after(held.seq(), "SyncHeld");
    assert_eq!((again.text("/reason"), again.text("/revision")), ("quarantined", revision.as_str()));
    assert_eq!(again.text("/desired"), held.text("/desired"));
    wait::throughout(Duration::from_secs(3), || {
        let requests = proxy.other_than_watches(before);
        assert!(requests.is_empty(), "{requests:#?}");
    });
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
    assert!(daemon.application(SHOP)["hold"].as_str().is_some_and(|why| why.contains("quarantined")));
}
