//! Field specs: which objects a transformation changes, and at which paths.
//!
//! Source: kustomize's `filters/fieldspec`: `/` separates, `\/` is a slash in a name, `[]` says that a list is
//! expected, lists on the way are walked through, and nothing is created inside of a missing list.

use serde_json::{Map, Value};

use crate::object::Object;

/// What a missing field becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Nothing,
    Scalar,
    Mapping,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FieldSpec {
    /// Empty for any; likewise version and kind.
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) path: String,
    pub(crate) create: bool,
}

impl FieldSpec {
    pub(crate) fn at(path: &str, create: bool) -> Self {
        Self { path: path.to_owned(), create, ..Self::default() }
    }

    fn selects(&self, group: &str, version: &str, kind: &str) -> bool {
        let fits = |wanted: &str, actual: &str| wanted.is_empty() || wanted == actual;
        fits(&self.group, group) && fits(&self.version, version) && fits(&self.kind, kind)
    }

    pub(crate) fn selects_object(&self, object: &Object) -> bool {
        self.selects(object.group(), object.version(), object.kind())
    }

    /// As above, by the kind that the object had at first.
    pub(crate) fn selects_original(&self, object: &Object) -> bool {
        let kind = object.previous.first().map_or(object.kind(), |previous| previous.kind.as_str());
        self.selects(object.group(), object.version(), kind)
    }

    /// Whether `incoming` adds nothing to this one.
    fn covers(&self, incoming: &Self) -> bool {
        incoming.selects(&self.group, &self.version, &self.kind) && self.path == incoming.path
    }

    /// Calls `set` on every field at the path.
    pub(crate) fn visit(
        &self,
        value: &mut Value,
        make: Make,
        set: &mut dyn FnMut(&mut Value) -> Result<(), String>,
    ) -> Result<(), String> {
        let path = split(&self.path);
        let make = if self.create { make } else { Make::Nothing };
        walk(value, &path, make, set).map_err(|what| format!("at {}: {what}", self.path))
    }
}

/// Adds specs that are not there yet; the same path created here and not there is a contradiction.
pub(crate) fn merge(into: &mut Vec<FieldSpec>, incoming: &[FieldSpec]) -> Result<(), String> {
    for spec in incoming {
        match into.iter().find(|present| present.covers(spec)) {
            Some(present) if present.create != spec.create => {
                return Err(format!("the field {} is created in one place and not in another", spec.path));
            }
            Some(_) => {}
            None => into.push(spec.clone()),
        }
    }
    Ok(())
}

/// The rows of a table in `data/`, comments left out.
pub(crate) fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').collect())
}

/// A table of field specs in `data/`.
pub(crate) fn table(table: &'static str) -> Vec<FieldSpec> {
    rows(table).map(|row| from_row(&row)).collect()
}

pub(crate) fn from_row(row: &[&str]) -> FieldSpec {
    let any = |text: &str| if text == "*" { String::new() } else { text.to_owned() };
    FieldSpec {
        group: any(row[0]),
        version: any(row[1]),
        kind: any(row[2]),
        create: row[3] == "create",
        path: row[4].to_owned(),
    }
}

fn split(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in path.strip_prefix('/').unwrap_or(path).split('/') {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push('/');
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// Recursion is bounded by the depth of the value and the length of the path.
fn walk(
    value: &mut Value,
    path: &[String],
    make: Make,
    set: &mut dyn FnMut(&mut Value) -> Result<(), String>,
) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else { return set(value) };
    match value {
        Value::Null => Ok(()),
        Value::Array(items) => items.iter_mut().try_for_each(|item| walk(item, path, make, set)),
        Value::Object(map) => match field(map, first, rest.is_empty(), make)? {
            Some(field) => walk(field, rest, make, set),
            None => Ok(()),
        },
        _ => Err("a mapping or a list is expected".to_owned()),
    }
}

fn field<'v>(
    map: &'v mut Map<String, Value>,
    name: &str,
    last: bool,
    make: Make,
) -> Result<Option<&'v mut Value>, String> {
    let (name, list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
    if name.is_empty() {
        return Err("the path has an empty part".to_owned());
    }
    let fresh = match make {
        Make::Nothing => None,
        _ if list => None,
        Make::Scalar if last => Some(Value::String(String::new())),
        Make::Scalar | Make::Mapping => Some(Value::Object(Map::new())),
    };
    if let Some(fresh) = fresh {
        let field = map.entry(name).or_insert(Value::Null);
        if field.is_null() {
            *field = fresh;
        }
        return Ok(Some(field));
    }
    Ok(map.get_mut(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(mut value: Value, path: &str, create: bool) -> Value {
        let spec = FieldSpec::at(path, create);
        spec.visit(&mut value, Make::Scalar, &mut |field| {
            *field = json!("new");
            Ok(())
        })
        .unwrap();
        value
    }

    #[test]
    fn walks_lists_and_creates_what_it_may() {
        assert_eq!(set(json!({}), "a/b", true), json!({"a": {"b": "new"}}));
        assert_eq!(set(json!({"a": null}), "a/b", true), json!({"a": {"b": "new"}}));
        assert_eq!(set(json!({}), "a/b", false), json!({}));
        assert_eq!(set(json!({"a": [{"b": 1}, {}]}), "a/b", false), json!({"a": [{"b": "new"}, {}]}));
        assert_eq!(set(json!({}), "a[]/b", true), json!({}));
        assert_eq!(set(json!({"a/b": 1}), "a\\/b", false), json!({"a/b": "new"}));
    }
}
