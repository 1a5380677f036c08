//! Drift: what people and controllers change, remove, delete and replace behind our back, by kubectl itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use taffrail_tests::cluster::text;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::{Event, kinds};
use taffrail_tests::kubectl::Kubectl;
use taffrail_tests::manifests::{GOOD_IMAGE, config_map, healthy, yaml};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::wait;

fn kubectl(scene: &Scene) -> Kubectl {
    Kubectl::new(scene.cluster.kubeconfig(), scene.namespace.name())
}

/// A ConfigMap with a label and an annotation besides its value.
fn decorated(name: &str) -> String {
    yaml(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": { "value": "one" },
        "metadata": { "name": name, "labels": { "team": "sails" }, "annotations": { "note": "kept" } },
    }))
}

/// The event that says how an object differs, and the one that says that it does no more.
fn mended(daemon: &Daemon, after: u64, object: &str) -> (Event, Event) {
    let about = |event: &Event| event.object() == object;
    let detected = daemon.expect_where(after, "DriftDetected", wait::SOON, about);
    let healed = daemon.expect_where(detected.seq(), "DriftHealed", wait::SOON, about);
    assert_eq!(detected.field("/heal"), &json!(true));
    assert_eq!(healed.sync(), Some(detected.seq()), "the heal bears the number of its intent");
    let events = daemon.events_after(detected.seq(), SHOP);
    let written = events.iter().find(|event| event.kind() == "ObjectApplied" && about(event));
    assert_eq!(written.and_then(Event::sync), Some(detected.seq()), "what is written is what the intent says");
    (detected, healed)
}

/// Each field with its manager, as events list them.
fn fields(event: &Event) -> Vec<(String, String)> {
    let list = event.field("/fields").as_array().expect("fields").iter();
    list.map(|field| (text(field, "/field").to_owned(), text(field, "/manager").to_owned())).collect()
}

