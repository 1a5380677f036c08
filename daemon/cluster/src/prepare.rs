//! Makes of a manifest what is sent: without what only the server sets, with whose it is.
//!
//! Always: no message holds a value of the manifest.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use taffrail_model::{Manifest, ObjectKey};
use taffrail_ports::cluster::{APPLICATION_LABEL, OWNER_ANNOTATION, Owner};

use crate::address::{Resource, is_segment};
use crate::place::Place;

/// Fields of metadata that the server sets. Set by an apply they are refused, ignored, or a precondition.
const SERVERS_OWN: [&str; 6] =
    ["managedFields", "uid", "resourceVersion", "creationTimestamp", "generation", "selfLink"];

/// A manifest, ready to be sent.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// What it is, as the cluster sees it: without a namespace if the kind has none.
    pub key: ObjectKey,
    /// What is sent.
    pub body: Manifest,
}

impl Prepared {
    pub fn new(mut manifest: Manifest, owner: &Owner, resource: &Resource) -> Result<Self, String> {
        let key = placed(manifest.key(), resource)?;
        for field in SERVERS_OWN {
            manifest.metadata_mut().remove(field);
        }
        if key.namespace.is_none() {
            manifest.metadata_mut().remove("namespace");
        }
        manifest.set_label(APPLICATION_LABEL, owner.application.as_str());
        manifest.set_annotation(OWNER_ANNOTATION, &owner.mark(&key));
        let Value::Object(mut body) = manifest.into_value() else { unreachable!("a manifest is a mapping") };
        body.remove("status");
        if key.is_secret() {
            fold_string_data(&mut body)?;
        }
        let body = Manifest::new(Value::Object(body)).expect("apiVersion, kind and name were not touched");
        Ok(Self { key, body })
    }
}

/// A manifest of the object at `place` that sets nothing.
pub(crate) fn bare(place: &Place) -> Manifest {
    let ObjectKey { kind, namespace, name, .. } = &place.object;
    let mut manifest = Manifest::new(json!({
        "apiVersion": place.resource.api_version, "kind": kind, "metadata": { "name": name },
    }))
    .expect("an object has a kind and a name");
    if let Some(namespace) = namespace {
        manifest.metadata_mut().insert("namespace".to_owned(), namespace.as_str().into());
    }
    manifest
}

/// `key` as the cluster sees it.
pub(crate) fn placed(mut key: ObjectKey, resource: &Resource) -> Result<ObjectKey, String> {
    if !resource.namespaced {
        key.namespace = None;
    } else if key.namespace.is_none() {
        return Err(format!("{key} names no namespace, and {} is namespaced", key.kind));
    }
    for name in [Some(&key.name), key.namespace.as_ref()].into_iter().flatten() {
        if !is_segment(name) {
            return Err(format!("{name:?} cannot be a name: it is \".\", \"..\", or contains \"/\" or \"%\""));
        }
    }
    Ok(key)
}

/// Under server-side apply a key that is removed from `stringData` stays in `data`, and `stringData` itself stays in
/// the managed fields.
fn fold_string_data(secret: &mut Map<String, Value>) -> Result<(), String> {
    let mut folded = Map::new();
    for (field, value) in take(secret, "data")? {
        // Go's decoder skips line breaks.
        let text = value.as_str().map(|text| text.replace(['\r', '\n'], ""));
        let Some(text) = text.filter(|text| STANDARD.decode(text).is_ok()) else {
            return Err(format!("data.{field} of the Secret is not base64; plain text goes into stringData"));
        };
        folded.insert(field, text.into());
    }
    for (field, value) in take(secret, "stringData")? {
        let Some(text) = value.as_str() else {
            return Err(format!("stringData.{field} of the Secret is not a string; put it in quotes"));
        };
        folded.insert(field, STANDARD.encode(text).into());
    }
    if !folded.is_empty() {
        secret.insert("data".to_owned(), Value::Object(folded));
    }
    Ok(())
}

fn take(secret: &mut Map<String, Value>, field: &str) -> Result<Map<String, Value>, String> {
    match secret.remove(field) {
        None | Some(Value::Null) => Ok(Map::new()),
        Some(Value::Object(map)) => Ok(map),
        Some(_) => Err(format!("{field} of the Secret is not a mapping")),
    }
}

#[cfg(test)]
mod tests;
