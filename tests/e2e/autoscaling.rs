//! Workloads under a HorizontalPodAutoscaler: `spec.replicas` is the autoscaler's, and is never reset on the way.

use serde_json::{Value, json};
use taffrail_tests::cluster::text;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, deployment, yaml};
use taffrail_tests::scene::Scene;
use taffrail_tests::wait;

/// A Deployment whose pods use half of the cpu that they ask for, which is just what the autoscaler wants.
fn workload(image: &str, replicas: Option<u32>) -> String {
    let mut manifest: Value =
        serde_json::from_str(&deployment("api", image, &[("sim/cpu", "50m")])).expect("the tests' manifests are JSON");
    manifest["spec"]["replicas"] = json!(replicas);
    if replicas.is_none() {
        manifest["spec"].as_object_mut().expect("a mapping").remove("replicas");
    }
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = json!({ "requests": { "cpu": "100m" } });
    yaml(&manifest)
}

fn autoscaler(least: u32) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "api" },
        "spec": {
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "api" },
            "minReplicas": least, "maxReplicas": 6,
            "metrics": [{ "type": "Resource", "resource": {
                "name": "cpu", "target": { "type": "Utilization", "averageUtilization": 50 },
            } }],
        },
    })
}

/// What is seen of the workload.
struct Witness<'s> {
    scene: &'s Scene,
    object: String,
    start: String,
}

impl<'s> Witness<'s> {
    fn new(scene: &'s Scene) -> Self {
        let namespace = scene.cluster.get(&format!("Namespace:{}", scene.namespace.name()));
        let start = text(&namespace, "/metadata/resourceVersion").to_owned();
        Self { scene, object: scene.object("apps/Deployment:api"), start }
    }

    /// The replicas that it ever had, one after the other.
    fn replicas(&self) -> Vec<u64> {
        let versions = self.scene.cluster.versions_since(&self.object, &self.start);
        let mut replicas: Vec<u64> =
            versions.iter().filter_map(|version| version["spec"]["replicas"].as_u64()).collect();
        replicas.dedup();
        replicas
    }

    /// Waits until it has so many.
    fn expect(&self, replicas: u64) {
        wait::soon(&format!("{replicas} replicas"), || {
            (self.scene.cluster.get(&self.object)["spec"]["replicas"] == replicas).then_some(())
        });
    }

    /// Who set the replicas by apply.
    fn appliers(&self) -> Vec<String> {
        let live = self.scene.cluster.get(&self.object);
        let entries = live["metadata"]["managedFields"].as_array().expect("a list").clone();
        let sets = entries
            .into_iter()
            .filter(|entry| entry["operation"] == "Apply" && entry["fieldsV1"]["f:spec"].get("f:replicas").is_some());
        sets.map(|entry| text(&entry, "/manager").to_owned()).collect()
    }
}

/// Somebody else makes an autoscaler, and it has looked at the workload.
fn make_autoscaler(scene: &Scene, least: u32, current: u64) -> String {
    let object = scene.object("autoscaling/HorizontalPodAutoscaler:api");
    let mut manifest = autoscaler(least);
    manifest["metadata"]["namespace"] = scene.namespace.name().into();
    scene.cluster.create(&manifest).unwrap_or_else(|(status, said)| panic!("{status} {said}"));
    wait::soon("the autoscaler sees the workload", || {
        (scene.cluster.get(&object)["status"]["desiredReplicas"] == current).then_some(())
    });
    object
}

