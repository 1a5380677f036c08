//! Which lists of a Kubernetes object are merged by key: the built-in schema of kustomize 5.8.1 (Kubernetes 1.21.2).
//!
//! `data/schema.tsv` says how it was made. A kind that is not in it (a custom resource, `autoscaling/v2`) has its lists
//! replaced.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A type of the schema.
#[derive(Debug, Default)]
pub(crate) struct Type {
    fields: BTreeMap<&'static str, Field>,
}

/// What is known of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    /// A mapping of a known type.
    Mapping(&'static str),
    /// A mapping whose values have a known type.
    Values(&'static str),
    /// A list merged by keys; no keys for a set of scalars.
    Merged { keys: &'static str, items: &'static str },
}

struct Schema {
    kinds: BTreeMap<(&'static str, &'static str), &'static str>,
    types: BTreeMap<&'static str, Type>,
}

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut schema = Schema { kinds: BTreeMap::new(), types: BTreeMap::new() };
    for row in crate::spec::rows(include_str!("../data/schema.tsv")) {
        if row[0] == "kind" {
            schema.kinds.insert((row[1], row[2]), row[3]);
            continue;
        }
        let field = match row[2] {
            "merge" => Field::Merged { keys: row[3], items: row[4] },
            "map" => Field::Values(row[4]),
            // A list that is not merged is replaced whole, so what lies below it does not matter.
            "list" => continue,
            _ => Field::Mapping(row[4]),
        };
        schema.types.entry(row[0]).or_default().fields.insert(row[1], field);
    }
    schema
});

/// The type of a kind.
pub(crate) fn of_kind(api_version: &str, kind: &str) -> Option<&'static Type> {
    SCHEMA.kinds.get(&(api_version, kind)).and_then(|name| SCHEMA.types.get(name))
}

/// A type by its name in the table.
pub(crate) fn named(name: &str) -> Option<&'static Type> {
    SCHEMA.types.get(name)
}

impl Type {
    pub(crate) fn field(&self, name: &str) -> Option<Field> {
        self.fields.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_containers_of_a_deployment() {
        let mut at = of_kind("apps/v1", "Deployment").unwrap();
        for field in ["spec", "template", "spec"] {
            let Some(Field::Mapping(name)) = at.field(field) else { panic!("{field} is no mapping") };
            at = named(name).unwrap();
        }
        assert!(matches!(at.field("containers"), Some(Field::Merged { keys: "name", .. })));
        assert!(of_kind("autoscaling/v2", "HorizontalPodAutoscaler").is_none());
    }
}
