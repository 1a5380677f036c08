//! Taking over what others applied: no object is deleted or made anew, and no field of theirs stays behind.

use serde_json::{Value, json};
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{GOOD_IMAGE, healthy, service, yaml};
use taffrail_tests::scene::Scene;

/// How somebody applied an object before us.
enum Tool {
    /// `kubectl apply`: an update, and a note of what was applied.
    Kubectl,
    /// Helm and Argo CD without server-side apply: an update under this name.
    Update(&'static str),
    /// Flux, and Argo CD with server-side apply: an apply under this name.
    Apply(&'static str),
}

const COUNT: usize = 24;

/// Objects of several kinds, each with a field that Git does not have.
fn theirs(namespace: &str) -> Vec<Value> {
    (0..COUNT)
        .map(|index| {
            let name = format!("thing-{index}");
            let labels = json!({ "theirs": "stale", "app": name });
            let metadata = json!({ "name": name, "namespace": namespace, "labels": labels });
            match index % 4 {
                0 => json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata,
                             "data": { "value": "theirs", "stale": "theirs" } }),
                1 => json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata,
                             "data": { "value": "dGhlaXJz", "stale": "dGhlaXJz" } }),
                2 => json!({ "apiVersion": "v1", "kind": "Service", "metadata": metadata,
                             "spec": { "selector": { "app": name },
                                       "ports": [{ "name": "a", "port": 80 }, { "name": "stale", "port": 81 }] } }),
                _ => json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
                             "spec": { "replicas": 1, "selector": { "matchLabels": { "app": name } },
                                       "template": { "metadata": { "labels": { "app": name, "stale": "theirs" } },
                                       "spec": { "terminationGracePeriodSeconds": 1,
                                                 "containers": [{ "name": "main", "image": GOOD_IMAGE,
                                                    "env": [{ "name": "STALE", "value": "theirs" }] }] } } } }),
            }
        })
        .collect()
}

/// The same objects as Git has them.
fn ours(value: &str) -> Vec<(String, String)> {
    let text = |index: usize, name: &str| match index % 4 {
        0 => yaml(&json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
                           "data": { "value": value } })),
        1 => yaml(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name },
                           "stringData": { "value": value } })),
        2 => service(name, 80).replace("\"port\"", "\"name\": \"a\", \"port\""),
        _ => healthy(name, GOOD_IMAGE),
    };
    (0..COUNT).map(|index| (format!("{index}.yaml"), text(index, &format!("thing-{index}")))).collect()
}

fn objects(scene: &Scene) -> Vec<String> {
    let kinds = ["ConfigMap", "Secret", "Service", "apps/Deployment"];
    (0..COUNT).map(|index| scene.object(&format!("{}:thing-{index}", kinds[index % 4]))).collect()
}

fn takes_over_from(name: &str, tool: &Tool) {
    let scene = Scene::new(name);
    for mut manifest in theirs(scene.namespace.name()) {
        match tool {
            Tool::Kubectl => {
                let note = json!({ "kubectl.kubernetes.io/last-applied-configuration": manifest.to_string() });
                manifest["metadata"]["annotations"] = note;
                scene.cluster.create_as("kubectl-client-side-apply", &manifest)
            }
            Tool::Update(manager) => scene.cluster.create_as(manager, &manifest),
            Tool::Apply(manager) => scene.cluster.apply_as(manager, &manifest),
        }
        .expect("they made it");
    }
    let objects = objects(&scene);
    let uids: Vec<String> = objects.iter().map(|object| scene.cluster.uid(object)).collect();

    let deploy = |value: &str| {
        let files = ours(value);
        let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        scene.deploy(&files, value)
    };
    deploy("one");
    let daemon = Daemon::start(&scene.settings().with("adopt", true));
    let first = daemon.expect("SyncSucceeded");
    let adopted = daemon.events().iter().filter(|event| event.kind() == "ObjectAdopted").count();
    assert_eq!(adopted, COUNT, "each is taken over by an event of its own");
    deploy("two");
    daemon.expect_after(first.seq(), "SyncSucceeded");

    for (object, uid) in objects.iter().zip(&uids) {
        let live = scene.cluster.get(object);
        assert_eq!(live["metadata"]["uid"].as_str(), Some(uid.as_str()), "{object} is not made anew");
        let mut shown = live.clone();
        shown["metadata"]["managedFields"] = Value::Null;
        shown["status"] = Value::Null;
        let text = shown.to_string();
        assert!(!text.to_lowercase().contains("stale"), "{object} keeps nothing of theirs: {text}");
        assert!(!text.contains("last-applied"), "{object}: {text}");
    }
    assert!(daemon.events().iter().all(|event| !matches!(event.kind(), "ObjectGone" | "ObjectPruned")));
}

#[test]
fn what_kubectl_applied_is_taken_over() {
    takes_over_from("from-kubectl", &Tool::Kubectl);
}

#[test]
fn what_helm_installed_is_taken_over() {
    takes_over_from("from-helm", &Tool::Update("helm"));
}

#[test]
fn what_argo_cd_applied_is_taken_over() {
    takes_over_from("from-argo", &Tool::Apply("argocd-controller"));
}

#[test]
fn what_argo_cd_updated_is_taken_over() {
    takes_over_from("from-argo-update", &Tool::Update("argocd-controller"));
}

#[test]
fn what_flux_applied_is_taken_over() {
    takes_over_from("from-flux", &Tool::Apply("kustomize-controller"));
}
