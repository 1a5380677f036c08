//! Strategic merge, as kustomize does it (kyaml's `merge2` and `walk`), surprises included:
//!
//! elements of a merged list come out with the patch's first; a walk over an object also removes duplicates (by key)
//! from its merged lists; nulls in what a patch adds are dropped; a null in the object stays.
//!
//! What always holds: `$setElementOrder`, `$retainKeys` and `$deleteFromPrimitiveList`, which kustomize leaves in its
//! output, are refused.

use serde_json::{Map, Value};

use crate::schema::{self, Field, Type};

const DIRECTIVE: &str = "$patch";
/// Elements of a list merged by key: merging compares each with each.
const MOST_ELEMENTS: usize = 2000;

/// What is known about the value being merged.
#[derive(Clone, Copy)]
enum Known {
    Nothing,
    Type(&'static Type),
    Values(&'static str),
    Merged { keys: &'static str, items: &'static str },
}

/// The object with the patch applied; `None` when the patch deletes it.
pub(crate) fn merge(object: Value, patch: Value) -> Result<Option<Value>, String> {
    refuse_leaks(&patch)?;
    merge_nodes(Some(object), Some(patch), Known::Nothing)
}

/// A scalar's text, by which kustomize compares; empty for what is none.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => String::new(),
    }
}

/// Recursion here and below is bounded by the depth of parsed YAML.
fn refuse_leaks(patch: &Value) -> Result<(), String> {
    match patch {
        Value::Array(items) => items.iter().try_for_each(refuse_leaks),
        Value::Object(map) => map.iter().try_for_each(|(key, value)| {
            let leaks = key.starts_with("$setElementOrder/")
                || key.starts_with("$deleteFromPrimitiveList/")
                || key == "$retainKeys";
            if leaks { Err(format!("the directive {key} is not supported")) } else { refuse_leaks(value) }
        }),
        _ => Ok(()),
    }
}

fn merge_nodes(dest: Option<Value>, patch: Option<Value>, known: Known) -> Result<Option<Value>, String> {
    let first = [&dest, &patch].into_iter().flatten().find(|value| !value.is_null());
    match first {
        None => Ok(if patch.is_some() { None } else { dest }),
        Some(Value::Object(_)) => {
            same_kind(&dest, &patch, "a mapping", Value::is_object)?;
            merge_mappings(dest, patch, known)
        }
        Some(Value::Array(_)) => {
            same_kind(&dest, &patch, "a list", Value::is_array)?;
            match known {
                Known::Merged { keys, items } => merge_lists(dest, patch, keys, items),
                _ => Ok(patch.or(dest).filter(|value| !value.is_null())),
            }
        }
        Some(_) => {
            same_kind(&dest, &patch, "a scalar", |value| !value.is_object() && !value.is_array())?;
            Ok(patch.or(dest).filter(|value| !value.is_null()))
        }
    }
}

