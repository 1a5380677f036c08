//! ConfigMaps and Secrets made from files, literals and env files, and how they join the objects that are there.

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine;
use serde_json::{Map, Value, json};
use taffrail_yaml::{Error, Errors, Location};

use crate::kustomization::Located;
use crate::loader::Loader;
use crate::object::{Object, Origin};
use crate::path::RepositoryPath;
use crate::set::ObjectSet;

/// An item of `configMapGenerator` or `secretGenerator`, global options included.
#[derive(Debug)]
pub(crate) struct Generator {
    pub(crate) location: Location,
    pub(crate) secret: bool,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) behavior: String,
    pub(crate) envs: Vec<Located>,
    pub(crate) literals: Vec<Located>,
    pub(crate) files: Vec<Located>,
    pub(crate) options: Options,
    pub(crate) secret_type: Option<String>,
}

/// `generatorOptions`, or a generator's own `options`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}

impl Options {
    pub(crate) fn with_global(mut self, global: &Self) -> Self {
        for (own, all) in [(&mut self.labels, &global.labels), (&mut self.annotations, &global.annotations)] {
            for (key, value) in all {
                own.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        self.disable_name_suffix_hash |= global.disable_name_suffix_hash;
        self.immutable |= global.immutable;
        self
    }
}

impl Generator {
    /// Makes the object; faults go to `errors`.
    pub(crate) fn generate(
        &self,
        file: &Rc<str>,
        folder: &RepositoryPath,
        loader: &mut Loader<'_>,
        errors: &mut Errors,
    ) -> Object {
        let kind = if self.secret { "Secret" } else { "ConfigMap" };
        let mut metadata = json!({ "name": self.name });
        if !self.namespace.is_empty() {
            metadata["namespace"] = json!(self.namespace);
        }
        for (key, map) in [("labels", &self.options.labels), ("annotations", &self.options.annotations)] {
            if !map.is_empty() {
                metadata[key] = json!(map);
            }
        }
        let mut value = json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata });
        if self.secret {
            value["type"] = json!(self.secret_type.as_deref().unwrap_or("Opaque"));
            value["data"] = json!({});
        }
        if self.options.immutable {
            value["immutable"] = json!(true);
        }
        for (key, bytes) in self.pairs(file, folder, loader, errors) {
            match String::from_utf8(bytes) {
                Ok(text) if !self.secret => value["data"][key] = json!(text),
                Ok(text) => value["data"][key] = json!(base64_lines(text.as_bytes())),
                Err(raw) => {
                    let field = if self.secret { "data" } else { "binaryData" };
                    value[field][key] = json!(base64_lines(raw.as_bytes()));
                }
            }
        }
        let mut object = Object::new(value, Origin { file: Rc::clone(file), location: self.location });
        object.hashed = !self.options.disable_name_suffix_hash;
        object
    }

    fn pairs(
        &self,
        file: &Rc<str>,
        folder: &RepositoryPath,
        loader: &mut Loader<'_>,
        errors: &mut Errors,
    ) -> BTreeMap<String, Vec<u8>> {
        let mut pairs = BTreeMap::new();
        let mut add = |key: &str, value: Vec<u8>, location: Location, errors: &mut Errors| {
            if pairs.insert(key.to_owned(), value).is_some() {
                errors.push(Error::at(file, location, format!("the key \"{key}\" is generated twice")));
            }
        };
        for (path, location) in &self.envs {
            match loader.file(folder, path) {
                Ok((path, bytes)) => match env_lines(&bytes) {
                    Ok(lines) => lines.into_iter().for_each(|(key, value)| add(&key, value.into(), *location, errors)),
                    Err(line) => {
                        let place = Location { line, column: 1 };
                        errors.push(Error::at(path.as_str(), place, "is not UTF-8"));
                    }
                },
                Err(what) => errors.push(Error::at(file, *location, format!("the env file {path} {what}"))),
            }
        }
        for (literal, location) in &self.literals {
            match literal.split_once('=') {
                Some((key, value)) if !key.is_empty() => add(key, unquote(value).into(), *location, errors),
                // The literal itself may be a secret.
                _ => errors.push(Error::at(file, *location, "a literal should be written key=value")),
            }
        }
        for (source, location) in &self.files {
            let (key, path) = match source.split_once('=') {
                None => (source.rsplit('/').next().unwrap_or_default(), source.as_str()),
                Some((key, path)) if !key.is_empty() && !path.is_empty() && !path.contains('=') => (key, path),
                Some(_) => {
                    errors.push(Error::at(file, *location, format!("\"{source}\" should be a path or key=path")));
                    continue;
                }
            };
            match loader.file(folder, path) {
                Ok((_, bytes)) => add(key, bytes, *location, errors),
                Err(what) => errors.push(Error::at(file, *location, format!("the file {path} {what}"))),
            }
        }
        pairs
    }

