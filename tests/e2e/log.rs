//! The log proves itself, and a changed byte is found.

use taffrail_model::{Digest, Event};
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{GOOD_IMAGE, MISSING_IMAGE, healthy};
use taffrail_tests::scene::Scene;

/// A sync, a failure and the way back.
fn a_story(scene: &Scene) -> Daemon {
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("api.yaml", healthy("api", MISSING_IMAGE))], "bad");
    let reverted = daemon.expect_after(first.seq(), "Reverted");
    daemon.expect_after(reverted.seq(), "SyncHeld");
    daemon
}

#[test]
fn the_exported_chain_checks_out() {
    let scene = Scene::new("chain");
    let mut daemon = a_story(&scene);
    let mut previous = Digest::ZERO;
    let mut time = None;
    for (index, line) in daemon.export().lines().enumerate() {
        let event = Event::from_bytes(line.as_bytes()).expect("an event");
        assert_eq!(event.seq().0, index as u64 + 1, "numbers are dense");
        assert_eq!(event.previous, previous, "event {} follows the one before", event.seq());
        assert!(time <= Some(event.envelope.time), "time never goes back");
        (previous, time) = (Event::chain(previous, line.as_bytes()), Some(event.envelope.time));
    }
    let online = daemon.command(&["verify"]);
    let said = String::from_utf8_lossy(&online.stdout).into_owned();
    assert!(
        online.status.success() && said.contains(&previous.to_string()),
        "{said} {}",
        String::from_utf8_lossy(&online.stderr)
    );
    let folder = daemon.data();
    let locked = daemon.command(&["verify", "--data", &folder.display().to_string()]);
    assert_eq!(locked.status.code(), Some(1), "a journal that a daemon has open is not read beside it");
    daemon.end_and_verify();
}

#[test]
fn verify_finds_a_changed_byte_and_names_the_event() {
    let scene = Scene::new("tampered");
    let mut daemon = a_story(&scene);
    let victim = daemon.expect("ObjectApplied");
    daemon.end_and_verify();

    let tamper = |from: &[u8], to: &[u8]| {
        let store = sled::open(daemon.data().join("journal")).expect("the journal is closed");
        let events = store.open_tree("events").expect("a tree");
        let mut changed = 0;
        for entry in events.scan_prefix(victim.seq().to_be_bytes()) {
            let (key, value) = entry.expect("an entry");
            let mut value = value.to_vec();
            if let Some(at) = value.windows(from.len()).position(|window| window == from) {
                value[at..at + to.len()].copy_from_slice(to);
                events.insert(key, value).expect("written");
                changed += 1;
            }
        }
        assert_eq!(changed, 1, "the event is where this test looks for it");
        store.flush().expect("written");
    };
    tamper(b"\"attempts\":1", b"\"attempts\":2");
    let verified = daemon.verify();
    assert_eq!(verified.status.code(), Some(1));
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(said.contains(&format!("event {}", victim.seq())), "{said}");
    // And it is the byte: put back, all is well again.
    tamper(b"\"attempts\":2", b"\"attempts\":1");
    daemon.end_and_verify();
}

#[test]
fn without_its_key_a_journal_with_events_is_not_opened() {
    let scene = Scene::new("no-key");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let mut daemon = Daemon::start(&scene.settings());
    daemon.expect("SyncSucceeded");
    daemon.terminate();
    let (key, away) = (daemon.folder().join("secrets.key"), daemon.folder().join("away.key"));
    std::fs::rename(&key, &away).expect("the key is there");
    let refused = daemon.second();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("secrets.key"), "{said}");
    assert!(!key.exists(), "no new key is made for an old journal");
    std::fs::write(&key, "0".repeat(64)).expect("a file");
    let refused = daemon.second();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(1) && said.contains("is not the one"), "{said}");
    std::fs::rename(&away, &key).expect("the key is back");
    daemon.start_again();
    daemon.end_and_verify();
}
