//! What the daemon may do in the cluster: as little as its work needs.
//!
//! Always: no verb and no resource is `*`; no right to `escalate`, none to impersonate anybody who is not named.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use taffrail_model::configuration::ServiceAccount;

use super::kinds::Managed;
use super::{Part, Plan, labels};

const RBAC: &str = "rbac.authorization.k8s.io/v1";
/// What is seen: watches ask for a label in all namespaces, and single objects are looked at.
const READ: [&str; 3] = ["get", "list", "watch"];
/// What is done as the daemon itself. A server-side apply is a `patch`, and a `create` when nothing is there.
const WRITE: [&str; 6] = ["create", "delete", "get", "list", "patch", "watch"];

/// A rule of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rule {
    groups: BTreeSet<String>,
    resources: BTreeSet<String>,
    names: BTreeSet<String>,
    urls: BTreeSet<String>,
    verbs: BTreeSet<String>,
}

/// An object that a right is limited to: namespace (none if empty), plural, name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    namespace: String,
    resource: String,
    name: String,
}

impl Named {
    pub fn new(namespace: &str, resource: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), resource: resource.to_owned(), name: name.to_owned() }
    }
}

impl Rule {
    pub fn on(group: &str, resources: &[&str], verbs: &[&str]) -> Self {
        let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self { groups: all(&[group]), resources: all(resources), verbs: all(verbs), ..Self::default() }
    }

    fn named(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.names.extend(names);
        self
    }

    /// A rule of somebody's role, unless it is about everything.
    pub fn granted(rule: &Value) -> Option<Self> {
        let texts = |field: &str| -> BTreeSet<String> {
            rule[field].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let rule = Self {
            groups: texts("apiGroups"),
            resources: texts("resources"),
            names: texts("resourceNames"),
            urls: texts("nonResourceURLs"),
            verbs: texts("verbs"),
        };
        let words = [&rule.groups, &rule.resources, &rule.urls, &rule.verbs];
        let everything = words.into_iter().flatten().any(|word| word.contains('*'));
        (!everything).then_some(rule)
    }

    fn to_value(&self) -> Value {
        let mut value = json!({ "verbs": self.verbs });
        if !self.resources.is_empty() {
            value["apiGroups"] = json!(self.groups);
        }
        for (field, texts) in
            [("resources", &self.resources), ("resourceNames", &self.names), ("nonResourceURLs", &self.urls)]
        {
            if !texts.is_empty() {
                value[field] = json!(texts);
            }
        }
        value
    }
}

/// The roles and their bindings.
pub(super) fn parts(plan: &Plan) -> Vec<Part> {
    let account = (plan.namespace.as_str(), super::NAME);
    let mut parts = vec![
        Part::new(
            "What Taffrail may do everywhere. Its watches ask for its label in all namespaces, so list and watch cannot\n\
             be limited to some. What each rule is for: docs/OPERATING.md.",
            role(None, &plan.namespace, everywhere(&plan.managed, plan.writes_itself())),
        ),
        Part::new("", binding(None, &plan.namespace, account)),
        Part::new(
            "The claims: a ConfigMap an application, which says what installation it is of.",
            role(
                Some(&plan.claims),
                "taffrail-claims",
                vec![Rule::on("", &["configmaps"], &["create", "get", "patch"])],
            ),
        ),
        Part::new("", binding(Some(&plan.claims), "taffrail-claims", account)),
    ];
    let mut by_namespace: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ServiceAccount { namespace, name } in plan.identities() {
        by_namespace.entry(namespace).or_default().push(name.clone());
    }
    for (namespace, names) in by_namespace {
        let rule = Rule::on("", &["serviceaccounts"], &["impersonate"]).named(names);
        let words = "The service accounts that applications are written as. The namespace must be there; what these\n\
                     accounts may do is theirs: create, delete, get and patch of what their application consists of.";
        parts.push(Part::new(words, role(Some(namespace), "taffrail-impersonates", vec![rule])));
        parts.push(Part::new("", binding(Some(namespace), "taffrail-impersonates", account)));
    }
    parts
}

fn everywhere(managed: &Managed, writes: bool) -> Vec<Rule> {
    let verbs: &[&str] = if writes { &WRITE } else { &READ };
    let mut by_group: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (group, resource) in &managed.resources {
        by_group.entry(group).or_default().push(resource);
    }
    let mut rules: Vec<Rule> =
        by_group.into_iter().map(|(group, resources)| Rule::on(group, &resources, verbs)).collect();
    let besides = [
        // The claims are watched by the label of all that is ours.
        ("", "configmaps", &["list", "watch"] as &[&str]),
        // How workloads are, and why.
        ("", "pods", &READ),
        ("", "pods/log", &["get"]),
        ("", "events", &["list"]),
        ("apps", "replicasets", &["list", "watch"]),
        // Whose business the replicas are.
        ("autoscaling", "horizontalpodautoscalers", &["list", "watch"]),
        // Checks of a gate.
        ("", "services/proxy", &["get"]),
    ];
    let known = |group: &str, resource: &str| managed.resources.contains(&(group.to_owned(), resource.to_owned()));
    let besides = besides.into_iter().filter(|(group, resource, _)| !known(group, resource));
    rules.extend(besides.map(|(group, resource, verbs)| Rule::on(group, &[resource], verbs)));
    if writes {
        rules.extend(managed.granted.iter().cloned());
        for resource in ["clusterroles", "roles"] {
            let names = managed.bound.iter().filter(|role| role.resource == resource).map(|role| role.name.clone());
            let names: Vec<String> = names.collect();
            if !names.is_empty() {
                rules.push(Rule::on("rbac.authorization.k8s.io", &[resource], &["bind"]).named(names));
            }
        }
    }
    rules
}

fn role(namespace: Option<&str>, name: &str, rules: Vec<Rule>) -> Value {
    let rules: Vec<Value> = rules.iter().map(Rule::to_value).collect();
    json!({
        "apiVersion": RBAC, "kind": kind(namespace, "Role"), "metadata": metadata(namespace, name), "rules": rules,
    })
}

fn binding(namespace: Option<&str>, name: &str, (account_namespace, account): (&str, &str)) -> Value {
    json!({
        "apiVersion": RBAC, "kind": kind(namespace, "RoleBinding"), "metadata": metadata(namespace, name),
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": kind(namespace, "Role"), "name": name },
        "subjects": [{ "kind": "ServiceAccount", "namespace": account_namespace, "name": account }],
    })
}

fn kind(namespace: Option<&str>, kind: &str) -> String {
    if namespace.is_some() { kind.to_owned() } else { format!("Cluster{kind}") }
}

fn metadata(namespace: Option<&str>, name: &str) -> Value {
    let mut metadata = json!({ "name": name, "labels": labels() });
    if let Some(namespace) = namespace {
        metadata["namespace"] = namespace.into();
    }
    metadata
}
