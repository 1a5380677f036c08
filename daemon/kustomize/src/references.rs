//! Names that objects refer to each other by follow the names that changed.
//!
//! Source: kustomize's `filters/nameref` and its built-in table (`data/name_references.tsv`).
//!
//! What always holds: a reference costs the objects that ever had the name it holds, not the whole set.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;
use taffrail_yaml::Error;

use crate::object::{NO_NAMESPACE, Object};
use crate::set::ObjectSet;
use crate::spec::{FieldSpec, Make, from_row, rows};
use crate::strategic::text;

/// A kind that is referred to; empty means any.
#[derive(Clone, Default)]
struct Target {
    group: String,
    version: String,
    kind: String,
}

/// By kind of the referrer: what its fields refer to.
static TABLE: LazyLock<BTreeMap<String, Vec<(Target, FieldSpec)>>> = LazyLock::new(|| {
    let mut table: BTreeMap<String, Vec<(Target, FieldSpec)>> = BTreeMap::new();
    let mut target = Target::default();
    let any = |text: &str| if text == "*" { String::new() } else { text.to_owned() };
    for row in rows(include_str!("../data/name_references.tsv")) {
        if row[0] == "target" {
            target = Target { group: any(row[1]), version: any(row[2]), kind: any(row[3]) };
        } else {
            let spec = from_row(&row);
            table.entry(spec.kind.clone()).or_default().push((target.clone(), spec));
        }
    }
    table
});

/// Writes today's names into every field that refers to an earlier one.
pub(crate) fn fix(set: &mut ObjectSet) -> Vec<Error> {
    let known = Known::of(&set.objects);
    let mut errors = Vec::new();
    for position in 0..set.objects.len() {
        let kind = set.objects[position].original().kind;
        if has_blank_subject(&set.objects[position]) {
            errors.push(fault(&set.objects[position], "has a subject whose namespace is blank"));
            continue;
        }
        for (target, spec) in TABLE.get(&kind).into_iter().flatten() {
            let object = &set.objects[position];
            if !spec.selects_original(object) {
                continue;
            }
            let referrer = Referrer::new(&known, position, object, target, spec);
            // Taken out so that it can be changed while names are looked up among all.
            let mut value = std::mem::take(&mut set.objects[position].value);
            let visited = spec.visit(&mut value, Make::Nothing, &mut |field| referrer.set(field));
            set.objects[position].value = value;
            if let Err(what) = visited {
                errors.push(fault(&set.objects[position], &what));
            }
        }
    }
    errors
}

fn fault(object: &Object, what: &str) -> Error {
    Error::at(&object.origin.file, object.origin.location, format!("{} {what}", object.title()))
}

/// A service account bound in no namespace at all: the key is there, the value is not.
fn has_blank_subject(object: &Object) -> bool {
    let subjects = object.value.get("subjects").filter(|_| object.kind() == "RoleBinding").and_then(Value::as_array);
    let mut accounts = subjects.into_iter().flatten().filter(|subject| subject["kind"] == "ServiceAccount");
    accounts.any(|account| account.get("namespace") == Some(&Value::Null))
}

/// What a look-up needs of one object, names as they are when the fixing starts.
struct Candidate {
    name: String,
    namespace: String,
    effective_namespace: String,
    original_namespace: String,
    place: String,
    group: String,
    version: String,
    kind: String,
    previous: Vec<(String, String)>,
    prefixes: Vec<String>,
    suffixes: Vec<String>,
}

struct Known {
    candidates: Vec<Candidate>,
    by_previous_name: BTreeMap<String, Vec<usize>>,
    by_original_namespace: BTreeMap<String, Vec<usize>>,
}

impl Known {
    fn of(objects: &[Object]) -> Self {
        let mut by_previous_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut by_original_namespace: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut candidates = Vec::with_capacity(objects.len());
        for (position, object) in objects.iter().enumerate() {
            let names: BTreeSet<&str> = object.previous.iter().map(|previous| previous.name.as_str()).collect();
            for name in names {
                by_previous_name.entry(name.to_owned()).or_default().push(position);
            }
            let original_namespace = object.original().namespace;
            by_original_namespace.entry(original_namespace.clone()).or_default().push(position);
            candidates.push(Candidate {
                name: object.name().to_owned(),
                namespace: object.namespace().to_owned(),
                effective_namespace: object.effective_namespace().to_owned(),
                original_namespace,
                place: object.place(),
                group: object.group().to_owned(),
                version: object.version().to_owned(),
                kind: object.kind().to_owned(),
                previous: object.previous.iter().map(|p| (p.kind.clone(), p.name.clone())).collect(),
                prefixes: object.prefixes.clone(),
                suffixes: object.suffixes.clone(),
            });
        }
        Self { candidates, by_previous_name, by_original_namespace }
    }
}

impl Candidate {
    fn is_cluster_scoped(&self) -> bool {
        self.effective_namespace == NO_NAMESPACE
    }

    /// Whether an earlier id is of the kind; group and version are today's.
    fn was(&self, group: &str, version: &str, kind: &str) -> bool {
        let fits = |wanted: &str, actual: &str| wanted.is_empty() || wanted == actual;
        fits(group, &self.group)
            && fits(version, &self.version)
            && self.previous.iter().any(|(previous, _)| fits(kind, previous))
    }
}

/// One field of one object, and what it may refer to.
struct Referrer<'a> {
    known: &'a Known,
    this: &'a Candidate,
    target: &'a Target,
    /// Namespaces of the service accounts that a RoleBinding names.
    bound_namespaces: BTreeSet<String>,
    /// Group and kind of the `roleRef`, when the field is its name.
    role: Option<(String, String)>,
}

