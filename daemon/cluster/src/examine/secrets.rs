//! Which Secrets a pod's containers can read.
//!
//! Always: what is not understood counts as a Secret that is not known.

use std::collections::BTreeSet;

use serde_json::Value;

/// The names; none when the pod has values from where they cannot be known.
pub(super) fn used(spec: &Value) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    if spec.is_object() { collect(spec, &mut names).then_some(names) } else { None }
}

/// Walks all of `value`, which is as deep as the API server takes objects. False when something cannot be known.
fn collect(value: &Value, names: &mut BTreeSet<String>) -> bool {
    match value {
        Value::Object(fields) => fields.iter().all(|(field, below)| match field.as_str() {
            // The kubelet's, and in no container.
            "imagePullSecrets" => true,
            // Drivers mount what they like, and some are made for secrets.
            "csi" => false,
            "secretName" => take(below, names),
            "secret" => take(below.get("secretName").or(below.get("name")).unwrap_or(&Value::Null), names),
            "secretRef" | "secretKeyRef" => take(&below["name"], names),
            _ => collect(below, names),
        }),
        Value::Array(items) => items.iter().all(|item| collect(item, names)),
        _ => true,
    }
}

fn take(name: &Value, names: &mut BTreeSet<String>) -> bool {
    name.as_str().map(|name| names.insert(name.to_owned())).is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_way_to_use_a_secret_is_seen() {
        let spec = json!({
            "imagePullSecrets": [{ "name": "pull" }],
            "initContainers": [{ "envFrom": [{ "secretRef": { "name": "a" } }, { "configMapRef": { "name": "no" } }] }],
            "containers": [{ "env": [{ "name": "B", "valueFrom": { "secretKeyRef": { "name": "b", "key": "k" } } }] }],
            "ephemeralContainers": [{ "envFrom": [{ "secretRef": { "name": "c" } }] }],
            "volumes": [
                { "name": "d", "secret": { "secretName": "d" } },
                { "name": "e", "projected": { "sources": [{ "secret": { "name": "e" } }, { "serviceAccountToken": {} }] } },
                { "name": "f", "azureFile": { "secretName": "f" } },
                { "name": "g", "configMap": { "name": "no" } },
            ],
        });
        let names: Vec<_> = used(&spec).unwrap().into_iter().collect();
        assert_eq!(names, ["a", "b", "c", "d", "e", "f"]);
        for unknown in [
            json!({ "volumes": [{ "csi": { "driver": "secrets-store.csi.k8s.io" } }] }),
            json!({ "volumes": [{ "secret": {} }] }),
            json!(null),
        ] {
            assert_eq!(used(&unknown), None);
        }
    }
}
