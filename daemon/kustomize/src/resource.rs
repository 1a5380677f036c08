//! The objects of a manifest file: documents, with lists flattened.
//!
//! What always holds: every object has a kind and, unless it is a list, a name; annotations are strings with the text
//! of the file (`1.0` stays `1.0`), as kustomize writes all of them anew.

use std::collections::VecDeque;
use std::rc::Rc;

use serde_json::Value;
use taffrail_yaml::{Content, Error, Errors, Limits, Node, Rules, parse};

use crate::object::{Object, Origin};

/// How the strings of a patch's metadata are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metadata {
    /// A manifest's annotations become strings.
    Manifest,
    /// As above, but a null deletes the annotation from the object.
    Patch,
    /// kustomize copies labels and annotations of some patches as text: there `null` becomes "null".
    CopiedPatch,
}

/// Reads the objects of a file; faults go to `errors`.
pub(crate) fn objects(bytes: &[u8], file: &str, limits: &Limits, how: Metadata, errors: &mut Errors) -> Vec<Object> {
    match parse(bytes, file, limits) {
        Ok(documents) => from_documents(documents, file, how, errors),
        Err(error) => {
            errors.push(error);
            Vec::new()
        }
    }
}

/// As [`objects`], of documents that are parsed already.
pub(crate) fn from_documents(documents: Vec<Node>, file: &str, how: Metadata, errors: &mut Errors) -> Vec<Object> {
    let file: Rc<str> = Rc::from(file);
    let mut queue: VecDeque<Node> = documents.into();
    let mut objects = Vec::new();
    // Items of lists go to the end, as in kustomize. Each node of the file is queued at most once.
    while let Some(node) = queue.pop_front() {
        if matches!(&node.content, Content::Mapping(entries) if entries.is_empty()) {
            continue;
        }
        match check(&node, &file) {
            Err(error) => errors.push(error),
            Ok(true) => queue.extend(items(node)),
            Ok(false) => {
                let origin = Origin { file: Rc::clone(&file), location: node.location };
                objects.push(Object::new(to_value(&node, how), origin));
            }
        }
    }
    objects
}

/// Whether it is a list to flatten.
fn check(node: &Node, file: &str) -> Result<bool, Error> {
    if !matches!(node.content, Content::Mapping(_)) {
        let what = format!("is {} where a Kubernetes object is expected", node.describe());
        return Err(Error::at(file, node.location, what));
    }
    let string = |node: &Node, name: &str, key: &str| match node.get(key) {
        None => Ok(None),
        Some(value) if value.is_null() => Ok(None),
        Some(value) => match value.to_value(Rules::Manifest) {
            Value::String(text) => Ok(Some(text).filter(|text| !text.is_empty())),
            _ => {
                let what = format!("{name} should be a string, but is {}", value.describe());
                Err(Error::at(file, value.location, what).hint("put it in quotes"))
            }
        },
    };
    string(node, "apiVersion", "apiVersion")?;
    let missing = |what: &str| Error::at(file, node.location, format!("an object here has no {what}"));
    let kind = string(node, "kind", "kind")?.ok_or_else(|| missing("kind"))?;
    if kind.ends_with("List") {
        match node.get("items") {
            Some(items) if items.is_null() || matches!(items.content, Content::Sequence(_)) => return Ok(true),
            Some(items) => {
                let what = format!("items of a {kind} should be a list, but is {}", items.describe());
                return Err(Error::at(file, items.location, what));
            }
            None => return Ok(false),
        }
    }
    let metadata = node.get("metadata").ok_or_else(|| missing("metadata.name"))?;
    string(metadata, "metadata.namespace", "namespace")?;
    if string(metadata, "metadata.name", "name")?.is_none() {
        let error = missing("metadata.name");
        let generated = string(metadata, "metadata.generateName", "generateName")?.is_some();
        let why = "with generateName the server would make another one each time it is applied: give it a name";
        return Err(if generated { error.hint(why) } else { error });
    }
    Ok(false)
}

fn items(list: Node) -> Vec<Node> {
    let Content::Mapping(entries) = list.content else { return Vec::new() };
    let items = entries.into_iter().find(|entry| entry.key == "items");
    match items.map(|entry| entry.value.content) {
        Some(Content::Sequence(items)) => items,
        _ => Vec::new(),
    }
}

fn to_value(node: &Node, how: Metadata) -> Value {
    let mut value = node.to_value(Rules::Manifest);
    let keys: &[&str] = if how == Metadata::CopiedPatch { &["labels", "annotations"] } else { &["annotations"] };
    for key in keys {
        let Some(strings) = node.get("metadata").and_then(|metadata| metadata.get(key)) else { continue };
        let Some(map) = value["metadata"].as_object_mut() else { continue };
        if how == Metadata::CopiedPatch && strings.entries().is_empty() {
            map.remove(*key);
            continue;
        }
        for entry in strings.entries() {
            if let Some(text) = entry.value.text().filter(|_| how != Metadata::Patch || !entry.value.is_null()) {
                map[*key][&entry.key] = Value::String(text.to_owned());
            }
        }
    }
    value
}
