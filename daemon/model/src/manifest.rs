//! A manifest: a JSON object that has an apiVersion, a kind and a name. `Debug` never prints its content, since it may
//! be a Secret's.

use std::fmt;

use serde_json::{Map, Value};

use crate::object::{ApiVersion, ObjectKey};

/// One object's manifest.
#[derive(Clone, PartialEq)]
pub struct Manifest(Map<String, Value>);

/// What a value lacks to be a manifest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidManifest {
    /// It is no mapping.
    #[error("a manifest is a mapping")]
    NoMapping,
    /// A field that identifies the object is missing, empty or no string.
    #[error("{0} is missing or not a string")]
    Missing(&'static str),
}

impl Manifest {
    /// Takes `value` as a manifest.
    pub fn new(value: Value) -> Result<Self, InvalidManifest> {
        let Value::Object(map) = value else { return Err(InvalidManifest::NoMapping) };
        for (pointer, field) in [
            ("apiVersion", map.get("apiVersion")),
            ("kind", map.get("kind")),
            ("metadata.name", metadata(&map, "name")),
        ] {
            if field.and_then(Value::as_str).is_none_or(str::is_empty) {
                return Err(InvalidManifest::Missing(pointer));
            }
        }
        Ok(Self(map))
    }

    /// The apiVersion.
    pub fn api_version(&self) -> ApiVersion {
        self.text("apiVersion").into()
    }

    /// Group, kind, namespace and name.
    pub fn key(&self) -> ObjectKey {
        ObjectKey {
            group: self.api_version().group,
            kind: self.text("kind").to_owned(),
            namespace: metadata(&self.0, "namespace")
                .and_then(Value::as_str)
                .filter(|n| !n.is_empty())
                .map(str::to_owned),
            name: metadata(&self.0, "name").and_then(Value::as_str).unwrap_or_default().to_owned(),
        }
    }

    /// The whole object.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The whole object, as a value.
    pub fn into_value(self) -> Value {
        Value::Object(self.0)
    }

    /// `metadata`, to be changed; made when it is no mapping.
    pub fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        child(&mut self.0, "metadata")
    }

    /// Sets a label.
    pub fn set_label(&mut self, key: &str, value: &str) {
        child(self.metadata_mut(), "labels").insert(key.to_owned(), value.into());
    }

    /// Sets an annotation.
    pub fn set_annotation(&mut self, key: &str, value: &str) {
        child(self.metadata_mut(), "annotations").insert(key.to_owned(), value.into());
    }

    /// The bytes that are digested and stored: JSON with sorted keys.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut value = Value::Object(self.0.clone());
        value.sort_all_objects();
        serde_json::to_vec(&value).expect("a JSON value has only string keys")
    }

    fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

fn metadata<'a>(map: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    map.get("metadata")?.get(field)
}

fn child<'a>(map: &'a mut Map<String, Value>, field: &str) -> &'a mut Map<String, Value> {
    let value = map.entry(field).or_insert_with(|| Value::Object(Map::new()));
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("made an object above")
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({})", self.key())
    }
}
