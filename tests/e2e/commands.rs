//! What people ask for: by command and by HTTP, with and without tokens; and what Git servers say by hooks.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use serde_json::{Value, json};
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a command says; its exit code must be this.
fn says(output: &Output, code: i32) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    out + &err
}

/// The event by which a command's order was recorded.
fn ordered(daemon: &Daemon, arguments: &[&str]) -> u64 {
    let output = daemon.command(&[arguments, &["-o", "json"]].concat());
    says(&output, 0);
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    answer["event"].as_u64().expect("the number of an event")
}

fn deploy(scene: &Scene, value: &str) -> String {
    scene.deploy(&[("settings.yaml", config_map("settings", value))], value)
}

fn synced(scene: &Scene) -> Daemon {
    deploy(scene, "one");
    let daemon = Daemon::start(&scene.settings());
    daemon.expect("SyncSucceeded");
    daemon
}

#[test]
fn an_order_is_an_event_with_who_asked_and_why() {
    let scene = Scene::new("orders");
    let daemon = synced(&scene);
    let seq = ordered(&daemon, &["suspend", SHOP, "--for", "1h", "--reason", "ticket 7"]);
    let event = daemon.json(&format!("/events/{seq}"));
    assert_eq!((&event["kind"], &event["data"]["reason"]), (&json!("ApplicationSuspended"), &json!("ticket 7")));
    let actor = event["actor"]["name"].as_str().unwrap_or_default();
    assert!(actor.contains("unauthenticated") && event["actor"]["kind"] == "person", "{event}");
    let second = ordered(&daemon, &["resume", SHOP]);
    assert_eq!(daemon.json(&format!("/events/{second}"))["kind"], "ApplicationResumed");
    let refused = says(&daemon.command(&["resume", SHOP]), 1);
    assert_eq!(refused, "error: shop is not suspended\n");
    let unknown = says(&daemon.command(&["resume", "shopp"]), 1);
    assert!(unknown.contains("the nearest is shop"), "{unknown}");
    for (arguments, kind) in [(["refresh", SHOP], "RefreshRequested"), (["sync", SHOP], "SyncRequested")] {
        let seq = ordered(&daemon, &arguments);
        assert_eq!(daemon.json(&format!("/events/{seq}"))["kind"], kind);
    }
}

#[test]
fn a_token_names_who_asks_and_is_needed_where_the_configuration_says_so() {
    let scene = Scene::new("tokens");
    deploy(&scene, "one");
    let made = says(&Daemon::start(&scene.settings()).command(&["token", "anna", "-o", "json"]), 0);
    let made: Value = serde_json::from_str(&made).expect("JSON");
    let (token, line) = (made["token"].as_str().expect("a token"), made["line"].as_str().expect("a line"));

    let mut settings = scene.settings();
    let folder = tempfile::tempdir().expect("a folder");
    let (tokens, mine) = (folder.path().join("tokens"), folder.path().join("mine"));
    fs::write(&tokens, line).expect("a file");
    fs::set_permissions(&tokens, Permissions::from_mode(0o600)).expect("a file of ours");
    fs::write(&mine, token).expect("a file");
    settings.0["api"] = json!({ "tokensFile": tokens });
    let mut daemon = Daemon::start(&settings);
    let mine = mine.to_str().expect("UTF-8").to_owned();
    let with = ["--token-file", mine.as_str()];
    wait::soon("the application is known", || daemon.command(&["status", SHOP]).status.success().then_some(()));

    // On loopback a token is welcome: it names who asks.
    let seq = ordered(&daemon, &[&["refresh", SHOP], with.as_slice()].concat());
    assert_eq!(daemon.json(&format!("/events/{seq}"))["actor"], json!({ "kind": "person", "name": "anna" }));
    let seq = ordered(&daemon, &["refresh", SHOP]);
    let actor = daemon.json(&format!("/events/{seq}"))["actor"]["name"].to_string();
    assert!(actor.contains("unauthenticated"), "{actor}");

    // Where it is demanded, nothing goes without it but probes and metrics.
    daemon.terminate();
    settings.0["api"]["loopback"] = json!("token");
    settings.0["telemetry"] = json!("127.0.0.1:0");
    daemon.configure(&settings);
    daemon.start_again();
    for path in ["/applications", "/events", "/", "/export", "/openapi.json"] {
        assert_eq!(daemon.get(path).0, 401, "{path}");
    }
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_ne!(daemon.get(path).0, 401, "{path}");
    }
    let refused = says(&daemon.command(&["status"]), 1);
    assert!(refused.contains("a token is needed") && refused.contains("TAFFRAIL_TOKEN"), "{refused}");
    says(&daemon.command(&["refresh", SHOP]), 1);
    let shown = || daemon.command(&[&["status", SHOP], with.as_slice()].concat());
    wait::soon("the application is shown", || shown().status.success().then_some(()));

    // A token that is taken away counts no more, without a restart.
    fs::write(&tokens, "").expect("a file");
    wait::soon("the token is refused", || (!shown().status.success()).then_some(()));
}

