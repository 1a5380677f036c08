//! Reads a mapping whose keys are known in advance: kustomization files, the daemon's configuration.
//!
//! What always holds: every key of the mapping is either read or reported (with the nearest known key); every
//! independent fault is collected, none stops the reading; faults carry their place.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::{Error, Errors};
use crate::nearest::nearest;
use crate::node::{Content, Entry, Location, Node};
use crate::resolve::Rules;

/// A typed view of one mapping. Ask for each known key once, then call [`Fields::finish`].
///
/// ```
/// use taffrail_yaml::{Errors, Fields, Limits, parse};
///
/// let text = b"name: shop\npoll: 30\nlisten:\n  prot: 80\n";
/// let documents = parse(text, "taffrail.yaml", &Limits::default()).expect("valid YAML");
/// let mut errors = Errors::default();
/// let mut fields = Fields::new("taffrail.yaml", &documents[0], &mut errors).expect("a mapping");
/// assert_eq!(fields.string("name").as_deref(), Some("shop"));
/// assert_eq!(fields.integer("poll"), Some(30));
/// assert_eq!(fields.mapping("listen", |listen| listen.integer("port")), Some(None));
/// fields.finish();
/// assert_eq!(errors.to_string(), "taffrail.yaml:4:3: unknown key \"prot\" (did you mean \"port\"?)");
/// ```
pub struct Fields<'n, 'e> {
    file: &'n str,
    location: Location,
    entries: &'n [Entry],
    read: Vec<bool>,
    known: Vec<&'static str>,
    ignore_case: bool,
    errors: &'e mut Errors,
}

impl<'n, 'e> Fields<'n, 'e> {
    /// A view of `node`; `None`, with a fault reported, when it is no mapping.
    pub fn new(file: &'n str, node: &'n Node, errors: &'e mut Errors) -> Option<Self> {
        let Content::Mapping(entries) = &node.content else {
            let what = format!("should be a mapping, but is {}", node.describe());
            errors.push(Error::at(file, node.location, what));
            return None;
        };
        let read = vec![false; entries.len()];
        Some(Self { file, location: node.location, entries, read, known: Vec::new(), ignore_case: false, errors })
    }

    /// Takes keys in any case, as Go's JSON does for kustomization files; holds for nested mappings too.
    #[must_use]
    pub fn ignore_case(mut self) -> Self {
        self.ignore_case = true;
        self
    }

    /// Where the mapping starts.
    pub fn location(&self) -> Location {
        self.location
    }

