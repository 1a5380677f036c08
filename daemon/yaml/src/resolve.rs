//! What a plain (unquoted) scalar means to Kubernetes.
//!
//! Source: go-yaml's `resolve.go`. Manifests go through go-yaml v3 (kustomize's kyaml), kustomization files and
//! JSON6902 patches through sigs.k8s.io/yaml, which is go-yaml v2: YAML 1.1, where `yes` is true.

use serde_json::{Number, Value};

use crate::timestamp;

/// Which reader's rules turn plain text into values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// go-yaml v3: `yes`, `on`, `n` are strings; a date becomes RFC 3339 text.
    Manifest,
    /// go-yaml v2 (YAML 1.1): `yes`, `on`, `n` are booleans; a date stays as written.
    Yaml11,
}

/// What the text of a plain scalar is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Plain {
    Null,
    Bool(bool),
    Int(Number),
    Float(f64),
    /// RFC 3339 under [`Rules::Manifest`].
    Timestamp(String),
    Text,
}

impl Plain {
    pub(crate) fn into_value(self, text: &str) -> Value {
        match self {
            Plain::Null => Value::Null,
            Plain::Bool(value) => Value::Bool(value),
            Plain::Int(value) => Value::Number(value),
            Plain::Float(value) => Value::Number(number(value)),
            Plain::Timestamp(value) => Value::String(value),
            Plain::Text => Value::String(text.to_owned()),
        }
    }
}

const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// A finite float as kustomize prints it: `1.0` and `1e3` are integers, because they pass through JSON.
pub(crate) fn number(value: f64) -> Number {
    // Both bounds are exact powers of two, so the casts below lose nothing.
    if value.fract() == 0.0 && (-TWO_63..TWO_63).contains(&value) {
        Number::from(value as i64)
    } else if value.fract() == 0.0 && (0.0..2.0 * TWO_63).contains(&value) {
        Number::from(value as u64)
    } else {
        // Infinities never get here: the parser refuses them.
        Number::from_f64(value).unwrap_or_else(|| Number::from(0))
    }
}

/// Resolves plain text.
pub(crate) fn resolve(text: &str, rules: Rules) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Plain::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => return Plain::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => return Plain::Float(f64::NEG_INFINITY),
        _ => {}
    }
    if rules == Rules::Yaml11 {
        match text {
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Plain::Bool(true),
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Plain::Bool(false),
            _ => {}
        }
    }
    match text.as_bytes()[0] {
        b'.' => text.parse().map_or(Plain::Text, Plain::Float),
        b'0'..=b'9' | b'+' | b'-' => digits(text, rules),
        _ => Plain::Text,
    }
}

fn digits(text: &str, rules: Rules) -> Plain {
    if let Some(rfc3339) = timestamp::rfc3339(text) {
        return Plain::Timestamp(if rules == Rules::Manifest { rfc3339 } else { text.to_owned() });
    }
    let plain = text.replace('_', "");
    if let Some(integer) = integer(&plain) {
        return Plain::Int(integer);
    }
    if is_float(&plain) { plain.parse().map_or(Plain::Text, Plain::Float) } else { Plain::Text }
}

/// Go's `strconv.ParseInt(text, 0, 64)` and then `ParseUint`: `0x`, `0b`, `0o` and a bare leading `0` for octal.
fn integer(text: &str) -> Option<Number> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => ("-", &text[1..]),
        b'+' => ("", &text[1..]),
        _ => ("", text),
    };
    let lower = unsigned.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &unsigned[2..]),
        Some("0b") => (2, &unsigned[2..]),
        Some("0o") => (8, &unsigned[2..]),
        _ if unsigned.len() > 1 && unsigned.starts_with('0') => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    if let Ok(value) = i64::from_str_radix(&format!("{sign}{digits}"), radix) {
        return Some(Number::from(value));
    }
    // ParseUint takes no sign at all.
    if text == unsigned { u64::from_str_radix(digits, radix).ok().map(Number::from) } else { None }
}

/// `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`
fn is_float(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && all_digits(fraction),
        Some((whole, fraction)) => all_digits(whole) && all_digits(fraction),
        None => !mantissa.is_empty() && all_digits(mantissa),
    };
    mantissa_fits
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !exponent.is_empty() && all_digits(exponent)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, rules: Rules) -> String {
        resolve(text, rules).into_value(text).to_string()
    }

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0644", "420"),
            ("0o17", "15"),
            ("0x1F", "31"),
            ("0b101", "5"),
            ("08", "8"),
            ("1_000", "1000"),
            ("1e3", "1000"),
            ("1.0", "1"),
            ("1.50", "1.5"),
            (".5", "0.5"),
            ("-.5", "-0.5"),
            ("-0x10", "-16"),
            ("+12", "12"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("18446744073709551616", "1.8446744073709552e+19"),
            ("1e", "\"1e\""),
            ("1.2.3", "\"1.2.3\""),
            ("12:30", "\"12:30\""),
            ("-", "\"-\""),
            ("0x", "\"0x\""),
            ("1-2", "\"1-2\""),
        ] {
            assert_eq!(value(text, Rules::Manifest), expected, "{text}");
        }
    }

    #[test]
    fn yes_is_a_string_in_manifests_and_true_in_yaml_1_1() {
        assert_eq!(value("yes", Rules::Manifest), "\"yes\"");
        assert_eq!(value("yes", Rules::Yaml11), "true");
        assert_eq!(value("NULL", Rules::Manifest), "null");
        assert_eq!(value("2020-01-01", Rules::Manifest), "\"2020-01-01T00:00:00Z\"");
        assert_eq!(value("2020-01-01", Rules::Yaml11), "\"2020-01-01\"");
    }
}
