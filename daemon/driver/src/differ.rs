//! How two manifests differ, as a unified diff of YAML.
//!
//! Always: of a Secret only what is no value is shown: its keys, and whether the value of each changes. What is long is
//! cut, and says so.

use std::time::Duration;

use serde_json::{Map, Value, json};
use similar::TextDiff;

/// The longest diff of one object.
const LONGEST: usize = 64 * 1024;
/// The longest search for the smallest diff; a larger one does as well.
const SEARCH: Duration = Duration::from_millis(500);
/// Unchanged lines around each change.
const CONTEXT: usize = 3;

/// What changes from `before` to `after`; an object that is not there is `None`.
pub(crate) fn differ(before: Option<&Value>, after: Option<&Value>) -> String {
    let secret = [before, after].iter().flatten().any(|object| is_secret(object));
    let masked =
        secret.then(|| (before.map(|it| mask(it, after, "before")), after.map(|it| mask(it, before, "after"))));
    let (before, after) = match &masked {
        Some((before, after)) => (before.as_ref(), after.as_ref()),
        None => (before, after),
    };
    let text = |object: Option<&Value>| object.map(taffrail_yaml::to_string).unwrap_or_default();
    let (before, after) = (text(before), text(after));
    let diff = TextDiff::configure().timeout(SEARCH).diff_lines(before.as_str(), after.as_str());
    let mut shown = diff.unified_diff().context_radius(CONTEXT).missing_newline_hint(false).to_string();
    if shown.len() > LONGEST {
        let end = shown.char_indices().map(|(index, _)| index).take_while(|index| *index <= LONGEST).last();
        let end = end.and_then(|end| shown[..end].rfind('\n')).map_or(0, |line| line + 1);
        shown.truncate(end);
        shown.push_str("\\ the rest is left out: the diff is too long\n");
    }
    shown
}

fn is_secret(object: &Value) -> bool {
    object["kind"] == "Secret" && object["apiVersion"] == "v1"
}

/// A Secret without any value. Whether a value is another than that of `other` is said by `side`.
fn mask(object: &Value, other: Option<&Value>, side: &str) -> Value {
    let hide = |of: &Value, other: Option<&Value>| -> Value {
        let values = of.as_object().into_iter().flatten();
        let masked = values.map(|(key, value)| {
            let same = other.and_then(|other| other.get(key)) == Some(value);
            (key.clone(), Value::from(if same { "(masked)".to_owned() } else { format!("(masked, {side})") }))
        });
        Value::Object(masked.collect::<Map<_, _>>())
    };
    let part = |object: &Value, pointer: &str| object.pointer(pointer).cloned();
    let mut shown = json!({ "apiVersion": "v1", "kind": "Secret" });
    for (name, pointer) in [("type", "/type"), ("immutable", "/immutable")] {
        if let Some(value) = part(object, pointer) {
            shown[name] = value;
        }
    }
    for name in ["name", "namespace", "labels"] {
        if let Some(value) = part(object, &format!("/metadata/{name}")) {
            shown["metadata"][name] = value;
        }
    }
    // An annotation may hold the whole Secret, as kubectl's last-applied-configuration does.
    for pointer in ["/metadata/annotations", "/data", "/stringData"] {
        if let Some(values) = object.pointer(pointer) {
            let other = other.and_then(|other| other.pointer(pointer));
            let hidden = hide(values, other);
            match pointer {
                "/metadata/annotations" => shown["metadata"]["annotations"] = hidden,
                _ => shown[&pointer[1..]] = hidden,
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_yaml_with_a_little_around_it() {
        let object = |replicas: u64| json!({ "kind": "Deployment", "spec": { "replicas": replicas, "paused": false } });
        let diff = differ(Some(&object(1)), Some(&object(2)));
        assert_eq!(
            diff,
            "@@ -1,4 +1,4 @@\n kind: Deployment\n spec:\n   paused: false\n-  replicas: 1\n+  replicas: 2\n"
        );
        assert_eq!(differ(Some(&object(1)), Some(&object(1))), "");
        assert!(differ(None, Some(&object(1))).lines().skip(1).all(|line| line.starts_with('+')));
        assert!(differ(Some(&object(1)), None).lines().skip(1).all(|line| line.starts_with('-')));
    }

    #[test]
    fn of_a_secret_only_its_keys_are_shown_and_which_value_changes() {
        let secret = |password: &str, more: &Value| {
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": { "name": "db", "annotations": { "last-applied": format!("canary-{password}") } },
                "data": { "user": "Y2FuYXJ5LXVzZXI=", "password": format!("canary-{password}") },
                "stringData": more,
                "unknown": "canary-field",
            })
        };
        let (old, new) = (secret("one", &json!({})), secret("two", &json!({ "host": "canary-host" })));
        for (before, after) in [(Some(&old), Some(&new)), (None, Some(&new)), (Some(&old), None)] {
            let diff = differ(before, after);
            assert!(!diff.contains("canary") && !diff.contains("Y2FuYXJ5"), "{diff}");
        }
        let diff = differ(Some(&old), Some(&new));
        let changed: Vec<&str> = diff.lines().filter(|line| line.starts_with(['+', '-'])).collect();
        assert!(changed.contains(&"-  password: (masked, before)"), "{diff}");
        assert!(
            changed.contains(&"+  password: (masked, after)") && changed.contains(&"+  host: (masked, after)"),
            "{diff}"
        );
        assert!(!changed.iter().any(|line| line.contains("user")), "{diff}");
        assert_eq!(differ(Some(&old), Some(&old)), "");
    }

    #[test]
    fn a_long_diff_is_cut_and_says_so() {
        let long: Vec<Value> = (0..20_000).map(Value::from).collect();
        let diff = differ(None, Some(&json!({ "list": long })));
        assert!(diff.len() < LONGEST + 100 && diff.ends_with("the diff is too long\n"));
    }
}
