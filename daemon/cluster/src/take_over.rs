//! Takes over an object that another tool made: what the tool applied becomes what we applied, so that a field that the
//! manifest does not have goes away with our apply, as it would have with the tool's.
//!
//! Always: nothing but `managedFields` is changed, and only if the object is as it was looked at. What controllers own
//! stays theirs. It is what client-go's csaupgrade does, for more tools.

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{FieldsV1, ManagedFieldsEntry};
use serde_json::{Value, json};
use taffrail_ports::cluster::FIELD_MANAGER;

use crate::look::Looked;
use crate::managers::{is_applier, is_controller};
use crate::place::{Place, Precondition};
use crate::prepare::bare;
use crate::send::{Failure, Sent, send, written};
use crate::server::METADATA;

/// Makes ours what others applied. Tells the managers it was taken from.
pub(crate) async fn unite(place: &Place, found: Looked) -> Result<Vec<String>, Failure> {
    let mut found = found;
    if found.managed_fields().is_empty() {
        // With our first apply, of nothing, the server makes an entry of all that was there.
        found = match send(place, &bare(place), FIELD_MANAGER, Precondition::Unchanged(&found), false).await? {
            Sent::Written { object, .. } => object,
            Sent::Contested(refusal) => return Err(Failure::Overtaken(refusal)),
        };
    }
    let version = place.resource.api_version.to_string();
    let Some((entries, from)) = united(found.managed_fields(), &version) else { return Ok(found.managers()) };
    let patch = json!([
        { "op": "replace", "path": "/metadata/managedFields", "value": entries },
        // Which makes the server compare it.
        { "op": "replace", "path": "/metadata/resourceVersion", "value": found.resource_version() },
    ]);
    let request = place
        .request(Method::PATCH, &format!("?fieldManager={FIELD_MANAGER}"))
        .header(CONTENT_TYPE, "application/json-patch+json")
        .header(ACCEPT, METADATA);
    let answer = place.ask("patch", request, patch.to_string().into_bytes()).await;
    if let Ok(answer) = &answer
        && answer.code == 409
    {
        return Err(Failure::Overtaken(place.refusal(answer).of_write(&place.object)));
    }
    written(place, answer).await?;
    Ok(from)
}

/// The entries with those of appliers made one of ours, and whose they were; none when no applier has any.
fn united(entries: &[ManagedFieldsEntry], version: &str) -> Option<(Vec<ManagedFieldsEntry>, Vec<String>)> {
    let whole = |entry: &&ManagedFieldsEntry| entry.subresource.as_deref().unwrap_or_default().is_empty();
    let name = |entry: &ManagedFieldsEntry| entry.manager.clone().unwrap_or_default();
    let applied = |entry: &ManagedFieldsEntry| entry.operation.as_deref() == Some("Apply");
    let ours = |entry: &ManagedFieldsEntry| name(entry) == FIELD_MANAGER;
    let known = entries.iter().filter(whole).any(|entry| is_applier(&name(entry)));
    // A tool that nobody knows made the object if no known one did; otherwise it adds to it, as controllers do.
    let made = |entry: &ManagedFieldsEntry| {
        is_applier(&name(entry)) || !known && applied(entry) && !is_controller(&name(entry))
    };
    let (mine, theirs): (Vec<_>, Vec<_>) =
        entries.iter().filter(whole).filter(|entry| ours(entry) || made(entry)).partition(|entry| ours(entry));
    // One entry of ours speaks one version. What was written in another stays, and is taken where we set it.
    let speaks = |version: &str| theirs.iter().any(|entry| entry.api_version.as_deref() == Some(version));
    let ours_speaks = mine.iter().find(|entry| applied(entry)).and_then(|entry| entry.api_version.clone());
    let version = ours_speaks
        .or_else(|| speaks(version).then(|| version.to_owned()))
        .or_else(|| theirs.first().and_then(|entry| entry.api_version.clone()))?;
    let is_united = |entry: &ManagedFieldsEntry| {
        (mine.contains(&entry) || theirs.contains(&entry)) && entry.api_version.as_ref() == Some(&version)
    };
    let mut from: Vec<_> = theirs.iter().filter(|entry| is_united(entry)).map(|entry| name(entry)).collect();
    from.sort();
    from.dedup();
    if from.is_empty() {
        return None;
    }
    let mut fields = json!({});
    for entry in entries.iter().filter(|entry| is_united(entry)) {
        merge(&mut fields, entry.fields_v1.as_ref().map_or(&Value::Null, |fields| &fields.0));
    }
    let one = ManagedFieldsEntry {
        api_version: Some(version.clone()),
        fields_type: Some("FieldsV1".to_owned()),
        fields_v1: Some(FieldsV1(fields)),
        manager: Some(FIELD_MANAGER.to_owned()),
        operation: Some("Apply".to_owned()),
        subresource: None,
        time: entries.iter().filter(|entry| is_united(entry)).find_map(|entry| entry.time.clone()),
    };
    let rest = entries.iter().filter(|entry| !is_united(entry)).cloned();
    Some((std::iter::once(one).chain(rest).collect(), from))
}

