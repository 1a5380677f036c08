//! Whose it is: two daemons, somebody else's objects, two applications.

use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::program;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

#[test]
fn a_second_daemon_on_the_same_folder_stops_and_the_first_goes_on() {
    let scene = Scene::new("second");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");

    let second = daemon.second();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("in use by another daemon"), "{said}");
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    assert_eq!(daemon.events().iter().filter(|event| event.kind() == "DaemonStarted").count(), 1);
}

#[test]
fn an_address_that_is_taken_is_said_before_anything_is_done() {
    let scene = Scene::new("address");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it listens").to_string();
    let folder = program::temporary();
    let mut settings = scene.settings();
    settings.0["listen"] = address.as_str().into();
    std::fs::write(folder.path().join("taffrail.yaml"), settings.text()).expect("a file");
    let refused = program::command().arg("run").current_dir(folder.path()).output().expect("the program starts");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains(&address), "{said}");
    assert_eq!(scene.value_of("settings"), None);
}

#[test]
fn an_object_of_somebody_else_is_refused_and_stays_untouched() {
    let scene = Scene::new("foreign");
    let object = scene.object("ConfigMap:settings");
    let theirs = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings", "namespace": scene.namespace.name() },
        "data": { "value": "theirs" },
    });
    scene.cluster.create(&theirs).expect("made by hand");
    let before = scene.cluster.get(&object);
    scene.deploy(
        &[("settings.yaml", config_map("settings", "ours")), ("other.yaml", config_map("other", "ours"))],
        "ours",
    );
    let daemon = Daemon::start(&scene.settings().with("sync/timeout", "5s"));
    let failed = daemon.expect("SyncFailed");
    let reason = failed.reason_of(&object).expect("a reason");
    assert!(
        reason.contains("not made by")
            || reason.contains("foreign")
            || reason.contains("somebody else")
            || reason.contains("belongs"),
        "{reason}"
    );
    daemon.expect_after(failed.seq(), "SyncHeld");
    wait::throughout(Duration::from_secs(2), || assert_eq!(scene.cluster.get(&object), before));

    // Git gives it up again: what was never ours is not deleted either.
    scene.deploy(&[("other.yaml", config_map("other", "ours"))], "without it");
    daemon.expect_after(failed.seq(), "SyncSucceeded");
    wait::throughout(Duration::from_secs(1), || assert_eq!(scene.cluster.get(&object), before));
}

#[test]
fn of_two_applications_that_want_one_object_the_second_fails_and_names_the_first() {
    let scene = Scene::new("two-owners");
    scene.deploy_to("app", &[("settings.yaml", config_map("settings", "first"))], "first");
    scene.deploy_to("other", &[("settings.yaml", config_map("settings", "second"))], "second");
    let settings = scene.settings();
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");
    let object = scene.object("ConfigMap:settings");
    let before = scene.cluster.get(&object);

    let both = settings.application("late", SHOP, "other", scene.namespace.name()).with("sync/timeout", "5s");
    daemon.configure(&both);
    daemon.expect_after(first.seq(), "ConfigurationChanged");
    let failed = daemon.expect_of("late", first.seq(), "SyncFailed");
    let reason = failed.reason_of(&object).expect("a reason");
    assert!(reason.contains(SHOP), "it names the owner: {reason}");
    assert_eq!(scene.cluster.get(&object), before);
    // The first owner is not disturbed.
    scene.deploy_to("app", &[("settings.yaml", config_map("settings", "changed"))], "changed");
    daemon.expect_of(SHOP, failed.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("changed"));
}

