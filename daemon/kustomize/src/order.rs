//! The order in which objects are printed.

use crate::object::Object;

/// An order of the rendered objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As `kustomize build` prints: namespaces and other foundations first, webhooks last, then by group, version,
    /// kind, namespace and name.
    #[default]
    Legacy,
    /// As loaded.
    FirstInFirstOut,
}

/// Source: `defaultOrderFirst` and `defaultOrderLast` of kustomize's SortOrderTransformer.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

pub(crate) fn sort(objects: &mut [Object]) {
    // `or` stands for what is missing: it sorts after every name.
    let or = |text: &str, missing: &str| if text.is_empty() { missing.to_owned() } else { text.to_owned() };
    objects.sort_by_cached_key(|object| {
        let gvk = format!("{}_{}_{}", or(object.group(), "~G"), or(object.version(), "~V"), object.kind());
        let name = format!("{}|{}", or(object.namespace(), "~X"), or(object.name(), "~N"));
        // Namespaces of the core group come before those of other groups, against the rule.
        let core = !(object.kind() == "Namespace" && object.group().is_empty());
        (rank(object.kind()), core, gvk, name)
    });
}

fn rank(kind: &str) -> usize {
    if let Some(position) = FIRST.iter().position(|first| *first == kind) {
        return position;
    }
    FIRST.len() + LAST.iter().position(|last| *last == kind).map_or(0, |position| position + 1)
}
