//! A YAML document as a tree that knows where each part stands in its file.
//!
//! What always holds: aliases and merge keys are already expanded; keys of a mapping are unique strings in the order
//! of the file; scalars keep their text, because two readers of Kubernetes resolve the same text differently (see
//! [`Rules`]).

use std::fmt;

use serde_json::{Map, Value};

use crate::resolve::{Rules, resolve};

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it starts.
    pub location: Location,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Text, resolved only when converted.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values, in the order of the file.
    Mapping(Vec<Entry>),
}

/// The text of a scalar, and whether it may be anything but a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// The text, escapes and folding undone.
    pub text: String,
    /// A string whatever it looks like: it was quoted, a block, or tagged `!!str`.
    pub string: bool,
}

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub location: Location,
    /// Its value.
    pub value: Node,
}

impl Node {
    /// The JSON value under `rules`.
    pub fn to_value(&self, rules: Rules) -> Value {
        match &self.content {
            Content::Scalar(scalar) => scalar.to_value(rules),
            Content::Sequence(items) => Value::Array(items.iter().map(|item| item.to_value(rules)).collect()),
            Content::Mapping(entries) => Value::Object(
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_value(rules))).collect::<Map<_, _>>(),
            ),
        }
    }

    /// The value of a key, when this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of a mapping, none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence, none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.content {
            Content::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The text of a scalar as it stands in the file, whatever it resolves to.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Whether it is `null`, `~` or nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar.to_value(Rules::Manifest).is_null())
    }

    /// What a person calls it: "a mapping", "a number"...
    pub fn describe(&self) -> &'static str {
        match &self.content {
            Content::Sequence(_) => "a list",
            Content::Mapping(_) => "a mapping",
            Content::Scalar(scalar) => match scalar.to_value(Rules::Yaml11) {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                _ => "a string",
            },
        }
    }
}

impl Scalar {
    /// The JSON value under `rules`.
    pub fn to_value(&self, rules: Rules) -> Value {
        if self.string { Value::String(self.text.clone()) } else { resolve(&self.text, rules).into_value(&self.text) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}
