//! Objects that do not change as others do: Jobs, fields that may not change, Secrets' `stringData`, lists with double
//! keys, objects without a name, and what says itself when it is pruned.

use serde_json::{Value, json};
use taffrail_tests::cluster::text;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, config_map, deployment, healthy, yaml};
use taffrail_tests::proxy::{Act, Proxy};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

/// A Job whose pod runs for a moment.
fn job(image: &str, annotations: &Value, ttl: Option<u32>) -> String {
    let mut job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "migrate" },
        "spec": { "backoffLimit": 0, "template": {
            "metadata": { "annotations": annotations },
            "spec": { "containers": [{ "name": "main", "image": image }], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1 },
        } },
    });
    if let Some(ttl) = ttl {
        job["spec"]["ttlSecondsAfterFinished"] = ttl.into();
    }
    yaml(&job)
}

fn quick() -> Value {
    json!({ "sim/job-run": "200ms" })
}

fn annotated(manifest: &str, key: &str, value: &str) -> String {
    let mut manifest: Value = serde_json::from_str(manifest).expect("the tests' manifests are JSON");
    manifest["metadata"]["annotations"][key] = value.into();
    yaml(&manifest)
}

/// The events of one kind about an object.
fn about(daemon: &Daemon, kind: &str, object: &str) -> Vec<Event> {
    daemon.events().into_iter().filter(|event| event.kind() == kind && event.object() == object).collect()
}

