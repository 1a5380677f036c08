//! What `taffrail install --print` prints, in a cluster: its rights are what a daemon under test has.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use taffrail_yaml::{Limits, Rules, parse};
use tempfile::TempDir;

use crate::cluster::{Cleanup, Cluster, key_of};
use crate::{kubeconfig, program};

/// An installation, in a namespace of its own. It is taken away with its test.
pub struct Installation {
    cluster: Cluster,
    namespace: String,
    folder: TempDir,
    /// Its roles, and the rules in them.
    roles: Vec<(String, Vec<Value>)>,
    _cleanup: Cleanup,
}

impl Installation {
    /// Prints and creates one for these manifests, with more arguments.
    pub fn new(cluster: &Cluster, manifests: &[PathBuf], arguments: &[&str]) -> Self {
        let namespace = program::unique("install");
        let mut command = program::command();
        command.args(["install", "--print", "--namespace", &namespace]).args(arguments);
        let printed = command.arg("--manifests").args(manifests).output().expect("the program starts");
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let documents = parse(&printed.stdout, "install", &Limits::default()).expect("it prints YAML");
        let objects = documents.iter().map(|document| document.to_value(Rules::Manifest)).filter(Value::is_object);
        let (cleanup, mut roles) = (cluster.cleanup(), Vec::new());
        for object in objects {
            let key = key_of(&object).to_string();
            cluster.create(&object).unwrap_or_else(|(status, said)| panic!("{key}: {status} {said}"));
            if object["metadata"]["namespace"] != *namespace {
                cleanup.also(&key);
            }
            if let Some(rules) = object["rules"].as_array() {
                roles.push((key, rules.clone()));
            }
        }
        let installation =
            Self { cluster: cluster.clone(), namespace, folder: program::temporary(), roles, _cleanup: cleanup };
        installation.give_token(&cluster.token(&installation.account(), None));
        let text = kubeconfig::with_token(cluster.access(), &installation.token_file());
        fs::write(installation.kubeconfig(), text).expect("a file");
        installation
    }

    /// Its namespace, which is that of the claims too.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Its service account.
    pub fn account(&self) -> String {
        format!("{}/taffrail", self.namespace)
    }

    /// A kubeconfig with nothing but the token of its service account, in a file, as a pod has it.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    /// Puts this token into the file.
    pub fn give_token(&self, token: &str) {
        fs::write(self.token_file(), token).expect("a file");
    }

    fn token_file(&self) -> PathBuf {
        Path::new(self.folder.path()).join("token")
    }

    /// Takes a right away, `VERB RESOURCE`, and nothing else.
    pub fn without(&self, right: &str) {
        let (verb, resource) = right.split_once(' ').expect("VERB RESOURCE");
        let mut taken = 0;
        for (role, rules) in &self.roles {
            let left: Vec<Value> = rules.iter().flat_map(|rule| without(rule, verb, resource)).collect();
            taken += usize::from(left != *rules);
            self.cluster.patch(role, &json!({ "rules": left }));
        }
        assert!(taken > 0, "{right} is no right of the installation");
    }

    /// Gives back what was taken.
    pub fn complete(&self) {
        for (role, rules) in &self.roles {
            self.cluster.patch(role, &json!({ "rules": rules }));
        }
    }
}

/// A rule without a verb on a resource: itself, or what is left of it.
fn without(rule: &Value, verb: &str, resource: &str) -> Vec<Value> {
    let list = |field: &str| rule[field].as_array().cloned().unwrap_or_default();
    if !list("resources").contains(&resource.into()) || !list("verbs").contains(&verb.into()) {
        return vec![rule.clone()];
    }
    let but = |field: &str, word: &str| list(field).into_iter().filter(|one| *one != word).collect::<Vec<_>>();
    let (mut others, mut this) = (rule.clone(), rule.clone());
    others["resources"] = but("resources", resource).into();
    this["resources"] = json!([resource]);
    this["verbs"] = but("verbs", verb).into();
    let says_something = |rule: &Value| ["resources", "verbs"].iter().all(|field| rule[field] != json!([]));
    [others, this].into_iter().filter(says_something).collect()
}
