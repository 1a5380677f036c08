//! One object on its way through the layers: its value, where it came from, and every id it had.
//!
//! What always holds: the value is a mapping whose apiVersion, kind, name and namespace are strings where present;
//! earlier ids are data beside the value, never in its annotations.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use taffrail_yaml::Location;

/// What kustomize calls the namespace of an object that has none. No namespace can be named so.
pub(crate) const NO_NAMESPACE: &str = "_non_namespaceable_";

/// Where an object's text stands.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) file: Rc<str>,
    pub(crate) location: Location,
}

/// Group, version and kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Gvk {
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
}

/// What makes an object one object; the namespace is the effective one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    pub(crate) gvk: Gvk,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// An id of an earlier layer. Group and version are those of today, as in kustomize.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Previous {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
    pub(crate) previous: Vec<Previous>,
    pub(crate) prefixes: Vec<String>,
    pub(crate) suffixes: Vec<String>,
    /// Whether its name gets a suffix made from its content.
    pub(crate) hashed: bool,
    /// A patch deleted it; it is dropped at the end of the layer.
    pub(crate) deleted: bool,
}

impl Object {
    pub(crate) fn new(value: Value, origin: Origin) -> Self {
        let (previous, prefixes, suffixes) = Default::default();
        Self { value, origin, previous, prefixes, suffixes, hashed: false, deleted: false }
    }

    fn text(&self, key: &str) -> &str {
        self.value.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    fn metadata(&self, key: &str) -> &str {
        self.value.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn api_version(&self) -> &str {
        self.text("apiVersion")
    }

    pub(crate) fn kind(&self) -> &str {
        self.text("kind")
    }

    pub(crate) fn name(&self) -> &str {
        self.metadata("name")
    }

    /// As written, empty when it names none.
    pub(crate) fn namespace(&self) -> &str {
        self.metadata("namespace")
    }

    pub(crate) fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    pub(crate) fn version(&self) -> &str {
        self.api_version().split_once('/').map_or(self.api_version(), |(_, version)| version)
    }

    pub(crate) fn gvk(&self) -> Gvk {
        Gvk { group: self.group().to_owned(), version: self.version().to_owned(), kind: self.kind().to_owned() }
    }

    pub(crate) fn is_cluster_scoped(&self) -> bool {
        is_cluster_scoped(self.api_version(), self.kind())
    }

    pub(crate) fn effective_namespace(&self) -> &str {
        match self.namespace() {
            _ if self.is_cluster_scoped() => NO_NAMESPACE,
            "" => "default",
            namespace => namespace,
        }
    }

    pub(crate) fn id(&self) -> Id {
        Id { gvk: self.gvk(), namespace: self.effective_namespace().to_owned(), name: self.name().to_owned() }
    }

    pub(crate) fn is(&self, id: &Id) -> bool {
        self.name() == id.name && self.has_gvk(&id.gvk) && self.effective_namespace() == id.namespace
    }

    /// Whether it is or ever was `id`.
    pub(crate) fn is_or_was(&self, id: &Id) -> bool {
        self.is(id)
            || (self.group() == id.gvk.group
                && self.version() == id.gvk.version
                && self.previous.iter().any(|previous| {
                    previous.name == id.name && previous.kind == id.gvk.kind && previous.namespace == id.namespace
                }))
    }

    fn has_gvk(&self, gvk: &Gvk) -> bool {
        self.kind() == gvk.kind && self.group() == gvk.group && self.version() == gvk.version
    }

    /// Kind, name and effective namespace at first sight.
    pub(crate) fn original(&self) -> Previous {
        self.previous.first().cloned().unwrap_or_else(|| self.today())
    }

    fn today(&self) -> Previous {
        Previous {
            kind: self.kind().to_owned(),
            name: self.name().to_owned(),
            namespace: self.effective_namespace().to_owned(),
        }
    }

    /// Remembers today's id before it changes.
    pub(crate) fn remember(&mut self) {
        self.previous.push(self.today());
    }

    pub(crate) fn set_name(&mut self, name: String) {
        self.metadata_mut().insert("name".to_owned(), Value::String(name));
    }

    pub(crate) fn set_kind(&mut self, kind: &str) {
        if let Value::Object(map) = &mut self.value {
            map.insert("kind".to_owned(), Value::String(kind.to_owned()));
        }
    }

    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if namespace.is_empty() {
            self.metadata_mut().remove("namespace");
        } else {
            self.metadata_mut().insert("namespace".to_owned(), Value::String(namespace.to_owned()));
        }
    }

    /// A string mapping in the metadata; what is not a string is left out.
    pub(crate) fn metadata_map(&self, key: &str) -> impl Iterator<Item = (&str, String)> {
        let map = self.value.get("metadata").and_then(|metadata| metadata.get(key)).and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, value)| (key.as_str(), crate::strategic::text(value)))
    }

    pub(crate) fn metadata_mut(&mut self) -> &mut Map<String, Value> {
        if !self.value.get("metadata").is_some_and(Value::is_object) {
            self.value["metadata"] = Value::Object(Map::new());
        }
        self.value["metadata"].as_object_mut().expect("made a mapping above")
    }

    /// `Deployment shop/api`, for messages.
    pub(crate) fn title(&self) -> String {
        match self.namespace() {
            "" => format!("{} {}", self.kind(), self.name()),
            namespace => format!("{} {namespace}/{}", self.kind(), self.name()),
        }
    }

    /// `base/api.yaml:3`, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.origin.file, self.origin.location.line)
    }
}

static CLUSTER_SCOPED: LazyLock<BTreeSet<(&str, &str)>> = LazyLock::new(|| {
    crate::spec::rows(include_str!("../data/cluster_scoped.tsv")).map(|row| (row[0], row[1])).collect()
});

/// Known to live outside of namespaces. Unknown kinds live in one.
pub(crate) fn is_cluster_scoped(api_version: &str, kind: &str) -> bool {
    CLUSTER_SCOPED.contains(&(api_version, kind))
}