impl<'a> Referrer<'a> {
    fn new(known: &'a Known, position: usize, object: &Object, target: &'a Target, spec: &FieldSpec) -> Self {
        let member = |value: &Value, key: &str| value.get(key).map(text);
        let mut bound_namespaces = BTreeSet::new();
        if object.kind() == "RoleBinding" {
            let subjects = object.value.get("subjects").and_then(Value::as_array);
            let accounts = subjects.into_iter().flatten().filter(|subject| subject["kind"] == "ServiceAccount");
            bound_namespaces.extend(accounts.filter_map(|subject| member(subject, "namespace")));
        }
        let role_ref = object.value.get("roleRef").filter(|_| spec.path.ends_with("roleRef/name"));
        let role = role_ref.and_then(|role| Some((member(role, "apiGroup")?, member(role, "kind")?)));
        Self { known, this: &known.candidates[position], target, bound_namespaces, role }
    }

    fn set(&self, field: &mut Value) -> Result<(), String> {
        match field {
            Value::Null => Ok(()),
            Value::Object(_) => self.set_mapping(field),
            Value::Array(items) => items.iter_mut().try_for_each(|item| match item {
                Value::Null => Ok(()),
                Value::Object(_) => self.set_mapping(item),
                Value::Array(_) => Err("should hold names or mappings with a name".to_owned()),
                _ => self.set_scalar(item),
            }),
            _ => self.set_scalar(field),
        }
    }

    fn set_scalar(&self, field: &mut Value) -> Result<(), String> {
        let old = text(field);
        let same = |a: &Candidate, b: &Candidate| a.name == b.name;
        if let Some(found) = self.find(&old, |_| true, same)?.filter(|found| found.name != old) {
            *field = Value::from(found.name.as_str());
        }
        Ok(())
    }

    fn set_mapping(&self, field: &mut Value) -> Result<(), String> {
        let old = field.get("name").map(text).ok_or_else(|| "has no name where a reference is expected".to_owned())?;
        let same = |a: &Candidate, b: &Candidate| a.name == b.name && a.namespace == b.namespace;
        let found = match field.get("namespace").map(text) {
            None => self.find(&old, |_| true, same)?,
            Some(namespace) if self.was_a_namespace(&namespace) => {
                self.find(&old, |candidate| candidate.original_namespace == namespace, same)?
            }
            Some(namespace) => self.find(
                &old,
                |candidate| !candidate.is_cluster_scoped() && candidate.effective_namespace == namespace,
                same,
            )?,
        };
        let Some(found) = found.filter(|found| found.name != old || !found.namespace.is_empty()) else {
            return Ok(());
        };
        field["name"] = Value::from(found.name.as_str());
        if !found.namespace.is_empty() {
            field["namespace"] = Value::from(found.namespace.as_str());
        }
        Ok(())
    }

    /// Whether anything that may be referred to came from the namespace.
    fn was_a_namespace(&self, namespace: &str) -> bool {
        namespace != NO_NAMESPACE
            && self.known.by_original_namespace.get(namespace).is_some_and(|positions| {
                positions.iter().any(|position| self.may_refer_to(&self.known.candidates[*position]))
            })
    }

    fn may_refer_to(&self, candidate: &Candidate) -> bool {
        self.this.is_cluster_scoped()
            || candidate.is_cluster_scoped()
            || candidate.effective_namespace == self.this.effective_namespace
            || self.bound_namespaces.contains(&candidate.namespace)
    }

    /// kustomize's sieve: the one object that is meant, none, or an error when several could be.
    fn find(
        &self,
        old: &str,
        among: impl Fn(&Candidate) -> bool,
        same: impl Fn(&Candidate, &Candidate) -> bool,
    ) -> Result<Option<&'a Candidate>, String> {
        let positions = self.known.by_previous_name.get(old).into_iter().flatten();
        let mut found: Vec<&Candidate> = positions
            .map(|position| &self.known.candidates[*position])
            .filter(|candidate| self.may_refer_to(candidate) && among(candidate))
            .filter(|candidate| candidate.was(&self.target.group, &self.target.version, &self.target.kind))
            .filter(|candidate| self.role.as_ref().is_none_or(|(group, kind)| candidate.was(group, "", kind)))
            .filter(|candidate| {
                self.this.is_cluster_scoped()
                    || candidate.is_cluster_scoped()
                    || candidate.kind == "ServiceAccount"
                    || candidate.effective_namespace == self.this.effective_namespace
            })
            .collect();
        if found.len() == 1 {
            return Ok(found.pop());
        }
        found.retain(|candidate| same_affixes(candidate, self.this, true));
        if found.len() > 1 {
            found.retain(|candidate| same_affixes(candidate, self.this, false));
        }
        match found[..] {
            [] => Ok(None),
            [first, ref rest @ ..] if rest.iter().all(|other| same(first, other)) => Ok(Some(first)),
            [first, second, ..] => {
                Err(format!("refers to \"{old}\", which could be {} or {}", first.place, second.place))
            }
            [_] => Ok(found.pop()),
        }
    }
}

fn same_affixes(a: &Candidate, b: &Candidate, allow_empty: bool) -> bool {
    let same = |a: &[String], b: &[String]| (allow_empty && (a.is_empty() || b.is_empty())) || same_ending(a, b);
    same(&a.prefixes, &b.prefixes) && same(&a.suffixes, &b.suffixes)
}

/// Whether the shorter is the end of the longer; nothing is the end of nothing only.
fn same_ending(a: &[String], b: &[String]) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if short.is_empty() { long.is_empty() } else { long.ends_with(short) }
}