    /// Whether the key is there, be its value null or not.
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| self.is_named(entry, name))
    }

    /// Where the key's value stands, or the mapping when the key is absent.
    pub fn location_of(&self, name: &str) -> Location {
        let entry = self.entries.iter().find(|entry| self.is_named(entry, name));
        entry.map_or(self.location, |entry| entry.location)
    }

    /// The raw value of a key; a null counts as absent, as everywhere here.
    pub fn node(&mut self, name: &'static str) -> Option<&'n Node> {
        self.known.push(name);
        let mut found: Option<&'n Entry> = None;
        for (index, entry) in self.entries.iter().enumerate() {
            if !self.is_named(entry, name) {
                continue;
            }
            self.read[index] = true;
            if let Some(first) = found {
                let what = format!("\"{}\" is given again; it is already on line {}", entry.key, first.location.line);
                self.errors.push(Error::at(self.file, entry.location, what).hint("keep one of them"));
            }
            found = found.or(Some(entry));
        }
        found.map(|entry| &entry.value).filter(|node| !node.is_null())
    }

    /// A string, absent when missing.
    pub fn string(&mut self, name: &'static str) -> Option<String> {
        let node = self.node(name)?;
        self.as_string(name, node)
    }

    /// A string that must be there and not be empty.
    pub fn required_string(&mut self, name: &'static str) -> Option<String> {
        match self.node(name) {
            None => {
                self.missing(name);
                None
            }
            Some(node) => {
                let text = self.as_string(name, node)?;
                if text.is_empty() {
                    self.error_at(node.location, format!("\"{name}\" is empty"));
                    return None;
                }
                Some(text)
            }
        }
    }

    /// A boolean.
    pub fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let node = self.node(name)?;
        match &node.content {
            Content::Scalar(scalar) if !scalar.string => {
                if let Value::Bool(value) = scalar.to_value(Rules::Yaml11) {
                    return Some(value);
                }
            }
            _ => {}
        }
        self.wrong(name, node, "true or false");
        None
    }

    /// An integer.
    pub fn integer(&mut self, name: &'static str) -> Option<i64> {
        let node = self.node(name)?;
        let value = node.to_value(Rules::Yaml11).as_i64();
        if value.is_none() {
            self.wrong(name, node, "an integer");
        }
        value
    }

    /// A list of strings with their places; none when absent.
    pub fn strings(&mut self, name: &'static str) -> Vec<(String, Location)> {
        let mut texts = Vec::new();
        for item in self.nodes(name) {
            if let Some(text) = self.as_string(name, item) {
                texts.push((text, item.location));
            }
        }
        texts
    }

    /// A mapping of strings to strings.
    pub fn string_map(&mut self, name: &'static str) -> Option<BTreeMap<String, String>> {
        let node = self.node(name)?;
        let Content::Mapping(entries) = &node.content else {
            self.wrong(name, node, "a mapping");
            return None;
        };
        let mut map = BTreeMap::new();
        for entry in entries {
            let value =
                if entry.value.is_null() { Some(String::new()) } else { self.as_string(&entry.key, &entry.value) };
            map.extend(value.map(|value| (entry.key.clone(), value)));
        }
        Some(map)
    }

    /// The items of a list; none when absent.
    pub fn nodes(&mut self, name: &'static str) -> &'n [Node] {
        let Some(node) = self.node(name) else { return &[] };
        let Content::Sequence(items) = &node.content else {
            self.wrong(name, node, "a list");
            return &[];
        };
        items
    }

    /// A nested mapping, read by `read`; its unknown keys are reported when `read` returns.
    pub fn mapping<T>(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'n, '_>) -> T) -> Option<T> {
        let node = self.node(name)?;
        self.nested(node, read)
    }

    /// A list of nested mappings.
    pub fn mappings<T>(&mut self, name: &'static str, mut read: impl FnMut(&mut Fields<'n, '_>) -> T) -> Vec<T> {
        let items = self.nodes(name);
        items.iter().filter_map(|item| self.nested(item, &mut read)).collect()
    }

    /// Reports the keys as known but not supported yet, where they are given.
    pub fn unsupported(&mut self, names: &[&'static str]) {
        for name in names {
            let location = self.location_of(name);
            if self.has(name) {
                self.known.push(name);
                self.mark(name);
                self.errors.push(Error::at(self.file, location, format!("\"{name}\" is not supported yet")));
            }
        }
    }

    /// Reports a fault at a key that was read.
    pub fn error(&mut self, name: &str, what: impl Into<String>) {
        let location = self.location_of(name);
        self.error_at(location, what);
    }

    /// Reports a fault at a place.
    pub fn error_at(&mut self, location: Location, what: impl Into<String>) {
        self.errors.push(Error::at(self.file, location, what));
    }

    /// Reports a key that is missing.
    pub fn missing(&mut self, name: &str) {
        self.errors.push(Error::at(self.file, self.location, format!("the key \"{name}\" is missing")));
    }

    /// Reports every key that was not asked for.
    pub fn finish(self) {
        for (entry, _) in self.entries.iter().zip(&self.read).filter(|(_, read)| !**read) {
            let error = Error::at(self.file, entry.location, format!("unknown key \"{}\"", entry.key));
            self.errors.push(match nearest(&entry.key, self.known.iter().copied()) {
                Some(known) => error.hint(format!("did you mean \"{known}\"?")),
                None => error.hint(format!("known are: {}", self.known.join(", "))),
            });
        }
    }

    fn nested<T>(&mut self, node: &'n Node, read: impl FnOnce(&mut Fields<'n, '_>) -> T) -> Option<T> {
        let mut nested = Fields::new(self.file, node, self.errors)?;
        nested.ignore_case = self.ignore_case;
        let value = read(&mut nested);
        nested.finish();
        Some(value)
    }

    fn mark(&mut self, name: &str) {
        for index in 0..self.entries.len() {
            self.read[index] |= self.is_named(&self.entries[index], name);
        }
    }

    fn is_named(&self, entry: &Entry, name: &str) -> bool {
        if self.ignore_case { entry.key.eq_ignore_ascii_case(name) } else { entry.key == name }
    }

    fn as_string(&mut self, name: &str, node: &Node) -> Option<String> {
        match node.to_value(Rules::Yaml11) {
            Value::String(text) => Some(text),
            Value::Number(_) | Value::Bool(_) => {
                let what = format!("\"{name}\" should be a string, but is {}", node.describe());
                self.errors.push(Error::at(self.file, node.location, what).hint("put it in quotes"));
                None
            }
            _ => {
                self.wrong(name, node, "a string");
                None
            }
        }
    }

    fn wrong(&mut self, name: &str, node: &Node, expected: &str) {
        let what = format!("\"{name}\" should be {expected}, but is {}", node.describe());
        self.error_at(node.location, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, parse};

    #[test]
    fn collects_every_fault_with_its_place() {
        let text = b"Name: 1.10\nresorces: []\nlist: x\nflag: maybe\n";
        let documents = parse(text, "k.yaml", &Limits::default()).unwrap();
        let mut errors = Errors::default();
        let mut fields = Fields::new("k.yaml", &documents[0], &mut errors).unwrap().ignore_case();
        assert_eq!(fields.string("name"), None);
        assert!(fields.strings("list").is_empty());
        assert_eq!(fields.boolean("flag"), None);
        assert!(fields.nodes("resources").is_empty());
        assert_eq!(fields.required_string("kind"), None);
        fields.finish();
        assert_eq!(
            errors.to_string(),
            "k.yaml:1:7: \"name\" should be a string, but is a number (put it in quotes)\n\
             k.yaml:3:7: \"list\" should be a list, but is a string\n\
             k.yaml:4:7: \"flag\" should be true or false, but is a string\n\
             k.yaml:1:1: the key \"kind\" is missing\n\
             k.yaml:2:1: unknown key \"resorces\" (did you mean \"resources\"?)"
        );
    }
}