fn same_kind(dest: &Option<Value>, patch: &Option<Value>, what: &str, fits: fn(&Value) -> bool) -> Result<(), String> {
    if [dest, patch].into_iter().flatten().all(|value| value.is_null() || fits(value)) {
        return Ok(());
    }
    Err(format!("the object has {what} where the patch has none, or the other way round"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(value: &Value) -> Result<Directive, String> {
    match value.as_str() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        _ => Err(format!("{DIRECTIVE} should be delete, replace or merge")),
    }
}

/// Takes the directive out of a patch's mapping.
fn take_directive(map: &mut Map<String, Value>) -> Result<Directive, String> {
    map.remove(DIRECTIVE).map_or(Ok(Directive::Merge), |value| directive(&value))
}

fn merge_mappings(dest: Option<Value>, patch: Option<Value>, known: Known) -> Result<Option<Value>, String> {
    let mut patch = match patch {
        Some(Value::Object(map)) => Some(map),
        Some(_) => return Ok(None),
        None => None,
    };
    let directive = patch.as_mut().map_or(Ok(Directive::Merge), take_directive)?;
    let mut dest = match dest {
        _ if directive == Directive::Delete => return Ok(None),
        Some(Value::Object(map)) if directive == Directive::Merge => map,
        // What a patch adds is merged with itself: that drops its nulls and obeys the directives inside of it.
        _ => patch.clone().unwrap_or_default(),
    };
    dest.remove(DIRECTIVE);
    let known = match known {
        Known::Nothing => of_object(&dest, patch.as_ref()),
        known => known,
    };
    let mut patch = patch.unwrap_or_default();
    let mut merged = Map::new();
    for (key, value) in dest {
        let below = below(known, &key);
        if let Some(value) = merge_nodes(Some(value), patch.remove(&key), below)? {
            merged.insert(key, value);
        }
    }
    for (key, value) in patch {
        let below = below(known, &key);
        if let Some(value) = merge_nodes(None, Some(value), below)? {
            merged.insert(key, value);
        }
    }
    Ok(Some(Value::Object(merged)))
}

/// The type of what names its kind: the object itself, or one embedded where the schema says nothing.
fn of_object(dest: &Map<String, Value>, patch: Option<&Map<String, Value>>) -> Known {
    let text =
        |map: &Map<String, Value>, key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    [Some(dest), patch]
        .into_iter()
        .flatten()
        .find_map(|map| schema::of_kind(&text(map, "apiVersion"), &text(map, "kind")))
        .map_or(Known::Nothing, Known::Type)
}

fn below(known: Known, key: &str) -> Known {
    let typed = |name| schema::named(name).map_or(Known::Nothing, Known::Type);
    match known {
        Known::Type(known) => match known.field(key) {
            Some(Field::Mapping(name)) => typed(name),
            Some(Field::Values(name)) => Known::Values(name),
            Some(Field::Merged { keys, items }) => Known::Merged { keys, items },
            None => Known::Nothing,
        },
        Known::Values(name) => typed(name),
        _ => Known::Nothing,
    }
}

fn merge_lists(
    dest: Option<Value>,
    patch: Option<Value>,
    keys: &'static str,
    items: &'static str,
) -> Result<Option<Value>, String> {
    let mut patch = match patch {
        Some(Value::Array(items)) => Some(items),
        Some(_) => return Ok(None),
        None => None,
    };
    let directive = patch.as_mut().map_or(Ok(Directive::Merge), take_list_directive)?;
    let dest = match dest {
        _ if directive == Directive::Delete => return Ok(None),
        Some(Value::Array(items)) if directive == Directive::Merge => items,
        _ => patch.clone().unwrap_or_default(),
    };
    let keys: Vec<&str> = if keys == "=" { vec![""] } else { keys.split(',').collect() };
    let known = schema::named(items).map_or(Known::Nothing, Known::Type);
    Ok(Some(Value::Array(merge_elements(dest, patch, &keys, known)?)))
}

/// An element that is nothing but a directive speaks for the whole list.
fn take_list_directive(items: &mut Vec<Value>) -> Result<Directive, String> {
    let lone = |item: &Value| item.as_object().is_some_and(|map| map.len() == 1 && map.contains_key(DIRECTIVE));
    // kyaml looks only at the first element that has a directive.
    let first = items.iter().position(|item| item.get(DIRECTIVE).is_some());
    let Some(first) = first.filter(|first| lone(&items[*first])) else { return Ok(Directive::Merge) };
    let found = directive(&items[first][DIRECTIVE])?;
    let said = items[first][DIRECTIVE].clone();
    items.retain(|item| item.get(DIRECTIVE) != Some(&said));
    Ok(found)
}

/// The values of an element's keys, empty where it has none.
type Key = Vec<String>;

fn merge_elements(
    dest: Vec<Value>,
    patch: Option<Vec<Value>>,
    keys: &[&str],
    known: Known,
) -> Result<Vec<Value>, String> {
    if dest.len() + patch.as_ref().map_or(0, Vec::len) > MOST_ELEMENTS {
        return Err(format!("a list merged by key has more than the limit of {MOST_ELEMENTS} elements"));
    }
    let keyless = |element: &Value| !keys[0].is_empty() && keys.iter().all(|key| key_text(element, key).is_empty());
    let keyed = patch.iter().flatten().chain(&dest).any(|element| !keyless(element));
    if keyed && patch.iter().flatten().any(keyless) {
        // kustomize would empty the list.
        return Err(format!("a list merged by {} has an element without it", keys.join(" and ")));
    }
    let mut wanted: Vec<Key> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for element in patch.iter().flatten().chain(&dest) {
        let key: Key = keys.iter().map(|key| key_text(element, key)).collect();
        if seen.insert(key.clone()) {
            wanted.push(key);
        }
    }
    if keys.len() > 1 {
        unify(&mut wanted);
    }
    let valid: Vec<usize> = valid_keys(&wanted, keys.len());
    let valid_names: Vec<&str> = valid.iter().map(|index| keys[*index]).collect();
    let mut dest = dest;
    let mut merged: Vec<Value> = Vec::new();
    for key in &wanted {
        let values: Vec<&str> = valid.iter().map(|index| key[*index].as_str()).collect();
        // To find an element only the keys that this one has are asked for.
        let own: Vec<usize> = valid_keys(std::slice::from_ref(key), keys.len());
        let own: Vec<(&str, &str)> = valid
            .iter()
            .filter(|index| own.contains(index))
            .map(|index| (keys[*index], key[*index].as_str()))
            .collect();
        let at = dest.iter().position(|element| matches(element, &own));
        let change = patch.iter().flatten().find(|element| matches(element, &own)).cloned();
        let replaces = change.as_ref().is_some_and(|change| change.get(DIRECTIVE).is_some_and(|d| d == "replace"));
        let value = merge_nodes(at.map(|at| dest[at].clone()), change, known)?;
        let pairs: Vec<(&str, &str)> = valid_names.iter().copied().zip(values.iter().copied()).collect();
        match value.filter(|value| value.as_object().is_none_or(|map| !map.is_empty())) {
            None => remove(&mut dest, &pairs),
            Some(mut value) => {
                if let Value::Object(map) = &mut value {
                    for (name, text) in pairs.iter().filter(|(_, text)| !text.is_empty()) {
                        map.entry(*name).or_insert_with(|| Value::String((*text).to_owned()));
                    }
                }
                // kyaml merges in place, but for a replaced element: there the old one comes back below.
                if let Some(at) = at.filter(|_| !replaces) {
                    dest[at] = value.clone();
                }
                put(&mut merged, value, &pairs);
            }
        }
    }
    if wanted.is_empty() {
        return Ok(dest);
    }
    for element in dest {
        // An element that lacks a key is added as it is, and then once more found by the keys that it has.
        let lacking = valid_names.iter().filter(|name| !name.is_empty() && element.get(**name).is_none()).count();
        for _ in 0..lacking {
            merged.push(element.clone());
        }
        let present: Vec<&str> =
            valid_names.iter().copied().filter(|name| name.is_empty() || element.get(*name).is_some()).collect();
        let values: Vec<String> = present.iter().map(|name| raw_text(&element, name)).collect();
        // kyaml pairs the keys with the values by position, also when a value is missing in between.
        let pairs: Vec<(&str, &str)> = valid_names.iter().copied().zip(values.iter().map(String::as_str)).collect();
        if valid_names.len() > 1 {
            remove(&mut merged, &pairs);
        }
        put(&mut merged, element, &pairs);
    }
    Ok(merged)
}

/// The text of a key's value, empty when missing, null or an empty collection.
fn key_text(element: &Value, key: &str) -> String {
    match if key.is_empty() { Some(element) } else { element.get(key) } {
        None | Some(Value::Null) => String::new(),
        Some(value) => text(value),
    }
}

fn raw_text(element: &Value, key: &str) -> String {
    let value = if key.is_empty() { Some(element) } else { element.get(key) };
    value.map(text).unwrap_or_default()
}

/// Keys that differ only where one of them has nothing become the same: `8080` and `8080/TCP`.
fn unify(wanted: &mut [Key]) {
    for i in 0..wanted.len() {
        for j in 0..wanted.len() {
            if let Some(both) = unified(&wanted[i], &wanted[j]) {
                wanted[i].clone_from(&both);
                wanted[j] = both;
            }
        }
    }
}

fn unified(a: &Key, b: &Key) -> Option<Key> {
    let mut common = false;
    let mut both = Key::new();
    for (x, y) in a.iter().zip(b) {
        common |= x == y;
        if x != y && !x.is_empty() && !y.is_empty() {
            return None;
        }
        both.push(if x.is_empty() { y.clone() } else { x.clone() });
    }
    common.then_some(both)
}

/// The keys that any element has, or all when none has any.
fn valid_keys(wanted: &[Key], count: usize) -> Vec<usize> {
    let used: Vec<usize> = (0..count).filter(|index| wanted.iter().any(|key| !key[*index].is_empty())).collect();
    if used.is_empty() { (0..count).collect() } else { used }
}

/// Whether an element has all the values; an empty value stands for any.
fn matches(element: &Value, pairs: &[(&str, &str)]) -> bool {
    pairs.iter().all(|(name, wanted)| match *name {
        "" => !element.is_null() && text(element) == *wanted,
        name => element.get(name).is_some_and(|value| wanted.is_empty() || text(value) == *wanted),
    })
}

fn is_empty(element: &Value) -> bool {
    element.is_null() || element.as_object().is_some_and(Map::is_empty)
}

fn remove(list: &mut Vec<Value>, pairs: &[(&str, &str)]) {
    list.retain(|element| !is_empty(element) && (pairs.is_empty() || !matches(element, pairs)));
}

/// Replaces every element that matches, or adds one.
fn put(list: &mut Vec<Value>, element: Value, pairs: &[(&str, &str)]) {
    list.retain(|present| !is_empty(present));
    let mut found = false;
    for present in list.iter_mut().filter(|present| matches(present, pairs)) {
        present.clone_from(&element);
        found = true;
    }
    if !found {
        list.push(element);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(spec: Value) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    }

    fn merged(spec: Value, patch: Value) -> Value {
        merge(pod(spec), pod(patch)).unwrap().unwrap()["spec"].clone()
    }

    #[test]
    fn the_patch_comes_first_in_a_merged_list() {
        let list =
            |names: &[&str]| json!({"containers": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()});
        assert_eq!(merged(list(&["a", "b", "c"]), list(&["c", "new"])), list(&["c", "new", "a", "b"]));
    }

    #[test]
    fn obeys_directives_and_nulls() {
        let base = json!({"containers": [{"name": "a", "image": "x"}, {"name": "b"}], "nodeSelector": {"x": "1"}});
        assert_eq!(
            merged(base.clone(), json!({"containers": [{"name": "a", "$patch": "delete"}]}))["containers"],
            json!([{"name": "b"}])
        );
        assert_eq!(
            merged(base.clone(), json!({"containers": [{"$patch": "replace"}, {"name": "z"}]}))["containers"],
            json!([{"name": "z"}])
        );
        assert_eq!(
            merged(base.clone(), json!({"nodeSelector": {"$patch": "replace", "y": "2"}}))["nodeSelector"],
            json!({"y": "2"})
        );
        assert_eq!(merged(base.clone(), json!({"nodeSelector": null})).get("nodeSelector"), None);
        assert_eq!(
            merged(base.clone(), json!({"affinity": {"a": {"b": null, "c": 1}}}))["affinity"],
            json!({"a": {"c": 1}})
        );
        assert!(merge(pod(base.clone()), json!({"$patch": "delete"})).unwrap().is_none());
        assert!(merge(pod(base), pod(json!({"$setElementOrder/containers": []}))).is_err());
    }

    #[test]
    fn ports_merge_by_two_keys_of_which_one_may_be_missing() {
        let base = json!({"containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 81}]}]});
        let patch = json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "http"}]}]});
        assert_eq!(
            merged(base, patch)["containers"][0]["ports"],
            json!([{"containerPort": 80, "name": "http"}, {"containerPort": 81}])
        );
    }

    #[test]
    fn lists_of_unknown_kinds_are_replaced() {
        let object = json!({"apiVersion": "x/v1", "kind": "Y", "list": [{"name": "a"}]});
        let patch = json!({"apiVersion": "x/v1", "kind": "Y", "list": [{"name": "b"}]});
        assert_eq!(merge(object, patch).unwrap().unwrap()["list"], json!([{"name": "b"}]));
    }
}
