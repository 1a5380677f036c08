//! JSON patches (RFC 6902) with JSON pointers (RFC 6901), as kustomize's evanphx/json-patch applies them: an index may
//! be negative and counts from the end; `remove` needs the value to be there; `add` and `replace` need its parent.

use serde_json::Value;

use crate::budget::Budget;

/// One operation.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) what: What,
    pub(crate) path: Pointer,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Add(Value),
    Replace(Value),
    Remove,
    Move(Pointer),
    Copy(Pointer),
    Test(Value),
}

/// The names on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    text: String,
    names: Vec<String>,
}

impl Pointer {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let names = match text.strip_prefix('/') {
            None if text.is_empty() => Vec::new(),
            None => return Err("should start with /".to_owned()),
            Some(names) => names.split('/').map(|name| name.replace("~1", "/").replace("~0", "~")).collect(),
        };
        Ok(Self { text: text.to_owned(), names })
    }
}

impl Operation {
    pub(crate) fn apply(&self, value: &mut Value, budget: &mut Budget) -> Result<(), String> {
        let above = self.path.names.len();
        match &self.what {
            What::Add(new) => {
                budget.write(new, above)?;
                add(value, &self.path, new.clone())
            }
            What::Replace(new) => {
                budget.write(new, above)?;
                replace(value, &self.path, new)
            }
            What::Remove => remove(value, &self.path).map(drop),
            What::Move(from) => {
                let moved = remove(value, from)?;
                budget.write(&moved, above)?;
                add(value, &self.path, moved)
            }
            What::Copy(from) => match find_mut(value, &from.names).cloned() {
                Some(copied) => {
                    budget.write(&copied, above)?;
                    add(value, &self.path, copied)
                }
                None => Err(format!("copy from {}: there is nothing", from.text)),
            },
            What::Test(expected) => {
                let found = find_mut(value, &self.path.names);
                let equal = found.map_or(expected.is_null(), |found| found == expected);
                if equal { Ok(()) } else { Err(format!("test {}: the value is another one", self.path.text)) }
            }
        }
    }
}

fn index(name: &str, length: usize) -> Option<usize> {
    let index: i64 = name.parse().ok()?;
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index + length } else { index }).ok()
}

/// One step a name.
fn find_mut<'v>(value: &'v mut Value, names: &[String]) -> Option<&'v mut Value> {
    names.iter().try_fold(value, |value, name| match value {
        Value::Object(map) => map.get_mut(name),
        Value::Array(items) => index(name, items.len()).and_then(|index| items.get_mut(index)),
        _ => None,
    })
}

fn add(value: &mut Value, path: &Pointer, new: Value) -> Result<(), String> {
    let Some((last, parents)) = path.names.split_last() else {
        *value = new;
        return Ok(());
    };
    match find_mut(value, parents) {
        Some(Value::Object(map)) => {
            map.insert(last.clone(), new);
            Ok(())
        }
        Some(Value::Array(items)) => {
            // A negative index means the place after that element: -1 is the end.
            let position = if last == "-" { Some(items.len()) } else { index(last, items.len() + 1) };
            match position.filter(|position| *position <= items.len()) {
                Some(position) => items.insert(position, new),
                None => return Err(format!("add {}: the list has {} elements", path.text, items.len())),
            }
            Ok(())
        }
        _ => Err(format!("add {}: there is no mapping or list to add to; add it first", path.text)),
    }
}

/// In a mapping it adds what is missing, as kustomize does, against RFC 6902.
fn replace(value: &mut Value, path: &Pointer, new: &Value) -> Result<(), String> {
    if let Some(old) = find_mut(value, &path.names) {
        *old = new.clone();
        return Ok(());
    }
    let parents = path.names.split_last().map_or(&[][..], |(_, parents)| parents);
    match find_mut(value, parents) {
        Some(Value::Object(_)) => add(value, path, new.clone()),
        _ => Err(format!("replace {}: there is nothing; use add", path.text)),
    }
}

fn remove(value: &mut Value, path: &Pointer) -> Result<Value, String> {
    let nothing = || format!("remove {}: there is nothing", path.text);
    let (last, parents) = path.names.split_last().ok_or_else(|| "remove: the path is empty".to_owned())?;
    match find_mut(value, parents) {
        Some(Value::Object(map)) => map.remove(last).ok_or_else(nothing),
        Some(Value::Array(items)) => match index(last, items.len()).filter(|index| *index < items.len()) {
            Some(index) => Ok(items.remove(index)),
            None => Err(nothing()),
        },
        _ => Err(nothing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(value: Value, what: What, path: &str) -> Result<Value, String> {
        let mut value = value;
        Operation { what, path: Pointer::parse(path).unwrap() }
            .apply(&mut value, &mut Budget::new(1000, 100))
            .map(|()| value)
    }

    #[test]
    fn copies_of_copies_end_at_the_limit() {
        let mut value = json!({"a": {"b": "x"}});
        let copy = Operation { what: What::Copy(Pointer::parse("/a").unwrap()), path: Pointer::parse("/a/c").unwrap() };
        let mut budget = Budget::new(1 << 20, 30);
        let results: Vec<_> = (0..100).map(|_| copy.apply(&mut value, &mut budget)).collect();
        assert!(results.last().unwrap().as_ref().is_err_and(|what| what.contains("deeper than the limit of 30")));
    }

    #[test]
    fn applies_every_operation() {
        let list = json!({"l": [1, 2]});
        assert_eq!(applied(list.clone(), What::Add(json!(3)), "/l/-").unwrap(), json!({"l": [1, 2, 3]}));
        assert_eq!(applied(list.clone(), What::Add(json!(0)), "/l/0").unwrap(), json!({"l": [0, 1, 2]}));
        assert_eq!(applied(list.clone(), What::Replace(json!(9)), "/l/-1").unwrap(), json!({"l": [1, 9]}));
        assert_eq!(applied(list.clone(), What::Remove, "/l/0").unwrap(), json!({"l": [2]}));
        assert_eq!(
            applied(list.clone(), What::Move(Pointer::parse("/l/0").unwrap()), "/a~1b").unwrap(),
            json!({"l": [2], "a/b": 1})
        );
        assert_eq!(
            applied(list.clone(), What::Copy(Pointer::parse("/l").unwrap()), "/m").unwrap(),
            json!({"l": [1, 2], "m": [1, 2]})
        );
        assert!(applied(list.clone(), What::Test(json!([1, 2])), "/l").is_ok());
        for (what, path) in [
            (What::Add(json!(1)), "/l/5"),
            (What::Add(json!(1)), "/x/y"),
            (What::Replace(json!(1)), "/x/y"),
            (What::Remove, "/x"),
            (What::Remove, "/l/2"),
            (What::Test(json!(1)), "/l"),
        ] {
            assert!(applied(list.clone(), what, path).is_err(), "{path}");
        }
    }
}
