//! Looks at one object: who made it, and whether it is going.
//!
//! Always: only metadata is read, so that no Secret's value comes here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use taffrail_model::{FieldSet, ObjectKey, Uid};
use taffrail_ports::cluster::{FIELD_MANAGER, OWNER_ANNOTATION, WriteError};

use crate::address::Resource;
use crate::kube_cluster::Inner;
use crate::managers::{managers, ours};
use crate::refusal::{Refusal, unreachable};
use crate::server::{Answer, METADATA, NoAnswer, get};

/// An object's metadata.
pub(crate) struct Looked(ObjectMeta);

#[derive(Deserialize)]
struct Head {
    metadata: ObjectMeta,
}

impl Looked {
    pub fn read(answer: &Answer) -> Result<Self, NoAnswer> {
        answer.json::<Head>().map(|head| Self(head.metadata))
    }

    pub fn uid(&self) -> Uid {
        Uid(self.0.uid.clone().unwrap_or_default())
    }

    pub fn resource_version(&self) -> String {
        self.0.resource_version.clone().unwrap_or_default()
    }

    pub fn mark(&self) -> Option<&str> {
        self.0.annotations.as_ref()?.get(OWNER_ANNOTATION).map(String::as_str)
    }

    pub fn is_going(&self) -> bool {
        self.0.deletion_timestamp.is_some()
    }

    pub fn finalizers(&self) -> String {
        self.0.finalizers.as_ref().map(|all| all.join(", ")).unwrap_or_default()
    }

    /// Everybody who set fields of it, status and the like aside.
    pub fn managers(&self) -> String {
        let entries = self.0.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none());
        let mut names: Vec<_> = entries.filter_map(|entry| entry.manager.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { "unknown".to_owned() } else { names.join(", ") }
    }

    /// What we own by our applies.
    pub fn ours(&self) -> FieldSet {
        let entries = self.0.managed_fields.as_ref().and_then(|entries| serde_json::to_value(entries).ok());
        ours(&managers(entries))
    }

    /// When we last changed it, as the server tells.
    pub fn written(&self) -> Option<String> {
        let entries = self.0.managed_fields.iter().flatten();
        let ours = entries.filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER));
        ours.filter_map(|entry| entry.time.as_ref()).map(|time| time.0.to_string()).max()
    }
}

/// What is at the place of `object`.
pub(crate) async fn look(inner: &Inner, resource: &Resource, object: &ObjectKey) -> Result<Option<Looked>, WriteError> {
    let path = resource.object_path(object.namespace.as_deref(), &object.name);
    let answer = inner.server.ask("get", get(path, METADATA)).await.map_err(|e| unreachable(&e))?;
    if answer.is_success() {
        return Looked::read(&answer).map(Some).map_err(|e| unreachable(&e));
    }
    let refusal = Refusal::read(&answer);
    if refusal.is_absence_of(object) {
        return Ok(None);
    }
    inner.learn_from(&refusal, resource, object);
    Err(refusal.of_write(object))
}
