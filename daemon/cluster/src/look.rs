//! What a look at one object shows: who made it, and whether it is going.
//!
//! Always: it is metadata only, so that no Secret's value comes here.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde::Deserialize;
use taffrail_model::{FieldSet, Uid};
use taffrail_ports::cluster::{FIELD_MANAGER, OWNER_ANNOTATION, WriteError, WriteErrorKind};

use crate::managers::{managers, ours};
use crate::refusal::one_line;
use crate::server::{Answer, NoAnswer};

/// An object's metadata.
pub(crate) struct Looked(Box<ObjectMeta>);

#[derive(Deserialize)]
struct Head {
    metadata: ObjectMeta,
}

impl Looked {
    pub fn new(metadata: ObjectMeta) -> Self {
        Self(Box::new(metadata))
    }

    pub fn read(answer: &Answer) -> Result<Self, NoAnswer> {
        answer.json::<Head>().map(|head| Self::new(head.metadata))
    }

    pub fn uid(&self) -> Uid {
        Uid(self.0.uid.clone().unwrap_or_default())
    }

    pub fn resource_version(&self) -> String {
        self.0.resource_version.clone().unwrap_or_default()
    }

    pub fn mark(&self) -> Option<&str> {
        self.annotation(OWNER_ANNOTATION)
    }

    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.0.annotations.as_ref()?.get(name).map(String::as_str)
    }

    pub fn label(&self, name: &str) -> Option<&str> {
        self.0.labels.as_ref()?.get(name).map(String::as_str)
    }

    pub fn is_going(&self) -> bool {
        self.0.deletion_timestamp.is_some()
    }

    pub fn finalizers(&self) -> String {
        self.0.finalizers.as_ref().map(|all| all.join(", ")).unwrap_or_default()
    }

    /// Itself, unless it is being deleted.
    pub fn staying(self) -> Result<Self, WriteError> {
        if !self.is_going() {
            return Ok(self);
        }
        let message = match self.finalizers() {
            none if none.is_empty() => "it is being deleted".to_owned(),
            finalizers => format!("it is being deleted, and waits for the finalizers {finalizers}"),
        };
        Err(WriteError { kind: WriteErrorKind::Transient(None), message: one_line(&message) })
    }

    /// Everybody who set fields of it, status and the like aside.
    pub fn managers(&self) -> Vec<String> {
        let entries = self.managed_fields().iter().filter(|entry| entry.subresource.is_none());
        let mut names: Vec<_> = entries.filter_map(|entry| entry.manager.clone()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() { vec!["unknown".to_owned()] } else { names }
    }

    /// Who owns which fields, as the server says it.
    pub fn managed_fields(&self) -> &[ManagedFieldsEntry] {
        self.0.managed_fields.as_deref().unwrap_or_default()
    }

    /// What we own by our applies.
    pub fn ours(&self) -> FieldSet {
        let entries = self.0.managed_fields.as_ref().and_then(|entries| serde_json::to_value(entries).ok());
        ours(&managers(entries))
    }

    /// When we last changed it, as the server tells.
    pub fn written(&self) -> Option<String> {
        let ours = self.managed_fields().iter().filter(|entry| entry.manager.as_deref() == Some(FIELD_MANAGER));
        ours.filter_map(|entry| entry.time.as_ref()).map(|time| time.0.to_string()).max()
    }
}
