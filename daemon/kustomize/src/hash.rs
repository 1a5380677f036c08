//! The suffix made from the content of a generated ConfigMap or Secret.
//!
//! Source: kustomize's `hasher`: SHA-256 of the JSON of some fields with the name always empty, the first ten hex
//! digits, those that could spell words replaced.

use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// The suffix of a ConfigMap or Secret; of nothing for other kinds, which no generator makes.
pub(crate) fn suffix(object: &Value) -> String {
    let field = |key: &str| object.get(key).filter(|value| !value.is_null()).cloned().unwrap_or_else(|| "".into());
    let secret = object["kind"] == "Secret";
    let binary = if secret { "stringData" } else { "binaryData" };
    // In the order of Go's sorted keys.
    let mut fields = vec![("data", field("data")), ("kind", object["kind"].clone()), ("name", "".into())];
    if object.get(binary).is_some_and(Value::is_object) {
        let position = if secret { 3 } else { 0 };
        fields.insert(position, (binary, field(binary)));
    }
    if secret {
        fields.push(("type", field("type")));
    }
    let mut json = String::from("{");
    for (index, (key, value)) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(json, "{comma}\"{key}\":");
        go_json(&mut json, value);
    }
    json.push('}');
    let digest = Sha256::digest(json.as_bytes());
    let hex = digest.iter().take(5).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    hex.chars()
        .map(|c| match c {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            c => c,
        })
        .collect()
}

/// JSON as Go's `json.Marshal` writes it: keys sorted, `<`, `>`, `&` and two separators escaped.
fn go_json(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (index, key) in keys.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                string(out, key);
                out.push(':');
                go_json(out, &map[key]);
            }
            out.push('}');
        }
        Value::String(text) => string(out, text),
        // The data of a ConfigMap or Secret holds strings only.
        other => out.push_str(&other.to_string()),
    }
}

fn string(out: &mut String, text: &str) {
    for c in Value::from(text).to_string().chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_empty_config_map_has_its_known_suffix() {
        assert_eq!(suffix(&json!({"kind": "ConfigMap", "metadata": {"name": "any"}})), "6ct58987ht");
    }
}