    /// Adds the object, or merges it into the one that has or had its id. The error is a sentence.
    pub(crate) fn absorb(&self, mut object: Object, set: &mut ObjectSet) -> Result<(), String> {
        let combines = matches!(self.behavior.as_str(), "merge" | "replace");
        let position = match set.any(&object.id())[..] {
            [] if combines => {
                let title = object.title();
                return Err(format!("there is no {title} to {}; use behavior create", self.behavior));
            }
            [] => return set.add(object).map_err(|_| "its id is taken".to_owned()),
            [position] if combines => position,
            [position] => {
                let (title, place) = (object.title(), set.objects[position].place());
                return Err(format!("{title} exists already ({place}); use behavior merge or replace"));
            }
            [first, second, ..] => {
                let (first, second) = (set.objects[first].place(), set.objects[second].place());
                return Err(format!("both {first} and {second} could be meant; change one's name"));
            }
        };
        let old = &set.objects[position];
        for key in ["labels", "annotations"] {
            let mut map: Map<String, Value> =
                old.metadata_map(key).map(|(key, value)| (key.to_owned(), Value::String(value))).collect();
            map.extend(object.metadata_map(key).map(|(key, value)| (key.to_owned(), Value::String(value))));
            if map.is_empty() {
                object.metadata_mut().remove(key);
            } else {
                object.metadata_mut().insert(key.to_owned(), Value::Object(map));
            }
        }
        object.set_name(old.name().to_owned());
        object.set_namespace(old.namespace());
        if self.behavior == "merge" {
            for key in ["data", "binaryData"] {
                merge_data(&old.value, &mut object.value, key);
            }
        }
        object.hashed &= old.hashed;
        object.previous.clone_from(&old.previous);
        object.prefixes.clone_from(&old.prefixes);
        object.suffixes.clone_from(&old.suffixes);
        set.objects[position] = object;
        set.touch(position);
        Ok(())
    }
}

fn merge_data(old: &Value, new: &mut Value, key: &str) {
    let mut merged = Map::new();
    for source in [old, new as &Value] {
        let map = source.get(key).and_then(Value::as_object);
        merged.extend(
            map.into_iter().flatten().map(|(key, value)| (key.clone(), Value::String(crate::strategic::text(value)))),
        );
    }
    if merged.is_empty() {
        new.as_object_mut().expect("an object is a mapping").remove(key);
    } else {
        new[key] = Value::Object(merged);
    }
}

/// Base64 in lines of 70 characters once it needs more than one, as kustomize writes it.
fn base64_lines(bytes: &[u8]) -> String {
    const WIDTH: usize = 70;
    let encoded = base64::engine::general_purpose::STANDARD.encode(bytes);
    if encoded.len() < WIDTH {
        return encoded;
    }
    let mut lines = String::new();
    for line in encoded.as_bytes().chunks(WIDTH) {
        lines.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        lines.push('\n');
    }
    lines
}

fn unquote(text: &str) -> &str {
    let quoted = |quote| text.len() >= 2 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('"') || quoted('\'') { &text[1..text.len() - 1] } else { text }
}

/// `KEY=value` lines; `#` starts a comment, a key alone has an empty value. The error is a line that is not UTF-8.
fn env_lines(bytes: &[u8]) -> Result<Vec<(String, String)>, u32> {
    let mut pairs = Vec::new();
    for (number, line) in (1_u32..).zip(bytes.split(|byte| *byte == b'\n')) {
        let line = std::str::from_utf8(line).map_err(|_| number)?;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let line = if number == 1 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(pairs)
}