#[test]
fn replicas_are_left_to_a_rendered_autoscaler_from_the_start() {
    let scene = Scene::new("hpa-rendered");
    let witness = Witness::new(&scene);
    let files = |image: &str| [("api.yaml", workload(image, Some(1))), ("scaler.yaml", yaml(&autoscaler(2)))];
    scene.deploy(&files(GOOD_IMAGE), "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    witness.expect(2);
    scene.deploy(&files(BETTER_IMAGE), "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.image_of("api"), BETTER_IMAGE);
    assert_eq!(witness.replicas(), [1, 2], "the manifest's once, at its creation, and then the autoscaler's");
    assert!(!witness.appliers().contains(&"taffrail".to_owned()));
    let applied = daemon.expect_where(0, "ObjectApplied", wait::SOON, |event| event.object() == witness.object);
    assert_eq!(applied.field("/autoscaled"), true);
}

#[test]
fn an_autoscaler_that_comes_later_gets_the_replicas_and_gives_them_back_when_it_goes() {
    let scene = Scene::new("hpa-later");
    let witness = Witness::new(&scene);
    let files = |image: &str| [("api.yaml", workload(image, Some(3)))];
    scene.deploy(&files(GOOD_IMAGE), "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    assert_eq!(witness.appliers(), ["taffrail"]);

    // It agrees with what is there, so that it has never set the field.
    let scaler = make_autoscaler(&scene, 2, 3);
    scene.deploy(&files(BETTER_IMAGE), "two");
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(witness.replicas(), [3]);
    assert!(!witness.appliers().contains(&"taffrail".to_owned()), "it was handed over");

    scene.cluster.patch(&scaler, &json!({ "spec": { "minReplicas": 4 } }));
    witness.expect(4);
    scene.deploy(&files(GOOD_IMAGE), "three");
    let third = daemon.expect_after(second.seq(), "SyncSucceeded");
    assert_eq!(witness.replicas(), [3, 4]);

    scene.cluster.delete(&scaler);
    scene.deploy(&files(BETTER_IMAGE), "four");
    daemon.expect_after(third.seq(), "SyncSucceeded");
    witness.expect(3);
    assert_eq!(witness.replicas(), [3, 4, 3]);
    assert!(witness.appliers().contains(&"taffrail".to_owned()), "it is ours again");
    let kinds = ["ObjectFailed", "ObjectConflicted", "SyncFailed"];
    assert!(daemon.events().iter().all(|event| !kinds.contains(&event.kind())));
}

#[test]
fn replicas_may_leave_the_manifest_when_an_autoscaler_comes() {
    let scene = Scene::new("hpa-dropped");
    let witness = Witness::new(&scene);
    scene.deploy(&[("api.yaml", workload(GOOD_IMAGE, Some(3)))], "one");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let files = [("api.yaml", workload(BETTER_IMAGE, None)), ("scaler.yaml", yaml(&autoscaler(2)))];
    scene.deploy(&files, "two");
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.image_of("api"), BETTER_IMAGE);
    assert_eq!(witness.replicas(), [3], "a field that is only dropped would be reset to 1");
}

#[test]
fn an_autoscaler_scales_while_commits_flow() {
    let scene = Scene::new("hpa-flow");
    let witness = Witness::new(&scene);
    let image = |number: u64| format!("registry.example.org/api:1.0.{number}");
    scene.deploy(&[("api.yaml", workload(&image(1), Some(1)))], "1");
    let daemon = Daemon::start(&scene.settings());
    let first = daemon.expect("SyncSucceeded");
    let scaler = make_autoscaler(&scene, 1, 1);
    for number in 2..=5 {
        scene.deploy(&[("api.yaml", workload(&image(number), Some(1)))], &number.to_string());
        scene.cluster.patch(&scaler, &json!({ "spec": { "minReplicas": number } }));
        let revision = scene.repository.head();
        daemon.expect_where(first.seq(), "SyncStarted", wait::SOON, |event| event.text("/revision") == revision);
        witness.expect(number);
    }
    let revision = scene.repository.head();
    let last = daemon.expect_where(first.seq(), "SyncStarted", wait::SOON, |event| event.text("/revision") == revision);
    daemon.expect_where(last.seq(), "SyncSucceeded", wait::SOON, |event| event.sync() == Some(last.seq()));
    assert_eq!(scene.image_of("api"), image(5));
    assert_eq!(witness.replicas(), [1, 2, 3, 4, 5], "never less than the autoscaler asked for");
}
