//! Small manifests.

use serde_json::{Value, json};

/// A ConfigMap with one value.
pub fn config_map(name: &str, value: &str) -> String {
    yaml(&json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name }, "data": { "value": value },
    }))
}

/// A Deployment of one pod, whose annotations tell the simulated kubelet what to do.
pub fn deployment(name: &str, image: &str, annotations: &[(&str, &str)]) -> String {
    let annotations: Value = annotations.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    yaml(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": name },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name }, "annotations": annotations },
                "spec": { "containers": [{ "name": "main", "image": image }], "terminationGracePeriodSeconds": 1 },
            },
        },
    }))
}

/// A Deployment that becomes ready.
pub fn healthy(name: &str, image: &str) -> String {
    deployment(name, image, &[])
}

/// A Deployment that never becomes ready, and never fails either.
pub fn never_ready(name: &str, image: &str) -> String {
    deployment(name, image, &[("sim/not-ready", "true")])
}

/// A Deployment whose container crashes every second.
pub fn crashing(name: &str, image: &str) -> String {
    deployment(name, image, &[("sim/crashloop", "true"), ("sim/crash-period", "1s")])
}

/// An image that is there.
pub const GOOD_IMAGE: &str = "registry.example.org/api:1.0.0-1763596800";
/// Another one.
pub const BETTER_IMAGE: &str = "registry.example.org/api:1.0.1-1763600400";
/// An image that is not.
pub const MISSING_IMAGE: &str = "registry.example.org/api:1.0.2-imagepullfail";

/// A Service of a name, with a port that the server takes, or does not.
pub fn service(name: &str, port: u32) -> String {
    yaml(&json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name },
        "spec": { "selector": { "app": name }, "ports": [{ "port": port }] },
    }))
}

/// A kustomization of these files.
pub fn kustomization<'f>(files: impl IntoIterator<Item = &'f str>) -> String {
    let files: Vec<&str> = files.into_iter().collect();
    yaml(&json!({ "resources": files }))
}

/// As text that YAML readers take.
pub fn yaml(value: &Value) -> String {
    format!("{value:#}\n")
}