#[test]
fn wait_tells_by_its_exit_code_how_it_went() {
    let scene = Scene::new("waiting");
    let mut daemon = synced(&scene);
    says(&daemon.command(&["wait", SHOP, "--timeout", "60s"]), 0);
    let revision = deploy(&scene, "two");
    let said = says(&daemon.command(&["wait", SHOP, "--revision", &revision[..12], "--timeout", "60s"]), 0);
    assert!(said.contains(&format!("in sync and healthy at {}", &revision[..12])), "{said}");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    // What came before the newest revision is there too.
    let newer = deploy(&scene, "three");
    says(&daemon.command(&["wait", SHOP, "--revision", &newer, "--timeout", "60s"]), 0);
    says(&daemon.command(&["wait", SHOP, "--revision", &revision, "--timeout", "60s"]), 0);

    let bad = scene.deploy(&[("settings.yaml", "kind: [".to_owned())], "bad");
    let said = says(&daemon.command(&["wait", SHOP, "--revision", &bad, "--timeout", "60s"]), 1);
    assert!(said.contains("does not render"), "{said}");
    // It renders, and the API server refuses it: it is reverted and held.
    let refused =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: settings }\ndata: { not a key: four }\n".to_owned();
    let bad = scene.deploy(&[("settings.yaml", refused)], "refused");
    let said = says(&daemon.command(&["wait", SHOP, "--revision", &bad, "--timeout", "90s"]), 1);
    assert!(said.contains("is held"), "{said}");
    assert_eq!(scene.value_of("settings").as_deref(), Some("three"));

    let never = "0123456789abcdef0123456789abcdef01234567";
    let said = says(&daemon.command(&["wait", SHOP, "--revision", never, "--timeout", "2s"]), 3);
    assert!(said.contains("was not seen"), "{said}");
    says(&daemon.command(&["wait", SHOP, "--revision", "main"]), 2);
    says(&daemon.command(&["wait", "nothing", "--timeout", "5s"]), 1);
    daemon.kill_9();
    says(&daemon.command(&["wait", SHOP, "--timeout", "2s"]), 3);
}

