//! The kinds that an installation manages, as RBAC names them, and what its applications grant to others.
//!
//! Always: no right on everything (`*`) comes out of here, whatever the manifests say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::rights::{Named, Rule};

/// What the usual applications consist of. Roles are not among them: who writes one must hold every right in it, so it
/// must be known which (`--manifests`).
const USUAL: [(&str, &str); 15] = [
    ("", "ConfigMap"),
    ("", "Namespace"),
    ("", "PersistentVolumeClaim"),
    ("", "Secret"),
    ("", "Service"),
    ("", "ServiceAccount"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "StatefulSet"),
    ("autoscaling", "HorizontalPodAutoscaler"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("networking.k8s.io", "Ingress"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
];

const RBAC: &str = "rbac.authorization.k8s.io";

/// What an installation manages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Managed {
    /// API group and plural of each kind.
    pub resources: BTreeSet<(String, String)>,
    /// The rights in the roles of the applications: they can only be written by who holds them.
    pub granted: Vec<Rule>,
    /// The roles that applications bind and that are not theirs.
    pub bound: BTreeSet<Named>,
    /// What a person should look at.
    pub doubts: Vec<String>,
}

impl Managed {
    /// The kinds that applications usually consist of.
    pub fn usual() -> Self {
        let resources = USUAL.iter().map(|(group, kind)| ((*group).to_owned(), plural(kind))).collect();
        Self { resources, ..Self::default() }
    }

    /// The kinds of these manifests, and what they grant.
    pub fn of(manifests: &[Value]) -> Self {
        let mut managed = Self::default();
        let definitions: BTreeMap<(&str, &str), &str> = manifests.iter().filter_map(definition).collect();
        let known: BTreeSet<Named> = manifests.iter().filter_map(role).collect();
        for manifest in manifests {
            let (group, kind) = (group(manifest), text(manifest, "/kind"));
            let defined = definitions.get(&(group, kind)).map(|plural| (*plural).to_owned());
            if defined.is_none() && group.contains('.') && !group.ends_with(".k8s.io") {
                let doubt = format!(
                    "{kind} of {group} is taken to be called \"{}\" by the API: its CustomResourceDefinition is not among \
                     the manifests",
                    plural(kind)
                );
                managed.doubt(doubt);
            }
            managed.resources.insert((group.to_owned(), defined.unwrap_or_else(|| plural(kind))));
            match (group, kind) {
                (RBAC, "Role" | "ClusterRole") => managed.grants(manifest),
                (RBAC, "RoleBinding" | "ClusterRoleBinding") => {
                    managed.bound.extend(Some(referred(manifest)).filter(|role| !known.contains(role)));
                }
                _ => {}
            }
        }
        managed
    }

    fn grants(&mut self, manifest: &Value) {
        let (kind, name) = (text(manifest, "/kind"), text(manifest, "/metadata/name"));
        for rule in manifest["rules"].as_array().into_iter().flatten() {
            match Rule::granted(rule) {
                Some(rule) if self.granted.contains(&rule) => {}
                Some(rule) => self.granted.push(rule),
                None => self.doubt(format!(
                    "{kind} {name} grants everything (*) of something, which is not passed on to Taffrail: whoever writes \
                     it must hold it, so this role is refused unless you add the right by hand"
                )),
            }
        }
    }

    fn doubt(&mut self, doubt: String) {
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }
}

/// Of a definition: the group and kind that it brings, and the plural.
fn definition(manifest: &Value) -> Option<((&str, &str), &str)> {
    let spec = (text(manifest, "/kind") == "CustomResourceDefinition").then(|| manifest.get("spec")).flatten()?;
    let field = |pointer| Some(text(spec, pointer)).filter(|text| !text.is_empty());
    Some(((field("/group")?, field("/names/kind")?), field("/names/plural")?))
}

fn role(manifest: &Value) -> Option<Named> {
    let kind = text(manifest, "/kind");
    (group(manifest) == RBAC && matches!(kind, "Role" | "ClusterRole")).then(|| {
        let namespace = if kind == "Role" { text(manifest, "/metadata/namespace") } else { "" };
        Named::new(namespace, &plural(kind), text(manifest, "/metadata/name"))
    })
}

fn referred(binding: &Value) -> Named {
    let kind = text(binding, "/roleRef/kind");
    let namespace = if kind == "Role" { text(binding, "/metadata/namespace") } else { "" };
    Named::new(namespace, &plural(kind), text(binding, "/roleRef/name"))
}

fn group(manifest: &Value) -> &str {
    text(manifest, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The plural of a kind, as Kubernetes guesses it too: right for all of its own kinds.
/// Source: `UnsafeGuessKindToResource` of apimachinery.
fn plural(kind: &str) -> String {
    let singular = kind.to_ascii_lowercase();
    match singular.as_bytes() {
        _ if singular == "endpoints" => singular,
        [.., b's'] => singular + "es",
        [start @ .., b'y'] => String::from_utf8_lossy(start).into_owned() + "ies",
        _ => singular + "s",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(api_version: &str, kind: &str, name: &str) -> Value {
        json!({ "apiVersion": api_version, "kind": kind, "metadata": { "name": name, "namespace": "shop" } })
    }

    #[test]
    fn kinds_are_called_as_the_api_calls_them() {
        let mut definition = object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "geese.farm.example.org");
        definition["spec"] = json!({ "group": "farm.example.org", "names": { "kind": "Goose", "plural": "geese" } });
        let managed = Managed::of(&[
            object("networking.k8s.io/v1", "NetworkPolicy", "a"),
            object("networking.k8s.io/v1", "IngressClass", "b"),
            object("v1", "Endpoints", "c"),
            object("farm.example.org/v1", "Goose", "d"),
            object("farm.example.org/v1", "Duck", "e"),
            definition,
        ]);
        let names: Vec<&str> = managed.resources.iter().map(|(_, plural)| plural.as_str()).collect();
        assert_eq!(
            names,
            ["endpoints", "customresourcedefinitions", "ducks", "geese", "ingressclasses", "networkpolicies"]
        );
        assert!(managed.doubts.len() == 1 && managed.doubts[0].contains("Duck"), "{:?}", managed.doubts);
    }

    #[test]
    fn what_a_role_grants_is_held_and_a_role_of_others_may_be_bound() {
        let rule = json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["list", "get"] });
        let mut role = object(&format!("{RBAC}/v1"), "Role", "reader");
        role["rules"] = json!([rule, rule, { "apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"] }]);
        let mut own = object(&format!("{RBAC}/v1"), "RoleBinding", "own");
        own["roleRef"] = json!({ "apiGroup": RBAC, "kind": "Role", "name": "reader" });
        let mut others = object(&format!("{RBAC}/v1"), "RoleBinding", "others");
        others["roleRef"] = json!({ "apiGroup": RBAC, "kind": "ClusterRole", "name": "view" });
        let managed = Managed::of(&[role, own, others]);
        assert_eq!(managed.granted, [Rule::on("", &["pods"], &["get", "list"])]);
        assert_eq!(managed.bound, BTreeSet::from([Named::new("", "clusterroles", "view")]));
        assert_eq!(managed.doubts.len(), 1);
    }
}
