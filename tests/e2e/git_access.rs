//! Git that is away, and Git over HTTPS.

use std::time::Duration;

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::git_server::GitServer;
use taffrail_tests::manifests::config_map;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

#[test]
fn git_away_is_recorded_once_and_then_counted() {
    let scene = Scene::new("git-away");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");

    scene.repository.take_away();
    let unreachable = daemon.expect_after(first.seq(), "RepositoryUnreachable");
    wait::soon("four polls fail", || (failed_polls(&daemon) >= 4).then_some(()));
    assert_eq!(daemon.newest(), unreachable.seq(), "recorded once");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
    scene.repository.bring_back();
    let reachable = daemon.expect_after(unreachable.seq(), "RepositoryReachable");
    let failures = reachable.field("/failures").as_u64().expect("a number");
    assert!(failures >= 4, "{failures}");
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    daemon.expect_after(reachable.seq(), "SyncSucceeded");
}

#[test]
fn a_force_push_is_recorded_as_one() {
    let scene = Scene::new("forced");
    let one = scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let two = scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    scene.repository.force_back_to(&one);
    let three = scene.deploy(&[("settings.yaml", config_map("settings", "three"))], "three");
    // A poll may fall between the two pushes.
    let observed =
        daemon.expect_where(first.seq(), "RevisionObserved", wait::SOON, |event| event.text("/revision") == three);
    let forced: Vec<Event> = daemon.events().into_iter().filter(|event| event.text("/relation") == "forced").collect();
    let [forced] = forced.as_slice() else { panic!("{forced:?}") };
    assert_eq!(forced.text("/previous"), two);
    assert!(forced.seq() <= observed.seq());
    wait::soon("three is live", || (scene.value_of("settings").as_deref() == Some("three")).then_some(()));
}

#[test]
fn every_commit_since_the_last_poll_is_listed_with_its_author() {
    let scene = Scene::new("commits");
    let one = scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let mut daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    daemon.kill_9();
    let two = scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    let three = scene.repository.commit(&[("README.md", "words\n")], "three\n\nand its body");
    daemon.start_again();
    let observed = daemon.expect_after(first.seq(), "RevisionObserved");
    assert_eq!(
        observed.field("/commits"),
        &json!([
            { "id": three, "author": "Ada <ada@example.org>", "subject": "three" },
            { "id": two, "author": "Ada <ada@example.org>", "subject": "two" },
        ])
    );
    assert_eq!((observed.text("/previous"), observed.text("/relation")), (one.as_str(), "descendant"));
    assert_eq!(observed.0["actor"]["name"], "Ada <ada@example.org>");
    daemon.expect_after(observed.seq(), "SyncSucceeded");
}

#[test]
fn a_start_without_git_and_mirror_keeps_what_is_there() {
    let scene = Scene::new("start-away");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let mut daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let object = scene.object("ConfigMap:settings");
    let before = scene.cluster.get(&object);
    daemon.kill_9();
    scene.repository.take_away();
    std::fs::remove_dir_all(daemon.data().join("repositories")).expect("the mirror is there");
    daemon.start_again();
    daemon.expect_after(first.seq(), "RepositoryUnreachable");
    wait::soon("it is healthy", || (daemon.application(SHOP)["health"] == "Healthy").then_some(()));
    wait::throughout(Duration::from_secs(2), || assert_eq!(scene.cluster.get(&object), before));
    let after = daemon.events_after(first.seq(), SHOP);
    assert!(after.iter().all(|event| event.kind() == "RepositoryUnreachable"), "{after:?}");
    assert_eq!(daemon.application(SHOP)["errors"], json!(null));
    scene.repository.bring_back();
    daemon.expect_after(first.seq(), "RepositoryReachable");
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
}

fn served(scene: &Scene, server: &GitServer) -> Settings {
    let settings = Settings::new(scene.cluster.kubeconfig()).repository(SHOP, &server.url());
    settings.with_repository("caFile", server.authority().display().to_string())
}

fn application(scene: &Scene, settings: Settings) -> Settings {
    settings.application(SHOP, SHOP, "app", scene.namespace.name())
}

#[test]
fn a_repository_over_https_is_read_with_a_token_from_a_file() {
    let scene = Scene::new("token");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let server = GitServer::start(scene.repository.root(), &["--user", "git", "--password", "s3cr3t-token"]);
    let token = scene.repository.root().join("token");
    std::fs::write(&token, "s3cr3t-token\n").expect("a file");
    let settings = served(&scene, &server).with_repository("credentials", json!({ "tokenFile": token }));
    let daemon = Daemon::start(&application(&scene, settings));
    daemon.expect("SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
}

#[test]
fn a_wrong_password_is_recorded_without_it_and_the_right_one_is_used_at_once() {
    let scene = Scene::new("password");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let server = GitServer::start(scene.repository.root(), &["--user", "ada", "--password", "right-password"]);
    let password = scene.repository.root().join("password");
    std::fs::write(&password, "wrong-password").expect("a file");
    let credentials = json!({ "user": "ada", "passwordFile": password });
    let settings = served(&scene, &server).with_repository("credentials", credentials);
    let daemon = Daemon::start(&application(&scene, settings));
    let refused = daemon.expect("RepositoryUnreachable");
    let error = refused.text("/error");
    assert!(error.contains("ada") || error.contains("password") || error.contains("401"), "{error}");
    assert!(!daemon.export().contains("wrong-password") && !daemon.log().contains("wrong-password"));

    std::fs::write(&password, "right-password").expect("a file");
    daemon.expect_after(refused.seq(), "SyncSucceeded");
    assert!(!daemon.export().contains("right-password") && !daemon.log().contains("right-password"));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let scene = Scene::new("certificate");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let server = GitServer::start(scene.repository.root(), &[]);
    let untrusted = Settings::new(scene.cluster.kubeconfig()).repository(SHOP, &server.url());
    let daemon = Daemon::start(&application(&scene, untrusted));
    let refused = daemon.expect("RepositoryUnreachable");
    assert!(refused.text("/error").contains("certificate"), "{}", refused.text("/error"));
    daemon.configure(&application(&scene, served(&scene, &server)));
    daemon.expect_after(refused.seq(), "SyncSucceeded");
}

#[test]
fn a_git_server_that_hangs_is_given_up_and_other_repositories_go_on() {
    let scene = Scene::new("hanging");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let server = GitServer::start(scene.repository.root(), &["--hang"]);
    let settings = scene.settings().repository("hanging", &server.url()).with_repository("timeout", "1s");
    let daemon = Daemon::start(&settings);
    let refused = daemon.expect("RepositoryUnreachable");
    assert_eq!(refused.subject(), "hanging");
    daemon.expect_of(SHOP, 0, "SyncSucceeded");
    let (status, readiness) = daemon.get("/readyz");
    assert_eq!(status, 503);
    assert!(readiness.contains("hanging"), "{readiness}");
}

fn failed_polls(daemon: &Daemon) -> u64 {
    let (_, metrics) = daemon.get("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix("taffrail_poll_failures_total{repository=\"shop\"} "));
    line.map_or(0, |count| count.parse().expect("a number"))
}
