//! Who manages which fields, read from `metadata.managedFields`.

use serde_json::Value;
use taffrail_model::{FieldSet, ManagedFields, Operation};
use taffrail_ports::cluster::FIELD_MANAGER;

/// The entries of `managedFields`; what is none is left out.
pub(crate) fn managers(managed_fields: Option<Value>) -> Vec<ManagedFields> {
    let Some(Value::Array(entries)) = managed_fields else { return Vec::new() };
    entries.into_iter().filter_map(entry).collect()
}

fn entry(mut entry: Value) -> Option<ManagedFields> {
    let text = |field: &str| entry.get(field).and_then(Value::as_str).map(str::to_owned);
    let (manager, subresource) = (text("manager")?, text("subresource").filter(|name| !name.is_empty()));
    let operation = if text("operation")? == "Apply" { Operation::Apply } else { Operation::Update };
    let fields = FieldSet::new(entry.get_mut("fieldsV1")?.take()).ok()?;
    Some(ManagedFields { manager, operation, subresource, fields })
}

/// What we own by our applies.
pub(crate) fn ours(managers: &[ManagedFields]) -> FieldSet {
    let entry = managers.iter().find(|entry| {
        entry.manager == FIELD_MANAGER && entry.operation == Operation::Apply && entry.subresource.is_none()
    });
    entry.map_or_else(FieldSet::empty, |entry| entry.fields.clone())
}

/// Tools that make objects from manifests, by the names under which they write, whether by server-side apply or not.
const APPLIERS: [&str; 16] = [
    "argocd-application-controller",
    "argocd-controller",
    "before-first-apply",
    "flux",
    "flux-client-side-apply",
    "helm",
    "helm-controller",
    "kubectl",
    "kubectl-autoscale",
    "kubectl-client-side-apply",
    "kubectl-create",
    "kubectl-expose",
    "kubectl-last-applied",
    "kubectl-replace",
    "kubectl-run",
    "kustomize-controller",
];

/// Whether `manager` is a tool that makes objects from manifests.
pub(crate) fn is_applier(manager: &str) -> bool {
    APPLIERS.contains(&manager)
}

/// Whether `manager` is a part of the control plane.
pub(crate) fn is_controller(manager: &str) -> bool {
    ["kube-", "cloud-", "kubelet"].iter().any(|prefix| manager.starts_with(prefix))
}
