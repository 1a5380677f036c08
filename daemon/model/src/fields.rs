//! Which fields of an object a manager owns, as the API server tells in `metadata.managedFields`.
//!
//! Always: a set holds names and keys, never values, save the values of lists that are sets (finalizers and the like)
//! and the keys of list items, which no Secret has.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;

/// Field manager of all our writes.
pub const FIELD_MANAGER: &str = "taffrail";

/// How deep a set may be nested; the server's own limit for objects is far below it.
const DEEPEST: usize = 100;

/// The fields that one manager owns. Two of them are equal if they hold the same fields.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldSet(Arc<str>);

/// A field, in the notation of the server's conflicts: `.spec.template.spec.containers[name="api"].image`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(pub String);

/// A field that somebody else manages, or changed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ForeignField {
    /// The field.
    pub field: FieldPath,
    /// The manager; none when the field was removed, which leaves no trace of who did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<String>,
}

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedFields {
    /// The manager's name, as `kubectl-edit`.
    pub manager: String,
    /// How it writes.
    pub operation: Operation,
    /// The subresource that it writes through, as `scale` or `status`.
    pub subresource: Option<String>,
    /// What it owns.
    pub fields: FieldSet,
}

/// How a manager writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Anything else.
    Update,
}

/// The text is no `FieldsV1`.
#[derive(Debug, thiserror::Error)]
#[error("not a set of fields: {0}")]
pub struct InvalidFieldSet(String);

impl FieldSet {
    /// The set that a `fieldsV1` describes.
    pub fn new(fields: Value) -> Result<Self, InvalidFieldSet> {
        if !fields.is_object() || depth(&fields) > DEEPEST {
            return Err(InvalidFieldSet(format!("a mapping of at most {DEEPEST} levels is expected")));
        }
        let mut fields = fields;
        fields.sort_all_objects();
        Ok(Self(fields.to_string().into()))
    }

    /// The set of nothing.
    pub fn empty() -> Self {
        Self("{}".into())
    }

    /// This set with one field more, given by the names that lead to it.
    pub fn with(&self, names: &[&str]) -> Self {
        let mut fields = self.value();
        let mut place = &mut fields;
        for name in names {
            let Value::Object(below) = place else { return self.clone() };
            place = below.entry(format!("f:{name}")).or_insert_with(|| Value::Object(Map::new()));
        }
        Self::new(fields).unwrap_or_else(|_| self.clone())
    }

    /// The bytes that are digested and stored: the `fieldsV1` as JSON with sorted keys.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.as_bytes().to_vec()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidFieldSet> {
        let value = serde_json::from_slice(bytes).map_err(|error| InvalidFieldSet(error.to_string()))?;
        Self::new(value)
    }

    /// The digest that names it.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    /// Every field, leaves only: an owned list item or mapping is named when nothing below it is.
    pub fn paths(&self) -> BTreeSet<FieldPath> {
        let mut paths = BTreeSet::new();
        if let Value::Object(fields) = self.value() {
            collect(&fields, "", &mut paths);
        }
        paths
    }

    /// The `fieldsV1`.
    pub fn value(&self) -> Value {
        serde_json::from_str(&self.0).expect("it was made of JSON")
    }
}

fn depth(value: &Value) -> usize {
    // Bounded, since serde_json itself refuses what is nested deeper than 128.
    match value {
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn collect(fields: &Map<String, Value>, prefix: &str, paths: &mut BTreeSet<FieldPath>) {
    for (key, below) in fields {
        if key == "." {
            continue;
        }
        let path = format!("{prefix}{}", element(key));
        match below {
            Value::Object(map) if map.keys().any(|key| key != ".") => collect(map, &path, paths),
            _ => drop(paths.insert(FieldPath(path))),
        }
    }
}

/// One step of a path as the server prints it: `f:NAME`, `k:{KEYS}`, `v:VALUE` and `i:INDEX` become `.NAME`, `[a="b"]`,
/// `[="VALUE"]` and `[INDEX]`.
fn element(key: &str) -> String {
    match key.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => match serde_json::from_str::<Map<String, Value>>(keys) {
            Ok(keys) => {
                let keys: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
                format!("[{}]", keys.join(","))
            }
            Err(_) => format!("[{keys}]"),
        },
        Some(("v", value)) => format!("[={value}]"),
        Some(("i", index)) => format!("[{index}]"),
        _ => format!(".{key}"),
    }
}

impl TryFrom<String> for FieldSet {
    type Error = InvalidFieldSet;

    fn try_from(text: String) -> Result<Self, InvalidFieldSet> {
        Self::from_bytes(text.as_bytes())
    }
}

impl From<FieldSet> for String {
    fn from(set: FieldSet) -> Self {
        set.0.to_string()
    }
}

impl fmt::Debug for FieldSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FieldSet({})", self.0)
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ForeignField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.manager {
            Some(manager) => write!(f, "{} ({manager})", self.field),
            None => write!(f, "{} (removed)", self.field),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_are_written_as_the_server_writes_them() {
        let set = FieldSet::new(json!({
            "f:metadata": { "f:labels": { "f:app.kubernetes.io/name": {} }, "f:finalizers": { ".": {}, "v:\"a/b\"": {} } },
            "f:spec": { "f:ports": { "k:{\"port\":80,\"protocol\":\"TCP\"}": { ".": {}, "f:port": {} } },
                        "f:containers": { "k:{\"name\":\"api\"}": { ".": {} } } }
        }))
        .unwrap();
        let paths: Vec<String> = set.paths().into_iter().map(|path| path.0).collect();
        assert_eq!(
            paths,
            [
                ".metadata.finalizers[=\"a/b\"]",
                ".metadata.labels.app.kubernetes.io/name",
                ".spec.containers[name=\"api\"]",
                ".spec.ports[port=80,protocol=\"TCP\"].port",
            ]
        );
        assert_eq!(FieldSet::from_bytes(&set.to_bytes()).unwrap(), set);
        assert!(FieldSet::new(json!([])).is_err());
    }

    #[test]
    fn a_field_can_be_added() {
        let paths = |set: &FieldSet| set.paths().into_iter().map(|path| path.0).collect::<Vec<_>>();
        let one = FieldSet::empty().with(&["spec", "replicas"]);
        assert_eq!(paths(&one), [".spec.replicas"]);
        assert_eq!(one.with(&["spec", "replicas"]), one);
        assert_eq!(paths(&one.with(&["spec", "paused"])), [".spec.paused", ".spec.replicas"]);
    }
}