#[test]
fn an_application_that_leaves_the_configuration_leaves_its_objects() {
    let scene = Scene::new("leaves");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = scene.settings();
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");
    let object = scene.object("ConfigMap:settings");
    let before = scene.cluster.get(&object);

    let nothing = Settings::new(scene.cluster.kubeconfig());
    daemon.configure(&nothing);
    let left = daemon.expect_after(first.seq(), "ConfigurationChanged");
    let removed = daemon.expect_after(left.seq(), "ApplicationRemoved");
    assert_eq!(removed.field("/objects"), &json!(1));
    wait::soon("it is shown as removed", || {
        let shown = daemon.application(SHOP);
        (shown["removed"] == json!(left.seq())).then_some(())
    });
    wait::throughout(Duration::from_secs(2), || assert_eq!(scene.cluster.get(&object), before));
    // It comes back to what it has.
    daemon.configure(&settings);
    daemon.expect_after(left.seq(), "ConfigurationChanged");
    wait::soon("it is healthy", || {
        let (status, application) = daemon.get("/applications/shop");
        (status == 200 && application.contains("\"health\":\"Healthy\"")).then_some(())
    });
    assert_eq!(scene.cluster.get(&object), before);
    let since = daemon.events_after(removed.seq(), SHOP);
    assert!(since.is_empty(), "{since:?}");
}

#[test]
fn the_objects_of_an_application_that_left_are_deleted_or_left_to_nobody_by_order() {
    let scene = Scene::new("removed");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = scene.settings();
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");
    let object = scene.object("ConfigMap:settings");
    let uid = scene.cluster.uid(&object);
    let remove = |choice: &str| {
        let output = daemon.command(&["remove", SHOP, choice, "--reason", "it moved"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    assert!(!daemon.command(&["remove", SHOP, "--prune", "--reason", "it moved"]).status.success());

    let nothing = Settings::new(scene.cluster.kubeconfig());
    daemon.configure(&nothing);
    daemon.expect_after(first.seq(), "ApplicationRemoved");
    remove("--orphan");
    let orphaned = daemon.expect_after(first.seq(), "RemovalFinished");
    assert_eq!(scene.cluster.uid(&object), uid);
    wait::soon("it is not shown any more", || (daemon.get("/applications/shop").0 == 404).then_some(()));

    // It is found again by its mark.
    daemon.configure(&settings);
    let back = daemon.expect_after(orphaned.seq(), "SyncSucceeded");
    assert_eq!(scene.cluster.uid(&object), uid);
    daemon.configure(&nothing);
    daemon.expect_after(back.seq(), "ApplicationRemoved");
    remove("--prune");
    let pruned = daemon.expect_after(back.seq(), "ObjectPruned");
    assert_eq!((pruned.object(), pruned.text("/uid")), (object.as_str(), uid.as_str()));
    daemon.expect_after(pruned.seq(), "RemovalFinished");
    assert_eq!(scene.cluster.find(&object), None);
}

#[test]
fn an_object_that_somebody_deleted_is_made_anew_when_it_changes() {
    let scene = Scene::new("deleted");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let object = scene.object("ConfigMap:settings");
    let uid = scene.cluster.uid(&object);
    scene.cluster.delete(&object);
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    let applied = daemon.expect_after(first.seq(), "ObjectApplied");
    assert_eq!((applied.field("/created"), applied.text("/uid")), (&json!(true), scene.cluster.uid(&object).as_str()));
    assert_ne!(applied.text("/uid"), uid);
}

#[test]
fn an_object_of_another_installation_is_refused_and_its_owner_named() {
    let scene = Scene::new("installations");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let first = Daemon::start(&scene.settings());
    first.expect("SyncSucceeded");
    let installation = first.expect("JournalCreated").text("/installation").to_owned();
    let object = scene.object("ConfigMap:settings");
    let before = scene.cluster.get(&object);

    // Its claims lie elsewhere, so that nothing but the object's mark tells.
    let mut settings = scene.settings().with("sync/timeout", "4s");
    let elsewhere = scene.cluster.namespace(&program::unique("elsewhere"));
    settings.0["cluster"]["claims"] = elsewhere.name().into();
    let second = Daemon::start(&settings);
    let failed = second.expect("SyncFailed");
    let reason = failed.reason_of(&object).expect("a reason");
    assert!(reason.contains(&installation), "{reason}");
    second.expect_after(failed.seq(), "SyncHeld");
    assert_eq!(scene.cluster.get(&object), before);
}
