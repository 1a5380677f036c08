//! kill -9 in the middle: a restart goes on where it was, without an orphan and without a duplicate.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, MISSING_IMAGE, config_map, deployment, healthy};
use taffrail_tests::proxy::{Act, Proxy, Seen};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn settings(scene: &Scene, proxy: &Proxy) -> Settings {
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    settings.application(SHOP, SHOP, "app", scene.namespace.name())
}

fn four(value: &str) -> Vec<(&'static str, String)> {
    let files = ["a.yaml", "b.yaml", "c.yaml", "d.yaml"];
    files.iter().zip(NAMES).map(|(file, name)| (*file, config_map(name, value))).collect()
}

#[test]
fn kill_9_before_a_write_reaches_the_server_goes_on_with_it() {
    let scene = Scene::new("kill-before");
    let proxy = Proxy::before(&scene.cluster);
    let held = proxy.always(Act::Hold, |seen| seen.method == "PATCH" && seen.path.ends_with("/b"));
    scene.deploy(&four("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    held.wait_for_hits(1);
    daemon.kill_9();
    assert_eq!(scene.value_of("b"), None);
    held.lift();
    daemon.start_again();
    went_on(&scene, &mut daemon, "one");
}

#[test]
fn kill_9_after_a_write_whose_outcome_is_unknown_makes_no_second_object() {
    let scene = Scene::new("kill-after");
    let proxy = Proxy::before(&scene.cluster);
    let held = proxy.always(Act::HoldAnswer, |seen| seen.method == "PATCH" && seen.path.ends_with("/b"));
    scene.deploy(&four("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    held.wait_for_hits(1);
    // The server has made it; the daemon was never told.
    let uid = wait::soon("b is made", || {
        let found = scene.cluster.find(&scene.object("ConfigMap:b"))?;
        Some(found["metadata"]["uid"].clone())
    });
    daemon.kill_9();
    held.lift();
    daemon.start_again();
    went_on(&scene, &mut daemon, "one");
    assert_eq!(scene.cluster.get(&scene.object("ConfigMap:b"))["metadata"]["uid"], uid);
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again() {
    let scene = Scene::new("lost-answer");
    let proxy = Proxy::before(&scene.cluster);
    let lost = proxy.times(3, Act::LoseAnswer, |seen| seen.is_write());
    scene.deploy(&four("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    went_on(&scene, &mut daemon, "one");
    assert_eq!(lost.hits(), 3);
}

#[test]
fn kill_9_in_a_revert_goes_on_with_the_revert() {
    let scene = Scene::new("kill-revert");
    let proxy = Proxy::before(&scene.cluster);
    let files = |image: &str, value: &str| {
        let mut files = four(value);
        files.push(("api.yaml", healthy("api", image)));
        files
    };
    scene.deploy(&files(GOOD_IMAGE, "good"), "good");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    let first = daemon.expect("SyncSucceeded");
    let held = proxy
        .always(Act::Hold, |seen| seen.method == "PATCH" && seen.path.ends_with("/b") && seen.body.contains("good"));
    scene.deploy(&files(MISSING_IMAGE, "bad"), "bad");
    held.wait_for_hits(1);
    let started = daemon.expect_after(first.seq(), "RevertStarted");
    daemon.kill_9();
    assert_eq!(scene.value_of("b").as_deref(), Some("bad"));
    held.lift();
    daemon.start_again();
    let reverted = daemon.expect_after(started.seq(), "Reverted");
    assert_eq!(reverted.sync(), Some(started.seq()), "the same revert, not another one");
    for name in NAMES {
        assert_eq!(scene.value_of(name).as_deref(), Some("good"), "{name}");
    }
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
    let events = daemon.events();
    assert_eq!(events.iter().filter(|event| event.kind() == "RevertStarted").count(), 1);
    daemon.end_and_verify();
}

#[test]
fn kill_9_after_any_request_ends_in_the_same_state() {
    for count in [1, 2, 3, 5, 7] {
        let scene = Scene::new("kill-point");
        let proxy = Proxy::before(&scene.cluster);
        scene.deploy(&four("one"), "one");
        // The first `count - 1` requests pass; the one after them, and all that follow, get no answer.
        proxy.times(count - 1, Act::Delay(Duration::ZERO), |_| true);
        let stuck = proxy.always(Act::HoldAnswer, |_| true);
        let mut daemon = Daemon::start(&settings(&scene, &proxy));
        stuck.wait_for_hits(1);
        daemon.kill_9();
        stuck.lift();
        daemon.start_again();
        went_on(&scene, &mut daemon, "one");
    }
}

#[test]
fn kill_9_after_any_write_of_a_revert_ends_in_the_good_state() {
    for count in 0..4 {
        let scene = Scene::new("kill-revert-point");
        let proxy = Proxy::before(&scene.cluster);
        let files = |image: &str, extra: Option<&'static str>| {
            let mut files = vec![("api.yaml", healthy("api", image)), ("a.yaml", config_map("a", image))];
            files.extend(extra.map(|name| ("extra.yaml", config_map(name, "new"))));
            files
        };
        scene.deploy(&files(GOOD_IMAGE, None), "good");
        let mut daemon = Daemon::start(&settings(&scene, &proxy));
        let first = daemon.expect("SyncSucceeded");
        // The bad commit takes three writes; of those of the revert, `count` are answered.
        proxy.times(3 + count, Act::Delay(Duration::ZERO), Seen::is_write);
        let stuck = proxy.always(Act::HoldAnswer, Seen::is_write);
        scene.deploy(&files(MISSING_IMAGE, Some("extra")), "bad");
        let started = daemon.expect_after(first.seq(), "RevertStarted");
        match count {
            // A revert of three writes: one delete, then two applies at once.
            0..3 => stuck.wait_for_hits(1),
            _ => drop(daemon.expect_after(started.seq(), "GateOpened")),
        }
        daemon.kill_9();
        stuck.lift();
        daemon.start_again();
        let reverted = daemon.expect_after(started.seq(), "Reverted");
        assert_eq!(reverted.sync(), Some(started.seq()), "{count}");
        assert_eq!(scene.value_of("a").as_deref(), Some(GOOD_IMAGE), "{count}");
        assert_eq!(scene.image_of("api"), GOOD_IMAGE, "{count}");
        assert_eq!(scene.value_of("extra"), None, "{count}");
        let events = daemon.events();
        assert_eq!(events.iter().filter(|event| event.kind() == "RevertStarted").count(), 1, "{count}");
        daemon.end_and_verify();
    }
}

#[test]
fn kill_9_after_any_request_of_an_update_ends_in_the_new_state() {
    for count in [0, 1, 2] {
        let scene = Scene::new("kill-update");
        let proxy = Proxy::before(&scene.cluster);
        let named = |name: &'static str, value: &str| (name, config_map(name, value));
        scene.deploy(&[named("a", "one"), named("b", "one"), named("old", "one")], "one");
        let mut daemon = Daemon::start(&settings(&scene, &proxy));
        let first = daemon.expect("SyncSucceeded");
        // Two applies; then the prune.
        let passed = |seen: &Seen| !seen.is_watch();
        proxy.times(count, Act::Delay(Duration::ZERO), passed);
        let stuck = proxy.always(Act::HoldAnswer, passed);
        scene.deploy(&[named("a", "two"), named("b", "one"), named("new", "two")], "two");
        stuck.wait_for_hits(1);
        daemon.kill_9();
        stuck.lift();
        daemon.start_again();
        daemon.expect_after(first.seq(), "SyncSucceeded");
        for (name, value) in [("a", Some("two")), ("b", Some("one")), ("new", Some("two")), ("old", None)] {
            assert_eq!(scene.value_of(name).as_deref(), value, "{count}: {name}");
        }
        let events = daemon.events_after(first.seq(), SHOP);
        let of = |kind: &str| events.iter().filter(|event| event.kind() == kind).count();
        assert_eq!((of("SyncStarted"), of("ObjectApplied"), of("ObjectPruned")), (1, 2, 1), "{count}: {events:?}");
        daemon.end_and_verify();
    }
}

#[test]
fn a_gates_time_stands_still_while_no_daemon_runs() {
    let scene = Scene::new("down");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let mut daemon = Daemon::start(&scene.settings().with("gate/timeout", "9s"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("api.yaml", deployment("api", BETTER_IMAGE, &[("sim/ready-after", "14s")]))], "slow");
    let opened = daemon.expect_after(first.seq(), "GateOpened");
    daemon.kill_9();
    // Longer than the gate has; the pods need a few seconds more.
    wait::throughout(Duration::from_secs(10), || assert_eq!(scene.image_of("api"), BETTER_IMAGE));
    daemon.start_again();
    let succeeded = daemon.expect_after(opened.seq(), "SyncSucceeded");
    assert_eq!(succeeded.sync(), opened.sync());
    assert!(!daemon.events().iter().any(|event| event.kind() == "GateFailed"));
}

#[test]
fn a_bad_network_changes_nothing_but_the_time_it_takes() {
    let scene = Scene::new("bad-network");
    let proxy = Proxy::before(&scene.cluster);
    // Of the requests that come by, each fails in its turn; which one it meets is not the same in two runs.
    let every = |nth: usize, of: usize| {
        let count = AtomicUsize::new(0);
        move |_: &Seen| count.fetch_add(1, Ordering::SeqCst) % of == nth
    };
    let busy = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","code":503,"message":"busy"}"#.to_owned();
    let rules = [
        proxy.always(Act::LoseAnswer, every(1, 5)),
        proxy.always(Act::Answer(503, busy), every(3, 5)),
        proxy.always(Act::Delay(Duration::from_millis(300)), every(0, 2)),
    ];
    let files = |value: &str| {
        let mut files = four(value);
        files.push(("api.yaml", healthy("api", GOOD_IMAGE)));
        files
    };
    scene.deploy(&files("one"), "one");
    let settings = settings(&scene, &proxy).with("sync/timeout", "2m").with("gate/timeout", "2m");
    let mut daemon = Daemon::start(&settings);
    let patience = Duration::from_secs(110);
    let first = daemon.expect_where(0, "SyncSucceeded", patience, |_| true);
    scene.deploy(&files("two")[1..], "two");
    daemon.expect_where(first.seq(), "SyncSucceeded", patience, |_| true);
    assert!(rules.iter().all(|rule| rule.hits() > 0));
    assert_eq!(scene.value_of("a"), None);
    for name in &NAMES[1..] {
        assert_eq!(scene.value_of(name).as_deref(), Some("two"));
    }
    let events = daemon.events_after(first.seq(), SHOP);
    let of = |kind: &str| events.iter().filter(|event| event.kind() == kind).count();
    assert_eq!((of("SyncStarted"), of("ObjectApplied"), of("ObjectPruned")), (1, 3, 1), "{events:?}");
    daemon.end_and_verify();
}

#[test]
fn sigterm_waits_for_what_was_sent_and_the_next_start_goes_on() {
    let scene = Scene::new("sigterm");
    let proxy = Proxy::before(&scene.cluster);
    let held = proxy.always(Act::HoldAnswer, |seen| seen.method == "PATCH" && seen.path.ends_with("/b"));
    scene.deploy(&four("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    held.wait_for_hits(1);
    wait::soon("b is made", || scene.value_of("b"));
    daemon.ask_to_end();
    wait::throughout(Duration::from_secs(2), || daemon.assert_runs());
    held.lift();
    let status = daemon.terminate();
    assert_eq!(status.code(), Some(0), "{}", daemon.log());
    daemon.start_again();
    went_on(&scene, &mut daemon, "one");
}

#[test]
fn kill_9_between_two_states_leaves_no_orphan() {
    let scene = Scene::new("kill-orphan");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&four("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    let first = daemon.expect("SyncSucceeded");
    let held = proxy.always(Act::HoldAnswer, |seen| seen.method == "PATCH" && seen.path.ends_with("/extra"));
    let mut with_extra = four("one");
    with_extra.push(("extra.yaml", config_map("extra", "new")));
    scene.deploy(&with_extra, "with extra");
    held.wait_for_hits(1);
    wait::soon("extra is made", || scene.value_of("extra"));
    daemon.kill_9();
    // While it is down, Git stops asking for what was only just made.
    scene.deploy(&four("one"), "without extra");
    held.lift();
    daemon.start_again();
    wait::soon("extra is gone", || scene.value_of("extra").is_none().then_some(()));
    let pruned = daemon.expect_after(first.seq(), "ObjectPruned");
    assert_eq!(pruned.object(), scene.object("ConfigMap:extra"));
    daemon.end_and_verify();
}

/// The first sync went to its end: once, with each object made once and written last as Git says.
fn went_on(scene: &Scene, daemon: &mut Daemon, value: &str) {
    daemon.expect("SyncSucceeded");
    let events = daemon.events();
    let of = |kind: &str| events.iter().filter(|event| event.kind() == kind).collect::<Vec<&Event>>();
    assert_eq!(of("SyncStarted").len(), 1, "the same sync, not another one");
    assert_eq!(of("SyncSucceeded").len(), 1);
    let mut uids: BTreeMap<&str, &str> = BTreeMap::new();
    for applied in of("ObjectApplied") {
        let before = uids.insert(applied.object(), applied.text("/uid"));
        assert_eq!(before, None, "{} has one outcome", applied.object());
    }
    assert_eq!(uids.len(), NAMES.len());
    for name in NAMES {
        let object = scene.object(&format!("ConfigMap:{name}"));
        assert_eq!(scene.value_of(name).as_deref(), Some(value));
        assert_eq!(scene.cluster.uid(&object), uids[object.as_str()], "{object}");
    }
    daemon.end_and_verify();
}