#[test]
fn a_job_with_a_new_image_is_deleted_and_made_anew() {
    let scene = Scene::new("job-image");
    let migrate = scene.object("batch/Job:migrate");
    scene.deploy(&[("job.yaml", job(GOOD_IMAGE, &quick(), None))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let uid = scene.cluster.uid(&migrate);

    scene.deploy(&[("job.yaml", job(BETTER_IMAGE, &quick(), None))], "two");
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    let new = scene.cluster.get(&migrate);
    assert_eq!(text(&new, "/spec/template/spec/containers/0/image"), BETTER_IMAGE);
    assert_eq!(new["status"]["succeeded"], 1, "the gate waited for its end");
    assert_ne!(text(&new, "/metadata/uid"), uid);
    let deleted = about(&daemon, "ObjectPruned", &migrate);
    assert_eq!(deleted.len(), 1);
    assert_eq!((deleted[0].text("/uid"), deleted[0].sync()), (uid.as_str(), second.sync()));
    assert_eq!(about(&daemon, "ObjectApplied", &migrate).len(), 2);
    let pods = scene.cluster.list("Pod", Some(scene.namespace.name()));
    assert!(pods.iter().all(|pod| text(pod, "/spec/containers/0/image") == BETTER_IMAGE), "the old ones go with it");
}

#[test]
fn a_job_that_its_ttl_deleted_is_not_run_again_and_counts_as_healthy() {
    let scene = Scene::new("job-ttl");
    let migrate = scene.object("batch/Job:migrate");
    let files = |value: &str| {
        [("job.yaml", job(GOOD_IMAGE, &quick(), Some(1))), ("settings.yaml", config_map("settings", value))]
    };
    scene.deploy(&files("one"), "one");
    let mut daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    wait::soon("the TTL deletes the Job", || scene.cluster.find(&migrate).is_none().then_some(()));

    scene.deploy(&files("two"), "two");
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    daemon.restart();
    scene.deploy(&files("three"), "three");
    daemon.expect_after(second.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("three"));
    assert_eq!(about(&daemon, "ObjectApplied", &migrate).len(), 1, "it ran once");
    assert_eq!(scene.cluster.find(&migrate), None);
    let shown = daemon.application(SHOP);
    assert_eq!((text(&shown, "/sync"), text(&shown, "/health")), ("Synced", "Healthy"), "{shown:#}");
}

#[test]
fn a_revert_does_not_run_the_old_job_again() {
    let scene = Scene::new("job-revert");
    let migrate = scene.object("batch/Job:migrate");
    scene.deploy(&[("job.yaml", job(GOOD_IMAGE, &quick(), None)), ("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");

    let fails = json!({ "sim/job-run": "200ms", "sim/job-fail": "true" });
    scene.deploy(&[("job.yaml", job(BETTER_IMAGE, &fails, None)), ("api.yaml", healthy("api", BETTER_IMAGE))], "bad");
    let failed = daemon.expect_after(first.seq(), "GateFailed");
    assert!(failed.text("/verdict").contains(&migrate), "a failed Job fails the gate: {failed:?}");
    daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
    assert_eq!(about(&daemon, "ObjectApplied", &migrate).len(), 2, "each manifest ran once");
    assert_eq!(scene.cluster.find(&migrate), None, "what the failed state ran is gone, and nothing runs in its place");
}

#[test]
fn a_job_that_is_replaced_runs_once_although_the_daemon_is_killed_in_the_middle() {
    let scene = Scene::new("job-killed");
    let proxy = Proxy::before(&scene.cluster);
    let migrate = scene.object("batch/Job:migrate");
    scene.deploy(&[("job.yaml", job(GOOD_IMAGE, &quick(), None))], "one");
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let mut daemon = Daemon::start(&settings.application(SHOP, SHOP, "app", scene.namespace.name()));
    let first = daemon.expect("SyncSucceeded");
    let old = scene.cluster.uid(&migrate);

    // Deleted, and not yet heard of.
    let stuck = proxy.always(Act::HoldAnswer, |seen| seen.method == "DELETE");
    scene.deploy(&[("job.yaml", job(BETTER_IMAGE, &quick(), None))], "two");
    stuck.wait_for_hits(1);
    daemon.kill_9();
    stuck.lift();
    wait::soon("the old Job is gone", || {
        scene.cluster.find(&migrate).is_none_or(|found| text(&found, "/metadata/uid") != old).then_some(())
    });
    // Made, and not yet heard of.
    let stuck = proxy.always(Act::HoldAnswer, |seen| seen.is_write() && seen.body.contains(BETTER_IMAGE));
    daemon.start_again();
    stuck.wait_for_hits(1);
    let new = wait::soon("the new Job", || scene.cluster.find(&migrate));
    daemon.kill_9();
    stuck.lift();
    daemon.start_again();
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.cluster.uid(&migrate), text(&new, "/metadata/uid"), "it was found, and not made again");
    assert_eq!(about(&daemon, "ObjectApplied", &migrate).len(), 2);
}

#[test]
fn a_key_that_is_removed_from_string_data_is_removed_from_the_secret() {
    let scene = Scene::new("string-data");
    let secret = |data: Value| {
        yaml(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "keys" }, "stringData": data }))
    };
    scene.deploy(&[("keys.yaml", secret(json!({ "kept": "a", "dropped": "b" })))], "two keys");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("keys.yaml", secret(json!({ "kept": "a" })))], "one key");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.cluster.get(&scene.object("Secret:keys"))["data"], json!({ "kept": "YQ==" }));
}

