//! Which objects a patch is meant for: anchored regular expressions and label selectors.

use std::collections::BTreeMap;

use regex::Regex;

use crate::object::Object;

/// A patch's `target`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    pub(crate) group: Option<Regex>,
    pub(crate) version: Option<Regex>,
    pub(crate) kind: Option<Regex>,
    pub(crate) name: Option<Regex>,
    pub(crate) namespace: Option<Regex>,
    pub(crate) labels: Vec<Requirement>,
    pub(crate) annotations: Vec<Requirement>,
}

/// One condition of a label selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Greater(String, i64),
    Less(String, i64),
}

impl Selector {
    /// Name and namespace may be those of today or the first ones, as in kustomize.
    pub(crate) fn selects(&self, object: &Object) -> bool {
        let fits = |regex: &Option<Regex>, text: &str| regex.as_ref().is_none_or(|regex| regex.is_match(text));
        let (name, namespace) = match object.previous.first() {
            Some(first) => (first.name.as_str(), first.namespace.as_str()),
            None => (object.name(), object.effective_namespace()),
        };
        (fits(&self.namespace, namespace) || fits(&self.namespace, object.effective_namespace()))
            && (fits(&self.name, name) || fits(&self.name, object.name()))
            && fits(&self.group, object.group())
            && fits(&self.version, object.version())
            && fits(&self.kind, object.kind())
            && holds(&self.labels, object, "labels")
            && holds(&self.annotations, object, "annotations")
    }
}

fn holds(requirements: &[Requirement], object: &Object, key: &str) -> bool {
    if requirements.is_empty() {
        return true;
    }
    let labels: BTreeMap<&str, String> = object.metadata_map(key).collect();
    requirements.iter().all(|requirement| requirement.holds(&labels))
}

impl Requirement {
    fn holds(&self, labels: &BTreeMap<&str, String>) -> bool {
        let number = |key: &String| labels.get(key.as_str()).and_then(|value| value.parse::<i64>().ok());
        match self {
            Self::Exists(key) => labels.contains_key(key.as_str()),
            Self::Absent(key) => !labels.contains_key(key.as_str()),
            Self::In(key, values) => labels.get(key.as_str()).is_some_and(|value| values.contains(value)),
            Self::NotIn(key, values) => labels.get(key.as_str()).is_none_or(|value| !values.contains(value)),
            Self::Greater(key, bound) => number(key).is_some_and(|value| value > *bound),
            Self::Less(key, bound) => number(key).is_some_and(|value| value < *bound),
        }
    }
}

/// `pattern` anchored at both ends; nothing for the empty one, which fits all.
pub(crate) fn anchored(pattern: &str) -> Result<Option<Regex>, String> {
    if pattern.is_empty() {
        return Ok(None);
    }
    compile(&format!("^(?:{pattern})$")).map(Some)
}

/// A regular expression of bounded size.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .map_err(|_| "is not a regular expression that can be used".to_owned())
}

/// A label selector as kubectl takes it: `a=b,c!=d,e in (f,g),h,!i`.
pub(crate) fn parse_labels(text: &str) -> Result<Vec<Requirement>, String> {
    // One split a comma outside of parentheses.
    let mut depth = 0_i32;
    let parts = text.split(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).map(requirement).collect()
}

fn requirement(part: &str) -> Result<Requirement, String> {
    let wrong = || "is no label selector; write for instance \"app=api,tier in (a,b),!old\"".to_owned();
    let key = |text: &str| {
        let text = text.trim();
        let legal = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        if legal { Ok(text.to_owned()) } else { Err(wrong()) }
    };
    if let Some(absent) = part.strip_prefix('!') {
        return Ok(Requirement::Absent(key(absent)?));
    }
    if let Some((name, value)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(key(name)?, vec![value.trim().to_owned()]));
    }
    if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(key(name)?, vec![value.trim().to_owned()]));
    }
    if let Some((name, bound)) = part.split_once('>') {
        return Ok(Requirement::Greater(key(name)?, bound.trim().parse().map_err(|_| wrong())?));
    }
    if let Some((name, bound)) = part.split_once('<') {
        return Ok(Requirement::Less(key(name)?, bound.trim().parse().map_err(|_| wrong())?));
    }
    let Some((head, values)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) else {
        return Ok(Requirement::Exists(key(part)?));
    };
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    match head.trim().split_once(char::is_whitespace) {
        Some((name, "in")) => Ok(Requirement::In(key(name)?, values)),
        Some((name, "notin")) => Ok(Requirement::NotIn(key(name)?, values)),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_label_selectors() {
        let labels: BTreeMap<&str, String> =
            [("app", "api"), ("tier", "a"), ("n", "5")].map(|(k, v)| (k, v.to_owned())).into();
        for (text, expected) in [
            ("app=api", true),
            ("app == api, tier in (a, b)", true),
            ("app!=api", false),
            ("other!=x", true),
            ("tier notin (a)", false),
            ("app,!other", true),
            ("n>4", true),
            ("n<4", false),
            ("", true),
        ] {
            let requirements = parse_labels(text).unwrap();
            assert_eq!(requirements.iter().all(|requirement| requirement.holds(&labels)), expected, "{text}");
        }
        assert!(parse_labels("a b").is_err());
        assert!(parse_labels("a near (b)").is_err());
    }
}
