//! What a kustomization does to all objects of its layer: namespace, names, labels, annotations, replicas, images.
//!
//! What always holds: each pass looks at each object once; errors are sentences that name the object and its place.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};
use taffrail_yaml::Location;

use crate::object::Object;
use crate::selector::compile;
use crate::set::ObjectSet;
use crate::spec::{FieldSpec, Make, merge, table};

macro_rules! tables {
    ($($name:ident = $file:literal),* $(,)?) => {
        $(static $name: LazyLock<Vec<FieldSpec>> = LazyLock::new(|| table(include_str!(concat!("../data/", $file))));)*
    };
}

tables! {
    COMMON_LABELS = "common_labels.tsv",
    TEMPLATE_LABELS = "template_labels.tsv",
    ANNOTATIONS = "annotations.tsv",
    IMAGES = "images.tsv",
    REPLICAS = "replicas.tsv",
    NAMESPACES = "namespaces.tsv",
}

/// An item of `labels`.
#[derive(Debug)]
pub(crate) struct Labels {
    pub(crate) location: Location,
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    pub(crate) fields: Vec<FieldSpec>,
}

/// An item of `replicas`.
#[derive(Debug)]
pub(crate) struct Replicas {
    pub(crate) location: Location,
    pub(crate) name: String,
    pub(crate) count: i64,
}

/// An item of `images`.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) location: Location,
    pub(crate) name: String,
    pattern: Regex,
    new_name: String,
    new_tag: String,
    digest: String,
    tag_suffix: String,
}

fn explain(object: &Object, what: &str) -> String {
    format!("{} ({}) {what}", object.title(), object.place())
}

/// Applies `change` at every spec that selects the object.
fn visit(
    object: &mut Object,
    specs: &[FieldSpec],
    make: Make,
    set: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    for spec in specs {
        if spec.selects_object(object) {
            let visited = spec.visit(&mut object.value, make, set);
            visited.map_err(|what| explain(object, &what))?;
        }
    }
    Ok(())
}

/// Sets the namespace of everything that is not known to be cluster-scoped, and of what refers to it.
pub(crate) fn namespace(set: &mut ObjectSet, namespace: &str) -> Result<(), String> {
    for object in &mut set.objects {
        object.remember();
        if !object.is_cluster_scoped() {
            object.set_namespace(namespace);
        }
        if matches!(object.kind(), "RoleBinding" | "ClusterRoleBinding") {
            let subjects = object.value.get_mut("subjects").and_then(Value::as_array_mut);
            for subject in subjects.into_iter().flatten().filter_map(Value::as_object_mut) {
                if subject.get("name").is_some_and(|name| name == "default") {
                    subject.insert("namespace".to_owned(), Value::from(namespace));
                }
            }
        }
        let core = object.api_version() == "v1";
        let specs: Vec<FieldSpec> =
            NAMESPACES.iter().filter(|spec| core || spec.path != "metadata/name").cloned().collect();
        visit(object, &specs, Make::Scalar, &mut |field| {
            if field.is_object() || field.is_array() {
                return Err("a namespace should be a scalar".to_owned());
            }
            *field = Value::from(namespace);
            Ok(())
        })?;
    }
    set.touch_all();
    Ok(())
}

/// Puts a prefix and a suffix around every name but those of namespaces, CRDs and API services.
pub(crate) fn rename(set: &mut ObjectSet, prefix: &str, suffix: &str) {
    for object in &mut set.objects {
        let kind = object.previous.first().map_or(object.kind(), |first| first.kind.as_str());
        let keeps_name = matches!(kind, "CustomResourceDefinition" | "Namespace")
            || (kind == "APIService" && object.group() == "apiregistration.k8s.io");
        if keeps_name {
            continue;
        }
        if !prefix.is_empty() {
            object.prefixes.push(prefix.to_owned());
            object.remember();
            object.set_name(format!("{prefix}{}", object.name()));
        }
        if !suffix.is_empty() {
            object.suffixes.push(suffix.to_owned());
            object.remember();
            object.set_name(format!("{}{suffix}", object.name()));
        }
    }
    set.touch_all();
}

/// An item of `labels`.
pub(crate) fn labels(set: &mut ObjectSet, labels: &Labels) -> Result<(), String> {
    let mut specs = labels.fields.clone();
    if labels.include_selectors {
        merge(&mut specs, &COMMON_LABELS)?;
    } else {
        if labels.include_templates {
            merge(&mut specs, &TEMPLATE_LABELS)?;
        }
        merge(&mut specs, &[FieldSpec::at("metadata/labels", true)])?;
    }
    set_pairs(set, &specs, &labels.pairs)
}

/// `commonLabels`.
pub(crate) fn common_labels(set: &mut ObjectSet, pairs: &BTreeMap<String, String>) -> Result<(), String> {
    set_pairs(set, &COMMON_LABELS, pairs)
}

/// `commonAnnotations`.
pub(crate) fn annotations(set: &mut ObjectSet, pairs: &BTreeMap<String, String>) -> Result<(), String> {
    set_pairs(set, &ANNOTATIONS, pairs)
}

fn set_pairs(set: &mut ObjectSet, specs: &[FieldSpec], pairs: &BTreeMap<String, String>) -> Result<(), String> {
    if pairs.is_empty() {
        return Ok(());
    }
    for object in &mut set.objects {
        visit(object, specs, Make::Mapping, &mut |field| {
            if field.is_null() {
                *field = Value::Object(Map::new());
            }
            let map = field.as_object_mut().ok_or_else(|| "a mapping is expected".to_owned())?;
            map.extend(pairs.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))));
            Ok(())
        })?;
    }
    Ok(())
}