#[test]
fn the_past_is_shown_as_it_was_recorded() {
    let scene = Scene::new("past");
    let daemon = synced(&scene);
    let first = daemon.expect("SyncSucceeded");
    let second = deploy(&scene, "two");
    let last = daemon.expect_after(first.seq(), "SyncSucceeded").seq();

    let at = first.seq().to_string();
    let output = daemon.command(&["status", SHOP, "--at", &at, "-o", "json"]);
    let then: Value = serde_json::from_str(&says(&output, 0)).expect("JSON");
    assert_eq!(
        (&then["asOf"]["seq"], &then["sync"], &then["health"]),
        (&json!(first.seq()), &json!("Synced"), &json!("Unknown"))
    );
    assert_ne!(then["live"]["revision"], json!(second));
    let by_time = daemon.json(&format!("/applications/shop?at={}", first.0["time"].as_str().expect("a time")));
    assert_eq!(by_time["live"]["revision"], then["live"]["revision"]);
    assert_eq!(daemon.application(SHOP)["live"]["revision"], json!(second));
    assert!(says(&daemon.command(&["status", "--at", &at]), 0).starts_with("the past: as recorded up to event"));
    says(&daemon.command(&["status", SHOP, "--at", "1"]), 1);

    let (from, to) = (at.as_str(), last.to_string());
    let diff = |arguments: &[&str]| daemon.command(&[&["diff", SHOP], arguments].concat());
    let said = says(&diff(&["--from", from, "--to", &to]), 1);
    assert!(said.contains("-  value: one") && said.contains("+  value: two"), "{said}");
    says(&diff(&["--from", from, "--to", from]), 0);
    says(&diff(&["--from", from, "--to", "100000"]), 2);
    let markdown = says(&diff(&["--from", from, "--to", &to, "-o", "markdown"]), 1);
    assert!(markdown.contains("| changed |") && markdown.contains("```diff"), "{markdown}");

    let history: Value =
        serde_json::from_str(&says(&daemon.command(&["history", SHOP, "-o", "json"]), 0)).expect("JSON");
    let entries = history["history"].as_array().expect("a list");
    assert_eq!(entries.len(), 2);
    for entry in entries {
        assert_eq!((&entry["outcome"], &entry["kind"]), (&json!("succeeded"), &json!("sync")));
        assert!(
            entry["by"]["name"].as_str().is_some_and(|name| name.contains('@')) && entry["seconds"].is_number(),
            "{entry}"
        );
    }
    assert_eq!(entries[0]["revision"], json!(second));
}