#[test]
fn an_object_whose_immutable_field_changes_is_made_anew_only_when_its_manifest_says_so() {
    let scene = Scene::new("immutable");
    let deployment = scene.object("apps/Deployment:api");
    let service = scene.object("Service:api");
    let select = |app: &str| {
        let mut manifest: Value = serde_json::from_str(&healthy("api", GOOD_IMAGE)).expect("JSON");
        manifest["spec"]["selector"]["matchLabels"]["app"] = app.into();
        manifest["spec"]["template"]["metadata"]["labels"]["app"] = app.into();
        yaml(&manifest)
    };
    let headless = |is: bool| {
        let mut manifest: Value = serde_json::from_str(&taffrail_tests::manifests::service("api", 80)).expect("JSON");
        if is {
            manifest["spec"]["clusterIP"] = "None".into();
        }
        yaml(&manifest)
    };
    scene.deploy(&[("api.yaml", select("one")), ("service.yaml", headless(false))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let uids = [scene.cluster.uid(&deployment), scene.cluster.uid(&service)];

    scene.deploy(&[("api.yaml", select("two")), ("service.yaml", headless(true))], "two");
    let failed = daemon.expect_after(first.seq(), "SyncFailed");
    for object in [&deployment, &service] {
        let reason = failed.reason_of(object).expect("a reason");
        assert!(reason.contains("set the annotation taffrail.dev/replace: \"true\""), "{reason}");
    }
    daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!([scene.cluster.uid(&deployment), scene.cluster.uid(&service)], uids, "nothing was deleted");

    let replaced = |manifest: String| annotated(&manifest, "taffrail.dev/replace", "true");
    let files = [("api.yaml", replaced(select("two"))), ("service.yaml", replaced(headless(true)))];
    scene.deploy(&files, "two, replaced");
    let second = daemon.expect_after(failed.seq(), "SyncSucceeded");
    for (object, uid) in [(&deployment, &uids[0]), (&service, &uids[1])] {
        let started = about(&daemon, "ObjectReplaceStarted", object);
        assert_eq!(started.len(), 1);
        assert_eq!((started[0].text("/uid"), started[0].sync()), (uid.as_str(), second.sync()));
        let deleted = about(&daemon, "ObjectPruned", object);
        assert_eq!((deleted.len(), deleted[0].text("/uid")), (1, uid.as_str()));
        assert_ne!(scene.cluster.uid(object), *uid);
    }
    assert_eq!(text(&scene.cluster.get(&deployment), "/spec/selector/matchLabels/app"), "two");
    assert_eq!(text(&scene.cluster.get(&service), "/spec/clusterIP"), "None");
}

#[test]
fn a_claim_is_only_replaced_when_its_manifest_says_that_the_data_may_go() {
    let scene = Scene::new("replace-claim");
    let data = scene.object("PersistentVolumeClaim:data");
    let claim = |mode: &str| {
        yaml(&json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
            "spec": { "accessModes": [mode], "resources": { "requests": { "storage": "1Gi" } } },
        }))
    };
    scene.deploy(&[("data.yaml", claim("ReadWriteOnce"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let uid = scene.cluster.uid(&data);

    let replaced = annotated(&claim("ReadWriteMany"), "taffrail.dev/replace", "true");
    scene.deploy(&[("data.yaml", replaced)], "two");
    let failed = daemon.expect_after(first.seq(), "SyncFailed");
    let reason = failed.reason_of(&data).expect("a reason");
    assert!(reason.contains("it holds data: set the annotation taffrail.dev/replace: delete-data"), "{reason}");
    daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(scene.cluster.uid(&data), uid);

    let replaced = annotated(&claim("ReadWriteMany"), "taffrail.dev/replace", "delete-data");
    scene.deploy(&[("data.yaml", replaced)], "three");
    daemon.expect_after(failed.seq(), "SyncSucceeded");
    let new = scene.cluster.get(&data);
    assert_ne!(text(&new, "/metadata/uid"), uid);
    assert_eq!(new["spec"]["accessModes"], json!(["ReadWriteMany"]));
}

#[test]
fn what_manifests_ask_for_and_nobody_understands_is_refused_with_the_reason() {
    let scene = Scene::new("asked");
    let mut nameless: Value = serde_json::from_str(&job(GOOD_IMAGE, &quick(), None)).expect("JSON");
    nameless["metadata"] = json!({ "generateName": "migrate-" });
    scene.deploy(&[("job.yaml", yaml(&nameless))], "one");
    let daemon = Daemon::start(&scene.settings());
    let failed = daemon.expect("RenderFailed");
    let errors = failed.texts("/errors");
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert!(error.contains("app/job.yaml:1:1: an object here has no metadata.name (with generateName"), "{error}");

    let misspelt =
        |name: &str, key: &str| (format!("{name}.yaml"), annotated(&config_map(name, "one"), key, "disable"));
    let files = [misspelt("a", "taffrail.dev/prune"), misspelt("b", "taffrail.dev/purne")];
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    scene.deploy(&files, "two");
    let failed = daemon.expect_after(failed.seq(), "RenderFailed");
    let errors = failed.texts("/errors");
    let [value, key] = errors.as_slice() else { panic!("both are told: {errors:?}") };
    assert!(value.contains(&scene.object("ConfigMap:a")) && value.contains("did you mean disabled?"), "{value}");
    assert!(key.contains(&scene.object("ConfigMap:b")) && key.contains("did you mean prune?"), "{key}");
    assert!(scene.cluster.list("ConfigMap", Some(scene.namespace.name())).len() <= 1, "besides the cluster's own");
    assert!(scene.cluster.list("batch/Job", Some(scene.namespace.name())).is_empty());
}

#[test]
fn double_keys_of_a_list_are_refused_with_a_word_about_it() {
    let scene = Scene::new("double");
    let mut double: Value = serde_json::from_str(&deployment("api", GOOD_IMAGE, &[])).expect("JSON");
    let port = json!({ "containerPort": 80, "protocol": "TCP" });
    double["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([port, port]);
    scene.deploy(&[("api.yaml", yaml(&double))], "one");
    let daemon = Daemon::start(&scene.settings());
    let failed = daemon.expect("SyncFailed");
    let reason = failed.reason_of(&scene.object("apps/Deployment:api")).expect("a reason");
    assert!(reason.contains("server-side apply refuses duplicates that a plain apply takes"), "{reason}");
}

#[test]
fn an_annotation_says_whether_an_object_is_pruned_before_after_or_never() {
    let scene = Scene::new("prune-when");
    let [before, after, kept] =
        ["ConfigMap:before", "ConfigMap:after", "ConfigMap:kept"].map(|name| scene.object(name));
    let prune = |name: &str, when: &str| annotated(&config_map(name, "one"), "taffrail.dev/prune", when);
    let all = [
        ("before.yaml", prune("before", "before")),
        ("after.yaml", prune("after", "after")),
        ("kept.yaml", prune("kept", "disabled")),
        ("settings.yaml", config_map("settings", "one")),
        // So few of all objects go that no limit holds.
        ("a.yaml", config_map("a", "one")),
        ("b.yaml", config_map("b", "one")),
        ("c.yaml", config_map("c", "one")),
        ("d.yaml", config_map("d", "one")),
    ];
    scene.deploy(&all, "all");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");

    let [.., a, b, c, d] = all;
    scene.deploy(&[("settings.yaml", config_map("settings", "two")), a, b, c, d], "without");
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    let seq = |kind: &str, object: &str| {
        let found = about(&daemon, kind, object).into_iter().filter(|event| event.sync() == second.sync());
        let found: Vec<u64> = found.map(|event| event.seq()).collect();
        let [seq] = found.as_slice() else { panic!("one {kind} of {object}: {found:?}") };
        *seq
    };
    let passed = daemon.expect_after(first.seq(), "GatePassed").seq();
    assert!(seq("ObjectPruned", &before) < seq("ObjectApplied", &scene.object("ConfigMap:settings")));
    assert!(passed < seq("ObjectPruned", &after));
    assert_eq!(second.texts("/held"), [kept.as_str()]);
    assert!(about(&daemon, "ObjectPruned", &kept).is_empty());
    assert!(scene.cluster.find(&kept).is_some());
    assert_eq!((scene.cluster.find(&before), scene.cluster.find(&after)), (None, None));
    let shown = daemon.application(SHOP);
    let objects = shown["objects"].as_array().expect("a list");
    assert!(objects.iter().all(|object| object["object"] != kept.as_str()), "it is nobody's: {shown:#}");
}
