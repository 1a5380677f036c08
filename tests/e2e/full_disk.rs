//! A disk that is full: nothing is done that cannot be recorded.
//!
//! The daemon's files may not grow any more (`RLIMIT_FSIZE`, set on the running process): its writes fail as they do on
//! a full disk, and no mount or other privilege is needed. So do those of its own log, which must not end it either.
//! (That events can be read on while too little is left, before a write fails, is for the tests of the journal.)

use std::time::Duration;

use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

/// Enough for a small pack of Git, and too little for any write to the journal's file.
const FULL: u64 = 4096;

#[test]
fn while_the_journal_cannot_be_written_nothing_is_and_it_recovers_by_itself() {
    let scene = Scene::new("full-disk");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let mut daemon = Daemon::start(&settings.application(SHOP, SHOP, "app", scene.namespace.name()));
    let first = daemon.expect("SyncSucceeded");

    let before = proxy.count();
    daemon.limit_files(Some(FULL));
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    wait::soon("it says that the journal cannot be written", || {
        let (status, said) = daemon.get("/readyz");
        (status == 503 && said.contains("the journal cannot be written")).then_some(())
    });
    wait::throughout(Duration::from_secs(5), || {
        let writes = proxy.writes(before);
        assert!(writes.is_empty(), "{writes:#?}");
        assert_eq!(daemon.get("/livez").0, 200);
        assert_eq!(daemon.application(SHOP)["live"]["digest"], *first.field("/desired"));
    });
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));

    daemon.limit_files(None);
    wait::soon("it is ready again", || (daemon.get("/readyz").0 == 200).then_some(()));
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    daemon.end_and_verify();
}
