//! A journal that is lost and restored: nothing is written before somebody has looked, and everybody is told why.

use std::collections::BTreeMap;
use std::fs;
use std::process::Output;
use std::time::Duration;

use taffrail_tests::cluster::text;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{GOOD_IMAGE, config_map, healthy};
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

/// Many polls, and longer than any write that was asked for would wait.
const WHILE: Duration = Duration::from_secs(6);

fn settings(scene: &Scene, proxy: &Proxy) -> Settings {
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    settings.application(SHOP, SHOP, "app", scene.namespace.name())
}

fn files(value: &str) -> Vec<(&'static str, String)> {
    vec![
        ("api.yaml", healthy("api", GOOD_IMAGE)),
        ("settings.yaml", config_map("settings", value)),
        (
            "secret.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: { name: login }\nstringData: { password: hunter2-canary }\n"
                .to_owned(),
        ),
    ]
}

fn done(output: Output) -> String {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{err}");
    format!("{}{err}", String::from_utf8_lossy(&output.stdout))
}

fn import(daemon: &Daemon) -> Output {
    daemon.command(&["import", "export", "--data", "data", "--key-file", "secrets.key"])
}

/// The resourceVersions of what the application has in the cluster.
fn versions(scene: &Scene, objects: &[&str]) -> BTreeMap<String, String> {
    let version = |object: &&str| {
        let object = scene.object(object);
        let live = scene.cluster.get(&object);
        (object, text(&live, "/metadata/resourceVersion").to_owned())
    };
    objects.iter().map(version).collect()
}

#[test]
fn a_restored_journal_writes_nothing_before_somebody_adopts_and_says_why() {
    let scene = Scene::new("restored");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&files("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    let first = daemon.expect("SyncSucceeded");

    // Beside the running daemon; then life goes on, and the journal is lost.
    done(daemon.command(&["export", "--config", "taffrail.yaml", "--to", "export"]));
    let exported = daemon.newest();
    let mut more = files("two");
    more.push(("later.yaml", config_map("later", "made after the export")));
    scene.deploy(&more, "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    let before = daemon.events();
    let lost = before.last().expect("events").seq();
    daemon.terminate();
    let refused = import(&daemon);
    assert_eq!(refused.status.code(), Some(1), "the old journal is still there");
    fs::remove_dir_all(daemon.data()).expect("it is there");
    let said = done(import(&daemon));
    assert!(said.contains("epoch 2 begins") && said.contains("taffrail adopt"), "{said}");

    let objects = ["ConfigMap:settings", "ConfigMap:later", "Secret:login"];
    let (live, requests) = (versions(&scene, &objects), proxy.count());
    daemon.start_again();
    let events = daemon.events();
    let at = |seq: u64| &events[seq as usize - 1];
    let newest_exported = events.iter().take_while(|event| event.kind() != "JournalRestored").count() as u64;
    assert!((first.seq()..=exported).contains(&newest_exported), "{newest_exported}");
    let restored = at(newest_exported + 1);
    assert_eq!(restored.field("/fromEpoch"), &serde_json::json!(1));
    assert_eq!(restored.field("/atSeq"), &serde_json::json!(newest_exported));
    assert_eq!(at(newest_exported + 2).kind(), "DaemonStarted");
    for (event, known) in events.iter().zip(&before).take(newest_exported as usize) {
        assert_eq!(event.0, known.0, "the past is as it was");
    }

    // It sees what Git asks for by now, and keeps its hands still.
    daemon.expect_after(restored.seq(), "DesiredStateChanged");
    wait::throughout(WHILE, || {
        let writes = proxy.writes(requests);
        assert!(writes.is_empty(), "{writes:#?}");
    });
    assert_eq!(versions(&scene, &objects), live);
    let status = daemon.application(SHOP);
    assert_eq!(status["sync"], "OutOfSync", "{status:#}");
    let hold = text(&status, "/hold");
    assert!(hold.contains("the journal was restored") && hold.contains("`taffrail adopt shop`"), "{hold}");
    let shown = done(daemon.command(&["status", SHOP]));
    assert!(shown.contains("`taffrail adopt shop`"), "{shown}");
    assert!(daemon.events_after(restored.seq(), SHOP).iter().all(|event| event.kind() != "SyncStarted"));

    // Who read what is lost is told so, also one that follows.
    for path in [format!("/events?after=1-{lost}"), format!("/events?after=1-{lost}&format=event-stream")] {
        let (status, body) = daemon.get(&path);
        assert_eq!(status, 410, "{body}");
        assert!(body.contains(&format!("the journal was restored as it was at event {newest_exported}")), "{body}");
    }
    assert_eq!(daemon.get(&format!("/events?after={}", first.seq())).0, 200);
    assert_eq!(daemon.get(&format!("/events?after=1-{}", first.seq())).0, 200);

    // It is still so after another start, and the journal is sound.
    daemon.restart();
    wait::throughout(Duration::from_secs(2), || assert!(proxy.writes(requests).is_empty()));
    daemon.end_and_verify();
}

#[test]
fn an_export_holds_no_secret_and_one_byte_less_is_refused() {
    let scene = Scene::new("export-whole");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&files("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    daemon.expect("SyncSucceeded");
    daemon.terminate();
    done(daemon.command(&["export", "--config", "taffrail.yaml", "--to", "export"]));
    let file = daemon.folder().join("export");
    let export = fs::read(&file).expect("it was written");
    let records = zstd::stream::decode_all(export.as_slice()).expect("zstd reads it");
    let holds = |trace: &str| records.windows(trace.len()).any(|window| window == trace.as_bytes());
    assert!(!holds("hunter2-canary") && !holds("aHVudGVyMi1jYW5hcnk"), "a Secret's value is in the export");
    let key = fs::read_to_string(daemon.folder().join("secrets.key")).expect("the key");
    assert!(!holds(key.trim()), "the key is in the export");
    // The search finds what is there.
    assert!(holds("JournalCreated") && holds("SyncSucceeded"));

    fs::rename(daemon.data(), daemon.folder().join("old")).expect("a folder");
    fs::write(&file, &export[..export.len() - 1]).expect("a file");
    let refused = import(&daemon);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("the export is damaged or was cut off"), "{said}");
    fs::write(&file, &export).expect("a file");
    done(import(&daemon));
    daemon.end_and_verify();
}

#[test]
fn an_old_copy_of_the_journal_does_not_start_under_a_newer_head() {
    let scene = Scene::new("old-copy");
    let proxy = Proxy::before(&scene.cluster);
    scene.deploy(&files("one"), "one");
    let mut daemon = Daemon::start(&settings(&scene, &proxy));
    let first = daemon.expect("SyncSucceeded");
    daemon.terminate();
    let (journal, copy) = (daemon.data().join("journal"), daemon.folder().join("copy"));
    copy_folder(&journal, &copy);
    daemon.start_again();
    scene.deploy(&files("two"), "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    daemon.terminate();

    fs::remove_dir_all(&journal).expect("it is there");
    copy_folder(&copy, &journal);
    let requests = proxy.count();
    let refused = daemon.second();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("was acknowledged") && said.contains("the store lost events"), "{said}");
    assert!(proxy.writes(requests).is_empty());
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, target).expect("a copy");
        }
    }
}
