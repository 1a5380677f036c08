//! Makes of what a watch sends what is kept: without what nobody reads, and without what nobody may.
//!
//! Always: no object keeps its managed fields, or what kubectl noted of its last apply, where a Secret's values stand
//! too. Secrets and ConfigMaps are asked for as metadata, and cut to it here as well.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use taffrail_model::{LiveObject, ObjectKey, Uid, Watch, WatchScope};

use crate::managers::managers;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether objects of the kind are watched as metadata only.
pub(crate) fn is_metadata_only(watch: &Watch) -> bool {
    watch.api_version.group.is_empty() && matches!(watch.kind.as_str(), "Secret" | "ConfigMap")
}

/// `object`, as it is kept; none if it lacks what identifies an object.
pub(crate) fn seen(watch: &Watch, object: Value) -> Option<LiveObject> {
    let Value::Object(mut body) = object else { return None };
    // Items of lists, and metadata alone, do not say what they are.
    body.insert("apiVersion".to_owned(), watch.api_version.to_string().into());
    body.insert("kind".to_owned(), watch.kind.as_str().into());
    if is_metadata_only(watch) {
        body.retain(|field, _| !matches!(field.as_str(), "data" | "stringData" | "binaryData"));
    }
    // Pods are watched by the thousand, for their health. Those of a manifest of ours are also compared with it.
    if watch.kind == "Pod" && matches!(watch.scope, WatchScope::Namespace(_)) {
        trim_pod(&mut body);
    }
    let metadata = body.get_mut("metadata")?.as_object_mut()?;
    let managed_fields = metadata.remove("managedFields");
    let managers = match watch.scope {
        WatchScope::Ours => managers(managed_fields),
        WatchScope::Namespace(_) => Vec::new(),
    };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).map(str::to_owned);
    let key = ObjectKey {
        group: watch.api_version.group.clone(),
        kind: watch.kind.clone(),
        namespace: text("namespace"),
        name: text("name")?,
    };
    let (uid, resource_version) = (Uid(text("uid")?), text("resourceVersion")?);
    let api_version = watch.api_version.clone();
    let body = Arc::new(Value::Object(body));
    Some(LiveObject { key, api_version, uid, resource_version, body, managers: managers.into() })
}

/// Keeps of a pod's spec which containers it has, and what restarts them.
fn trim_pod(pod: &mut Map<String, Value>) {
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else { return };
    spec.retain(|field, _| matches!(field.as_str(), "containers" | "initContainers" | "restartPolicy"));
    for containers in ["containers", "initContainers"] {
        for container in spec.get_mut(containers).and_then(Value::as_array_mut).into_iter().flatten() {
            let mut kept = json!({});
            for field in ["name", "image", "restartPolicy"] {
                if let Some(value) = container.get_mut(field) {
                    kept[field] = value.take();
                }
            }
            *container = kept;
        }
    }
}

#[cfg(test)]
mod tests {
    use taffrail_model::ClusterName;

    use super::*;

    fn watch(api_version: &str, kind: &str, scope: WatchScope) -> Watch {
        Watch { cluster: ClusterName::default(), api_version: api_version.into(), kind: kind.to_owned(), scope }
    }

    fn metadata() -> Value {
        json!({
            "name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "7", "managedFields": [{}],
            "annotations": { LAST_APPLIED: "canary", "kept": "yes" },
        })
    }

    #[test]
    fn a_secret_keeps_no_value() {
        let secret = json!({
            "kind": "PartialObjectMetadata", "metadata": metadata(), "data": { "a": "canary" },
            "stringData": { "a": "canary" }, "type": "Opaque",
        });
        let seen = seen(&watch("v1", "Secret", WatchScope::Ours), secret).unwrap();
        assert_eq!(seen.key.to_string(), "Secret:shop/a");
        let expected = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": {
                "name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "7", "annotations": { "kept": "yes" },
            },
        });
        assert_eq!(*seen.body, expected);
    }

    #[test]
    fn a_pod_keeps_what_health_reads() {
        let pod = json!({
            "metadata": metadata(), "status": { "phase": "Running" },
            "spec": {
                "nodeName": "n", "restartPolicy": "Always",
                "containers": [{ "name": "c", "image": "i", "env": [{ "name": "A", "value": "b" }] }],
                "initContainers": [{ "name": "s", "image": "i", "restartPolicy": "Always", "command": ["x"] }],
            },
        });
        let seen = seen(&watch("v1", "Pod", WatchScope::Namespace("shop".to_owned())), pod.clone()).unwrap();
        let expected = json!({
            "restartPolicy": "Always", "containers": [{ "name": "c", "image": "i" }],
            "initContainers": [{ "name": "s", "image": "i", "restartPolicy": "Always" }],
        });
        assert_eq!(seen.body["spec"], expected);
        assert_eq!(seen.body["status"], pod["status"]);
        let ours = super::seen(&watch("v1", "Pod", WatchScope::Ours), pod.clone()).unwrap();
        assert_eq!(ours.body["spec"], pod["spec"]);
    }

    #[test]
    fn what_is_no_object_is_none() {
        for broken in [json!(1), json!({}), json!({ "metadata": { "name": "a" } })] {
            assert_eq!(seen(&watch("v1", "Pod", WatchScope::Ours), broken), None);
        }
    }
}