/// Adds the fields of `more`, which is at most as deep as the server's own limit for JSON.
fn merge(fields: &mut Value, more: &Value) {
    let (Value::Object(fields), Value::Object(more)) = (fields, more) else { return };
    for (key, below) in more {
        match fields.get_mut(key) {
            Some(known) => merge(known, below),
            None => drop(fields.insert(key.clone(), below.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(manager: &str, operation: &str, version: &str, subresource: &str, field: &str) -> Value {
        let mut entry = json!({
            "manager": manager, "operation": operation, "apiVersion": version, "fieldsType": "FieldsV1",
            "fieldsV1": { "f:data": { (format!("f:{field}")): {} } },
        });
        if !subresource.is_empty() {
            entry["subresource"] = subresource.into();
        }
        entry
    }

    /// Who owns what afterwards, and from whom it was taken.
    fn after(entries: Value) -> Option<(Vec<String>, String)> {
        let entries: Vec<ManagedFieldsEntry> = serde_json::from_value(entries).unwrap();
        let (entries, from) = united(&entries, "v1")?;
        let told = |entry: &ManagedFieldsEntry| {
            let fields = entry.fields_v1.as_ref().unwrap().0["f:data"].as_object().unwrap();
            let fields: Vec<_> = fields.keys().map(String::as_str).collect();
            format!("{}/{} {}", entry.manager.as_ref().unwrap(), entry.operation.as_ref().unwrap(), fields.join(","))
        };
        Some((entries.iter().map(told).collect(), from.join(",")))
    }

    #[test]
    fn what_a_tool_applied_becomes_ours_and_the_rest_stays() {
        let (entries, from) = after(json!([
            entry("helm", "Update", "v1", "", "a"),
            entry("kubectl-client-side-apply", "Update", "v1", "", "b"),
            entry("taffrail", "Apply", "v1", "", "c"),
            entry("kube-controller-manager", "Update", "v1", "", "d"),
            entry("kubectl", "Update", "v1", "scale", "e"),
            entry("cainjector", "Apply", "v1", "", "f"),
            entry("kubectl-edit", "Update", "v1", "", "g"),
        ]))
        .unwrap();
        assert_eq!(from, "helm,kubectl-client-side-apply");
        assert_eq!(
            entries,
            [
                "taffrail/Apply f:a,f:b,f:c",
                "kube-controller-manager/Update f:d",
                "kubectl/Update f:e",
                "cainjector/Apply f:f",
                "kubectl-edit/Update f:g",
            ]
        );
    }

    #[test]
    fn an_unknown_tool_that_applied_is_who_made_it_if_no_known_one_did() {
        let (entries, from) = after(json!([
            entry("pulumi-kubernetes-1", "Apply", "v1", "", "a"),
            entry("kube-controller-manager", "Apply", "v1", "", "b"),
            entry("an-operator", "Update", "v1", "", "c"),
        ]))
        .unwrap();
        assert_eq!(from, "pulumi-kubernetes-1");
        assert_eq!(entries, ["taffrail/Apply f:a", "kube-controller-manager/Apply f:b", "an-operator/Update f:c"]);
        assert_eq!(after(json!([entry("an-operator", "Update", "v1", "", "c")])), None);
    }

    #[test]
    fn what_was_written_in_another_version_is_not_mixed_in() {
        let (entries, from) = after(json!([
            entry("helm", "Update", "v1beta1", "", "a"),
            entry("kubectl-client-side-apply", "Update", "v1", "", "b"),
        ]))
        .unwrap();
        assert_eq!((from.as_str(), entries.len()), ("kubectl-client-side-apply", 2));
        assert_eq!(entries, ["taffrail/Apply f:b", "helm/Update f:a"]);
        let (entries, _) = after(json!([entry("helm", "Update", "v1beta1", "", "a")])).unwrap();
        assert_eq!(entries, ["taffrail/Apply f:a"]);
    }
}