#[test]
fn what_kubectl_changes_is_taken_back_and_named() {
    let scene = Scene::new("kubectl");
    scene.deploy(
        &[
            ("edited.yaml", config_map("edited", "one")),
            ("patched.yaml", config_map("patched", "one")),
            ("labelled.yaml", decorated("labelled")),
            ("annotated.yaml", decorated("annotated")),
            ("unmarked.yaml", decorated("unmarked")),
            ("hidden.yaml", decorated("hidden")),
            ("image.yaml", healthy("image", GOOD_IMAGE)),
            ("scaled.yaml", healthy("scaled", GOOD_IMAGE)),
        ],
        "one",
    );
    let daemon = Daemon::start(&scene.settings());
    let synced = daemon.expect("SyncSucceeded").seq();
    let uid = scene.cluster.uid(&scene.object("ConfigMap:hidden"));

    let kubectl = kubectl(&scene);
    kubectl.with_editor("edit configmap edited", "sed -i s/one/edited/");
    kubectl.run(r#"patch configmap patched --type=merge --patch={"data":{"value":"patched"}}"#);
    kubectl.run("label configmap labelled team-");
    kubectl.run("annotate configmap annotated note-");
    kubectl.run("annotate configmap unmarked taffrail.dev/owner-");
    kubectl.run("label configmap hidden taffrail.dev/application-");
    kubectl.run("set image deployment/image main=registry.example.org/other:1");
    kubectl.run("scale deployment scaled --replicas=3");

    let cases = [
        ("ConfigMap:edited", ".data.value", "kubectl-edit", "/data/value", json!("one")),
        ("ConfigMap:patched", ".data.value", "kubectl-patch", "/data/value", json!("one")),
        ("ConfigMap:labelled", ".metadata.labels.team", "", "/metadata/labels/team", json!("sails")),
        ("ConfigMap:annotated", ".metadata.annotations.note", "", "/metadata/annotations/note", json!("kept")),
        (
            "ConfigMap:hidden",
            ".metadata.labels.taffrail.dev/application",
            "",
            "/metadata/labels/taffrail.dev~1application",
            json!(SHOP),
        ),
        (
            "apps/Deployment:image",
            r#".spec.template.spec.containers[name="main"].image"#,
            "kubectl-set",
            "/spec/template/spec/containers/0/image",
            json!(GOOD_IMAGE),
        ),
        ("apps/Deployment:scaled", ".spec.replicas", "kubectl", "/spec/replicas", json!(1)),
    ];
    for (object, field, manager, pointer, value) in cases {
        let object = scene.object(object);
        let (detected, healed) = mended(&daemon, synced, &object);
        let expected = vec![(field.to_owned(), manager.to_owned())];
        assert_eq!(fields(&detected), expected, "{object}");
        assert_eq!(fields(&healed), expected, "{object}");
        assert_eq!(scene.cluster.get(&object).pointer(pointer), Some(&value), "{object}");
    }
    let unmarked = scene.object("ConfigMap:unmarked");
    let (detected, _) = mended(&daemon, synced, &unmarked);
    assert_eq!(fields(&detected), [(".metadata.annotations.taffrail.dev/owner".to_owned(), String::new())]);
    assert!(scene.cluster.get(&unmarked).pointer("/metadata/annotations/taffrail.dev~1owner").is_some());

    assert_eq!(scene.cluster.uid(&scene.object("ConfigMap:hidden")), uid, "what lost its label is not made anew");
    wait::soon("nothing differs", || (daemon.application(SHOP)["sync"] == "Synced").then_some(()));
    // Each is one event, however often it was seen, and nothing else was written.
    let events = daemon.events_after(synced, SHOP);
    for kind in ["DriftDetected", "ObjectApplied", "DriftHealed"] {
        assert_eq!(kinds(&events).iter().filter(|other| **other == kind).count(), 8, "{kind}: {events:?}");
    }
}

#[test]
fn what_somebody_deletes_is_made_anew() {
    let scene = Scene::new("drift-deleted");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let synced = daemon.expect("SyncSucceeded").seq();
    let object = scene.object("ConfigMap:settings");
    let uid = scene.cluster.uid(&object);
    kubectl(&scene).run("delete configmap settings");
    let gone = daemon.expect_after(synced, "ObjectGone");
    assert_eq!((gone.object(), gone.text("/uid")), (object.as_str(), uid.as_str()));
    let (detected, _) = mended(&daemon, gone.seq(), &object);
    assert!(fields(&detected).is_empty());
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
    assert_ne!(scene.cluster.uid(&object), uid);
    assert_eq!(daemon.expect_after(gone.seq(), "ObjectApplied").text("/uid"), scene.cluster.uid(&object));
}

#[test]
fn what_is_held_while_it_is_deleted_is_made_anew_once_it_is_gone() {
    let scene = Scene::new("drift-going");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let synced = daemon.expect("SyncSucceeded").seq();
    let object = scene.object("ConfigMap:settings");
    let kubectl = kubectl(&scene);
    kubectl.run(r#"patch configmap settings --type=merge --patch={"metadata":{"finalizers":["example.org/held"]}}"#);
    kubectl.run("delete configmap settings --wait=false");
    kubectl.run(r#"patch configmap settings --type=merge --patch={"data":{"value":"two"}}"#);
    wait::throughout(Duration::from_secs(2), || {
        assert!(daemon.events_after(synced, SHOP).is_empty(), "{:?}", daemon.events_after(synced, SHOP));
    });
    kubectl.run(r#"patch configmap settings --type=merge --patch={"metadata":{"finalizers":null}}"#);
    mended(&daemon, synced, &object);
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
}

#[test]
fn what_somebody_replaced_is_theirs_and_is_refused() {
    let scene = Scene::new("drift-replaced");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let synced = daemon.expect("SyncSucceeded").seq();
    let object = scene.object("ConfigMap:settings");
    // While nobody looks, so that no heal comes between.
    let mut daemon = daemon;
    daemon.kill_9();
    let kubectl = kubectl(&scene);
    kubectl.run("delete configmap settings");
    kubectl.run("create configmap settings --from-literal=value=theirs");
    let theirs = scene.cluster.get(&object);
    daemon.start_again();
    let gone = daemon.expect_after(synced, "ObjectGone");
    let failed = daemon.expect_after(gone.seq(), "ObjectFailed");
    assert_eq!(failed.object(), object);
    assert!(failed.text("/reason").contains("kubectl-create"), "it names who made it: {failed:?}");
    wait::soon("it is shown", || (daemon.application(SHOP)["sync"] == "Drifted").then_some(()));
    wait::throughout(Duration::from_secs(2), || assert_eq!(scene.cluster.get(&object), theirs));
}

#[test]
fn a_secret_is_mended_and_none_of_its_values_is_told() {
    const VALUES: [&str; 3] = ["drift-canary-one", "drift-canary-two", "drift-canary-theirs"];
    let scene = Scene::new("drift-secret");
    let secret = |name: &str| {
        yaml(&json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name },
            "stringData": { "password": VALUES[0], "token": VALUES[1] },
        }))
    };
    scene.deploy(&[("changed.yaml", secret("changed")), ("removed.yaml", secret("removed"))], "one");
    let daemon = Daemon::start_with_log(&scene.settings(), "trace");
    let synced = daemon.expect("SyncSucceeded").seq();
    let before = scene.cluster.get(&scene.object("Secret:changed"))["data"].clone();
    let kubectl = kubectl(&scene);
    let patch = json!({ "stringData": { "password": VALUES[2] } });
    kubectl.run(&format!("patch secret changed --type=merge --patch={patch}"));
    kubectl.run(r#"patch secret removed --type=merge --patch={"data":{"token":null}}"#);

    let (changed, _) = mended(&daemon, synced, &scene.object("Secret:changed"));
    assert_eq!(fields(&changed), [(".data.password".to_owned(), "kubectl-patch".to_owned())]);
    let (removed, _) = mended(&daemon, synced, &scene.object("Secret:removed"));
    assert_eq!(fields(&removed), [(".data.token".to_owned(), String::new())]);
    for object in ["Secret:changed", "Secret:removed"] {
        assert_eq!(scene.cluster.get(&scene.object(object))["data"], before);
    }
    let encoded: Vec<String> = before.as_object().expect("data").values().map(Value::to_string).collect();
    let told = [daemon.export(), daemon.log(), daemon.application(SHOP).to_string(), daemon.get("/metrics").1];
    for value in VALUES.iter().copied().chain(encoded.iter().map(|value| value.trim_matches('"'))) {
        assert!(told.iter().all(|told| !told.contains(value)), "{value} is told");
    }
}

#[test]
fn without_heal_drift_is_recorded_and_stays_until_it_is_turned_on() {
    let scene = Scene::new("drift-record");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = scene.settings();
    let daemon = Daemon::start(&settings.clone().with("sync/heal", false));
    let synced = daemon.expect("SyncSucceeded").seq();
    let object = scene.object("ConfigMap:settings");
    let kubectl = kubectl(&scene);
    kubectl.run(r#"patch configmap settings --type=merge --patch={"data":{"value":"mine"}}"#);
    let detected = daemon.expect_after(synced, "DriftDetected");
    assert_eq!(detected.field("/heal"), &json!(false));
    // Touched again, it is no other drift.
    kubectl.run(r#"patch configmap settings --type=merge --patch={"data":{"value":"again"}}"#);
    let application = wait::soon("it is shown", || {
        let application = daemon.application(SHOP);
        (application["sync"] == "Drifted").then_some(application)
    });
    assert_eq!(application["objects"][0]["drift"], json!([".data.value (kubectl-patch)"]));
    wait::throughout(Duration::from_secs(2), || {
        assert_eq!(kinds(&daemon.events_after(synced, SHOP)), ["DriftDetected"]);
        assert_eq!(scene.value_of("settings").as_deref(), Some("again"));
    });

    daemon.configure(&settings);
    mended(&daemon, detected.seq(), &object);
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
}

#[test]
fn a_fight_over_a_field_stops_and_names_the_other_until_the_next_commit() {
    let scene = Scene::new("drift-fight");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let synced = daemon.expect("SyncSucceeded").seq();
    let object = scene.object("ConfigMap:settings");

    let over = AtomicBool::new(false);
    let stopped = thread::scope(|scope| {
        let controller = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                if scene.value_of("settings").as_deref() == Some("one") {
                    scene.cluster.patch(&object, &json!({ "data": { "value": "theirs" } }));
                }
                thread::sleep(Duration::from_millis(20));
            }
        });
        // Six heals, and waits of 1, 2, 4, 8 and 16 seconds between them.
        let stopped = daemon.expect_where(synced, "HealStopped", Duration::from_secs(120), |_| true);
        wait::throughout(Duration::from_secs(3), || assert_eq!(scene.value_of("settings").as_deref(), Some("theirs")));
        over.store(true, Ordering::Relaxed);
        controller.join().expect("the controller ends");
        stopped
    });
    assert_eq!(stopped.field("/heals"), &json!(6));
    assert_eq!(fields(&stopped), [(".data.value".to_owned(), "somebody".to_owned())]);
    let events = daemon.events_after(synced, SHOP);
    assert_eq!(kinds(&events).iter().filter(|kind| **kind == "ObjectApplied").count(), 6, "{events:?}");

    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    daemon.expect_after(stopped.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    kubectl(&scene).run(r#"patch configmap settings --type=merge --patch={"data":{"value":"mine"}}"#);
    mended(&daemon, daemon.expect_after(stopped.seq(), "SyncSucceeded").seq(), &object);
}

#[test]
fn a_restarted_daemon_mends_what_was_intended_and_what_happened_meanwhile() {
    let scene = Scene::new("drift-restart");
    scene
        .deploy(&[("settings.yaml", config_map("settings", "one")), ("other.yaml", config_map("other", "one"))], "one");
    let mut daemon = Daemon::start(&scene.settings());
    let synced = daemon.expect("SyncSucceeded").seq();
    let object = scene.object("ConfigMap:settings");
    let theirs = json!({ "data": { "value": "theirs" } });
    scene.cluster.patch(&object, &theirs);
    let (_, healed) = mended(&daemon, synced, &object);
    // The next heal waits for a second: the daemon ends in it.
    scene.cluster.patch(&object, &theirs);
    let detected = daemon.expect_after(healed.seq(), "DriftDetected");
    daemon.kill_9();
    scene.cluster.patch(&scene.object("ConfigMap:other"), &theirs);
    daemon.start_again();
    let again = daemon.expect_where(healed.seq(), "DriftHealed", wait::SOON, |event| event.object() == object);
    assert_eq!(again.sync(), Some(detected.seq()), "it goes on with the intent that it had");
    mended(&daemon, detected.seq(), &scene.object("ConfigMap:other"));
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
    assert_eq!(scene.value_of("other").as_deref(), Some("one"));
}

#[test]
fn a_field_that_was_never_ours_fails_the_sync_unless_conflicts_are_taken() {
    let scene = Scene::new("drift-conflict");
    let with_extra = |extra: Option<&str>| {
        let mut data = json!({ "value": "one" });
        if let Some(extra) = extra {
            data["extra"] = extra.into();
        }
        yaml(&json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": data }))
    };
    scene.deploy(&[("settings.yaml", with_extra(None))], "one");
    let settings = scene.settings().with("onFailure", "hold");
    let daemon = Daemon::start(&settings);
    let synced = daemon.expect("SyncSucceeded").seq();
    let object = scene.object("ConfigMap:settings");
    kubectl(&scene).run(r#"patch configmap settings --type=merge --patch={"data":{"extra":"theirs"}}"#);
    scene.deploy(&[("settings.yaml", with_extra(Some("ours")))], "two");
    let conflicted = daemon.expect_after(synced, "ObjectConflicted");
    assert_eq!(conflicted.field("/conflicts"), &json!([{ "field": ".data.extra", "manager": "kubectl-patch" }]));
    let failed = daemon.expect_after(synced, "SyncFailed");
    let reason = failed.reason_of(&object).expect("a reason");
    assert!(reason.contains(".data.extra") && reason.contains("kubectl-patch"), "{reason}");
    assert_eq!(scene.cluster.get(&object)["data"]["extra"], "theirs");
    let held = daemon.expect_after(failed.seq(), "SyncHeld").seq();

    daemon.configure(&settings.with("sync/conflicts", "take"));
    daemon.expect_after(held, "ConfigurationChanged");
    scene.deploy(&[("settings.yaml", with_extra(Some("ours, now")))], "three");
    daemon.expect_after(held, "SyncSucceeded");
    assert_eq!(scene.cluster.get(&object)["data"]["extra"], "ours, now");
}
