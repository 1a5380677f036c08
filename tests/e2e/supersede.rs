//! A newer commit does not wait for what is stuck.

use std::time::{Duration, Instant};

use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, healthy, never_ready};
use taffrail_tests::scene::Scene;

#[test]
fn a_newer_commit_supersedes_a_stuck_gate_and_is_live_long_before_its_deadline() {
    let scene = Scene::new("supersede");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let daemon = Daemon::start(&scene.settings().with("gate/timeout", "10m"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("api.yaml", never_ready("api", GOOD_IMAGE))], "stuck");
    let stuck = daemon.expect_after(first.seq(), "GateOpened");

    let began = Instant::now();
    scene.deploy(&[("api.yaml", healthy("api", BETTER_IMAGE))], "better");
    let superseded = daemon.expect_after(stuck.seq(), "SyncSuperseded");
    assert_eq!(superseded.sync(), stuck.sync());
    let succeeded = daemon.expect_after(superseded.seq(), "SyncSucceeded");
    assert_eq!(superseded.text("/by"), succeeded.text("/desired"));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    assert_eq!(scene.image_of("api"), BETTER_IMAGE);
    assert!(!daemon.events().iter().any(|event| event.kind() == "GateFailed"));
}