#[test]
fn a_difference_of_secrets_shows_which_value_changes_and_none_of_them() {
    let scene = Scene::new("masked");
    let canary = |word: &str| format!("canary-{word}-0123456789");
    let secret = |password: &str| {
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{ name: db }}\nstringData: {{ user: shop, password: {password} }}\n"
        )
    };
    scene.deploy(&[("db.yaml", secret(&canary("one")))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded").seq();
    scene.deploy(&[("db.yaml", secret(&canary("two")))], "two");
    let last = daemon.expect_after(first, "SyncSucceeded").seq();
    for form in ["text", "json", "markdown"] {
        let (from, to) = (first.to_string(), last.to_string());
        let said = says(&daemon.command(&["diff", SHOP, "--from", &from, "--to", &to, "-o", form]), 1);
        assert!(said.contains("password: (masked, after)") && said.contains("user: (masked)"), "{said}");
        assert!(!said.contains("canary") && !said.contains("Y2FuYXJ5"), "{said}");
    }
}

#[test]
fn a_signed_hook_makes_the_daemon_look_at_once_and_a_forged_one_does_not() {
    let scene = Scene::new("hooks");
    deploy(&scene, "one");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hook");
    fs::write(&file, "the secret of the hook").expect("a file");
    fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("a file of ours");
    let settings =
        scene.settings().with_repository("poll", "1h").with_repository("hook", json!({ "secretFile": file }));
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded").seq();
    deploy(&scene, "two");
    let hook = |repository: &str, secret: &str| {
        daemon.post(&format!("/hooks/{repository}"), &[("x-gitlab-token", secret)], "{\"ref\": \"refs/heads/none\"}").0
    };
    assert_eq!((hook(SHOP, "another secret of a hook"), hook("other", "the secret of the hook")), (401, 404));
    assert_eq!(daemon.events_after(first, SHOP), [], "nothing looked by itself");
    assert_eq!(hook(SHOP, "the secret of the hook"), 202);
    daemon.expect_after(first, "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
}

#[test]
fn a_difference_to_a_branch_is_what_a_sync_would_do_and_writes_nothing() {
    let scene = Scene::new("preview");
    let proxy = Proxy::before(&scene.cluster);
    let canary = |word: &str| format!("canary-{word}-0123456789");
    let secret = |password: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{ name: db }}\nstringData: {{ password: {password} }}\n")
    };
    let files = |value: &str, more: &'static str, password: &str| {
        [
            ("settings.yaml", config_map("settings", value)),
            ("constant.yaml", config_map("constant", "same")),
            (more, config_map(more.trim_end_matches(".yaml"), "here")),
            ("db.yaml", secret(&canary(password))),
        ]
    };
    let main = scene.deploy(&files("one", "old.yaml", "one"), "one");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let daemon = Daemon::start(&settings.application(SHOP, SHOP, "app", scene.namespace.name()));
    let synced = daemon.expect("SyncSucceeded").seq();
    says(&daemon.command(&["diff", SHOP]), 0);
    says(&daemon.command(&["diff", SHOP, "--revision", &main[..10]]), 0);

    scene.repository.switch("feature");
    let feature = scene.deploy(&files("two", "new.yaml", "two"), "two");
    scene.repository.switch("main");
    let before = (proxy.count(), daemon.newest());
    // The commit first: it is not in the mirror yet, and no branch that is followed has it.
    for wanted in [feature.as_str(), "feature", &feature[..9]] {
        let output = daemon.command(&["diff", SHOP, "--revision", wanted, "-o", "json"]);
        let said = says(&output, 1);
        let difference: Value = serde_json::from_str(&said).expect("JSON");
        let mut changes: Vec<(String, String)> = difference["objects"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|object| (object["object"].to_string(), object["change"].to_string()))
            .map(|(object, change)| {
                (object.rsplit('/').next().unwrap_or_default().replace('"', ""), change.replace('"', ""))
            })
            .collect();
        changes.sort();
        let expected = [("db", "changed"), ("new", "created"), ("old", "pruned"), ("settings", "changed")];
        assert_eq!(changes, expected.map(|(object, change)| (object.to_owned(), change.to_owned())), "{wanted}");
        assert_eq!((&difference["unchanged"], &difference["to"]["revision"]), (&json!(1), &json!(feature)));
        assert!(!said.contains("canary") && !said.contains("Y2FuYXJ5"), "{said}");
    }
    let text = says(&daemon.command(&["diff", SHOP, "--revision", "feature"]), 1);
    assert!(
        text.contains("-  value: one") && text.contains("+  value: two") && text.contains("(masked, after)"),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
    let asked = proxy.writes(before.0);
    assert!(asked.len() >= 3 * 4, "{asked:?}");
    for request in asked {
        assert!(request.query.contains("dryRun=All"), "{request:?}");
    }
    let secrets = proxy.other_than_watches(before.0).into_iter().filter(|request| request.path.contains("/secrets/"));
    assert_eq!(secrets.count(), 0, "a live Secret is not asked for");
    assert_eq!((daemon.newest(), scene.value_of("settings").as_deref()), (before.1, Some("one")), "nothing came of it");

    says(&daemon.command(&["diff", SHOP, "--revision", "nowhere"]), 2);
    says(&daemon.command(&["diff", "nothing"]), 2);
    // What somebody changed is told by a difference to what is desired.
    scene.cluster.patch(&scene.object("ConfigMap:constant"), &json!({ "data": { "other": "by hand" } }));
    says(&daemon.command(&["diff", SHOP]), 0);
    proxy.cut();
    says(&daemon.command(&["diff", SHOP]), 2);
    proxy.restore();
    assert_eq!(daemon.events_after(synced, SHOP).iter().filter(|event| event.kind() == "SyncStarted").count(), 0);
}