/// An item of `replicas`: sets the count of what has or had the name and is of a kind with replicas.
pub(crate) fn replicas(set: &mut ObjectSet, replicas: &Replicas) -> Result<(), String> {
    let mut found = false;
    let positions: Vec<usize> = set.candidates(&replicas.name, None).collect();
    for spec in REPLICAS.iter() {
        for position in &positions {
            let object = &mut set.objects[*position];
            let named = |kind: &str, name: &str| kind == spec.kind && name == replicas.name;
            let is = named(object.kind(), object.name())
                || object.previous.iter().any(|previous| named(&previous.kind, &previous.name));
            if !is {
                continue;
            }
            found = true;
            let specs = std::slice::from_ref(spec);
            visit(object, specs, Make::Scalar, &mut |field| {
                *field = Value::from(replicas.count);
                Ok(())
            })?;
        }
    }
    if found {
        return Ok(());
    }
    let nearest = taffrail_yaml::nearest(&replicas.name, set.names());
    let hint = nearest.map_or(String::new(), |name| format!("; did you mean {name}?"));
    Err(format!("no Deployment, StatefulSet, ReplicaSet or ReplicationController is named {}{hint}", replicas.name))
}

impl Image {
    /// The error says what is wrong with the name.
    pub(crate) fn new(
        location: Location,
        name: &str,
        new_name: String,
        new_tag: String,
        digest: String,
        tag_suffix: String,
    ) -> Result<Self, String> {
        // The name is not escaped: kustomize takes it as a regular expression.
        let pattern = compile(&format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$"))?;
        Ok(Self { location, name: name.to_owned(), pattern, new_name, new_tag, digest, tag_suffix })
    }

    /// Bytes that it may write into one object with a container of this image.
    pub(crate) fn written(&self) -> usize {
        self.new_name.len() + self.new_tag.len() + self.digest.len() + self.tag_suffix.len()
    }

    /// The new text of an image, if it is this one.
    fn replace(&self, image: &str) -> Option<String> {
        if !self.pattern.is_match(image) {
            return None;
        }
        let (name, tag, digest) = split_image(image);
        let name = if self.new_name.is_empty() { name } else { &self.new_name };
        let suffixed = format!("{tag}{}", self.tag_suffix);
        let (tag, digest) = match (self.new_tag.as_str(), self.digest.as_str()) {
            ("", "") if self.tag_suffix.is_empty() => (tag, digest),
            ("", "") => (suffixed.as_str(), ""),
            (tag, digest) => (tag, digest),
        };
        let part = |mark: &str, text: &str| if text.is_empty() { String::new() } else { format!("{mark}{text}") };
        Some(format!("{name}{}{}", part(":", tag), part("@", digest)))
    }
}

/// Name, tag and digest. A `:` before the first `/` belongs to a registry's port.
fn split_image(image: &str) -> (&str, &str, &str) {
    let path = image.find('/').unwrap_or(0);
    let (rest, digest) = match image[path..].find('@') {
        Some(at) => (&image[..path + at], &image[path + at + 1..]),
        None => (image, ""),
    };
    match rest[path.min(rest.len())..].find(':') {
        Some(at) => (&rest[..path + at], &rest[path + at + 1..], digest),
        None => (rest, "", digest),
    }
}

/// An item of `images`; says whether any image was meant.
pub(crate) fn images(set: &mut ObjectSet, image: &Image) -> Result<bool, String> {
    let mut found = false;
    let mut change = |field: &mut Value| {
        if let Some(new) = field.as_str().and_then(|text| image.replace(text)) {
            found = true;
            *field = Value::from(new);
        }
        Ok(())
    };
    for object in &mut set.objects {
        if object.kind() == "CustomResourceDefinition" {
            continue;
        }
        containers(&mut object.value, &mut change)?;
        visit(object, &IMAGES, Make::Nothing, &mut change)?;
    }
    Ok(found)
}

/// kustomize's older pass: `containers` and `initContainers` at any depth. Recursion is bounded by parsed depth.
fn containers(value: &mut Value, change: &mut dyn FnMut(&mut Value) -> Result<(), String>) -> Result<(), String> {
    match value {
        Value::Array(items) => items.iter_mut().try_for_each(|item| containers(item, change)),
        Value::Object(map) => map.iter_mut().try_for_each(|(key, value)| {
            containers(value, change)?;
            if key != "containers" && key != "initContainers" {
                return Ok(());
            }
            let items = value.as_array_mut().into_iter().flatten();
            items.filter_map(|item| item.get_mut("image")).try_for_each(&mut *change)
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_only_the_named_image() {
        let image = |new_name: &str, new_tag: &str, digest: &str, suffix: &str| {
            let text = str::to_owned;
            Image::new(Location::default(), "r:5000/a", text(new_name), text(new_tag), text(digest), text(suffix))
                .unwrap()
        };
        for (image, from, to) in [
            (image("", "2", "", ""), "r:5000/a:1@sha256:x", Some("r:5000/a:2")),
            (image("b", "", "", ""), "r:5000/a:1", Some("b:1")),
            (image("", "", "sha256:y", ""), "r:5000/a:1", Some("r:5000/a@sha256:y")),
            (image("", "", "", "-x"), "r:5000/a:1", Some("r:5000/a:1-x")),
            (image("", "2", "", ""), "r:5000/ab:1", None),
        ] {
            assert_eq!(image.replace(from).as_deref(), to, "{from}");
        }
    }
}
