//! An object of the stage's cluster, and who manages which of its fields: a small model of server-side apply.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use taffrail_core::Outcome;
use taffrail_model::claim::{OWNER_ANNOTATION, owner_mark};
use taffrail_model::fields::FIELD_MANAGER;
use taffrail_model::{
    Digest, FieldPath, FieldSet, ForeignField, LiveObject, ManagedFields, ObjectKey, Operation, Take, Uid,
};

use super::APPLICATION;

/// The field by which watches find it.
pub const LABEL: &str = "label";
/// The field whose value depends on the manifest.
pub const CONTENT: &str = "content";
/// A field that every manifest sets to the same.
pub const FIXED: &str = "fixed";

/// How a live object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Ready.
    Healthy,
    /// Not ready yet.
    Progressing,
    /// Stalled.
    Degraded,
}

/// An object of the cluster.
#[derive(Clone, Debug)]
pub struct Thing {
    /// Its uid.
    pub uid: Uid,
    /// What was last applied.
    pub manifest: Digest,
    /// The version of its last change.
    pub version: u64,
    /// How it is.
    pub condition: Condition,
    /// Whether we made it.
    pub ours: bool,
    /// Whether somebody deleted it, and it is not gone yet.
    pub going: bool,
    fields: BTreeMap<&'static str, Field>,
}

#[derive(Clone, Debug, Default)]
struct Field {
    value: String,
    managers: BTreeSet<String>,
}

/// What a manifest sets.
fn wanted(manifest: Digest) -> [(&'static str, String); 3] {
    [(LABEL, "shop".to_owned()), (CONTENT, manifest.to_string()), (FIXED, "so".to_owned())]
}

impl Thing {
    /// One that has no fields yet.
    pub fn new(uid: Uid, manifest: Digest, version: u64, condition: Condition, ours: bool) -> Self {
        Self { uid, manifest, version, condition, ours, going: false, fields: BTreeMap::new() }
    }

    /// An apply of ours, as the server carries it out; it has this version then.
    pub fn apply(&mut self, manifest: Digest, take: &Take, version: u64, created: bool) -> Outcome {
        let mut foreign: Vec<(&str, ForeignField)> = Vec::new();
        for (name, value) in wanted(manifest) {
            if let Some(field) = self.fields.get(name)
                && field.value != value
                && let Some(other) = field.managers.iter().find(|manager| *manager != FIELD_MANAGER)
            {
                foreign.push((name, ForeignField { field: path(name), manager: Some(other.clone()) }));
            }
        }
        let may_take = |field: &FieldPath| match take {
            Take::Nothing => false,
            Take::Ours(ours) => ours.paths().contains(field),
            Take::Everything => true,
        };
        if foreign.iter().any(|(_, foreign)| !may_take(&foreign.field)) {
            let conflicts = foreign.into_iter().map(|(_, foreign)| foreign).collect();
            return Outcome::Conflicted { conflicts, attempts: 1 };
        }
        for (name, value) in wanted(manifest) {
            let field = self.fields.entry(name).or_default();
            if field.value != value {
                *field = Field { value, managers: BTreeSet::new() };
            }
            field.managers.insert(FIELD_MANAGER.to_owned());
        }
        self.manifest = manifest;
        self.version = version;
        Outcome::Applied {
            uid: self.uid.clone(),
            manifest,
            created,
            resource_version: self.version.to_string(),
            attempts: 1,
            fields: self.fields_of(FIELD_MANAGER),
            taken: foreign.into_iter().map(|(_, foreign)| foreign).collect(),
            adopted: None,
            autoscaled: false,
        }
    }

    /// Somebody sets a field.
    pub fn edit(&mut self, name: &'static str, value: &str, manager: &str) {
        let field = self.fields.entry(name).or_default();
        if field.value != value {
            *field = Field { value: value.to_owned(), managers: BTreeSet::new() };
        }
        field.managers.insert(manager.to_owned());
    }

    /// Somebody removes a field.
    pub fn remove(&mut self, name: &str) {
        self.fields.remove(name);
    }

    /// Whether watches of ours find it.
    pub fn labelled(&self) -> bool {
        self.fields.contains_key(LABEL)
    }

    /// Whether it is as this manifest says.
    pub fn is(&self, manifest: Digest) -> bool {
        wanted(manifest).iter().all(|(name, value)| self.fields.get(name).is_some_and(|field| field.value == *value))
    }

    /// Whether somebody else manages a field that we set.
    pub fn is_foreign_somewhere(&self) -> bool {
        self.fields.values().any(|field| !field.managers.contains(FIELD_MANAGER))
    }

    /// It, as watches and looks see it.
    pub fn live(&self, object: &ObjectKey) -> LiveObject {
        let api_version = if object.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", object.group) };
        let managers: BTreeSet<&String> = self.fields.values().flat_map(|field| &field.managers).collect();
        let managers = managers.into_iter().map(|manager| ManagedFields {
            manager: manager.clone(),
            operation: if manager == FIELD_MANAGER { Operation::Apply } else { Operation::Update },
            subresource: None,
            fields: self.fields_of(manager),
        });
        LiveObject {
            key: object.clone(),
            api_version: api_version.into(),
            uid: self.uid.clone(),
            resource_version: self.version.to_string(),
            body: Arc::new(self.body(object)),
            managers: managers.collect(),
        }
    }

    fn fields_of(&self, manager: &str) -> FieldSet {
        let names = self.fields.iter().filter(|(_, field)| field.managers.contains(manager)).map(|(name, _)| *name);
        let mut spec = Map::new();
        let mut metadata = Map::new();
        for name in names {
            match name {
                LABEL => {
                    metadata.insert("f:labels".to_owned(), json!({ "f:taffrail.dev/application": {} }));
                }
                _ => {
                    spec.insert(format!("f:{name}"), json!({}));
                }
            }
        }
        FieldSet::new(json!({ "f:metadata": metadata, "f:spec": spec })).expect("it has this form")
    }

    /// Such as the generic rule of health reads.
    fn body(&self, object: &ObjectKey) -> Value {
        let (ready, stalled) = match self.condition {
            Condition::Healthy => ("True", "False"),
            Condition::Progressing => ("False", "False"),
            Condition::Degraded => ("False", "True"),
        };
        let mut metadata = json!({ "generation": 1 });
        if self.going {
            metadata["deletionTimestamp"] = "2026-11-21T03:00:00Z".into();
        }
        if self.ours {
            let mark = owner_mark("here", &APPLICATION.parse().expect("a name"), object);
            metadata["annotations"] = json!({ OWNER_ANNOTATION: mark });
        }
        json!({"metadata": metadata, "status": {"phase": "Active", "observedGeneration": 1, "conditions": [
            {"type": "Ready", "status": ready, "reason": "Sim", "message": "not ready yet"},
            {"type": "Established", "status": ready, "reason": "Sim", "message": "not ready yet"},
            {"type": "NamesAccepted", "status": "True", "reason": "Sim", "message": ""},
            {"type": "Complete", "status": ready, "reason": "Sim", "message": ""},
            {"type": "Failed", "status": stalled, "reason": "Broken", "message": "it is broken"},
            {"type": "Stalled", "status": stalled, "reason": "Broken", "message": "it is broken"},
        ]}})
    }
}

fn path(name: &str) -> FieldPath {
    FieldPath(match name {
        LABEL => ".metadata.labels.taffrail.dev/application".to_owned(),
        _ => format!(".spec.{name}"),
    })
}
