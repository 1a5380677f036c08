//! What an installation in a cluster consists of, as objects: for `taffrail install --print`.
//!
//! Always: a function of a [`Plan`]; no value of a Secret is in it, only the names of Secrets that the operator makes;
//! the pod passes the `restricted` level of Pod Security.

mod kinds;
mod network;
mod rights;
mod workload;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use taffrail_model::ClusterName;
use taffrail_model::configuration::{Configuration, Credentials, ServiceAccount};

pub(crate) use self::kinds::Managed;
use crate::configuration::{self, Settings};

/// What everything is called.
const NAME: &str = "taffrail";
/// The folder of the configuration in the pod.
pub(crate) const CONFIGURATION: &str = "/etc/taffrail/config";
/// The folder of the Secret for repositories: tokens, keys, known hosts, certificates, secrets of hooks.
const SECRETS: &str = "/etc/taffrail/secrets";

/// What is to be installed.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    namespace: String,
    image: String,
    service_monitor: bool,
    managed: Managed,
    /// The text of the configuration.
    text: String,
    configuration: Configuration,
    /// The namespace of the claims.
    claims: String,
    ports: Ports,
    data: String,
    key_folder: String,
    tokens_folder: Option<String>,
}

/// Where the pod listens.
#[derive(Clone, Copy, Debug)]
struct Ports {
    /// The API, when it can be reached from outside of the pod.
    api: Option<u16>,
    telemetry: u16,
}

/// What a person chose.
pub(crate) struct Choice {
    pub namespace: String,
    pub image: String,
    pub service_monitor: bool,
    pub managed: Managed,
    /// The text of the configuration; that of an installation without applications when there is none.
    pub configuration: Option<String>,
}

/// An object, and what is said of it.
struct Part {
    words: String,
    object: Value,
}

impl Part {
    fn new(words: &str, object: Value) -> Self {
        Self { words: words.to_owned(), object }
    }
}

impl Plan {
    /// Checks that the configuration can be run in a pod; every reason why not.
    pub fn new(choice: Choice) -> Result<Self, Vec<String>> {
        let Choice { namespace, image, service_monitor, managed, configuration } = choice;
        let text = configuration.unwrap_or_else(|| {
            include_str!("taffrail.yaml").replace("claims: taffrail", &format!("claims: {namespace}"))
        });
        let settings = configuration::read(text.as_bytes(), "taffrail.yaml", Path::new(CONFIGURATION));
        let settings = settings.map_err(|errors| errors.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let mut faults = Vec::new();
        let key_folder = folder(&settings.key_file);
        if settings.data.starts_with(&key_folder) || Path::new(CONFIGURATION).starts_with(&key_folder) {
            faults.push(format!(
                "keyFile lies in {key_folder}, which holds other things too: give it a folder of its own, where its volume \
                 is mounted, as /var/lib/taffrail-key/secrets.key"
            ));
        }
        let telemetry = settings.telemetry.filter(|address| !address.ip().is_loopback());
        if telemetry.is_none() {
            faults
                .push("telemetry is to be an address beyond loopback, as 0.0.0.0:8421: the kubelet asks it".to_owned());
        }
        faults.extend(elsewhere(&settings));
        let Some(telemetry) = telemetry.filter(|_| faults.is_empty()) else { return Err(faults) };
        let claims = settings.configuration.clusters.get(&ClusterName::default());
        Ok(Self {
            ports: Ports { api: outside(settings.listen), telemetry: telemetry.port() },
            data: settings.data.display().to_string(),
            key_folder,
            tokens_folder: settings.api.tokens_file.as_deref().map(folder),
            claims: claims.cloned().unwrap_or_default().claims,
            configuration: settings.configuration,
            namespace,
            image,
            service_monitor,
            managed,
            text,
        })
    }

    /// All of it, as YAML with comments.
    pub fn to_yaml(&self) -> String {
        let mut parts = vec![
            Part::new("", json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": self.namespace_metadata() })),
            Part::new(
                "Who the daemon is. Only its pod gets a token.",
                json!({
                    "apiVersion": "v1", "kind": "ServiceAccount", "metadata": self.metadata(NAME),
                    "automountServiceAccountToken": false,
                }),
            ),
        ];
        parts.extend(rights::parts(self));
        parts.push(Part::new(
            "The configuration. A change is taken in by itself, within the minute or two that the kubelet needs.",
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": self.metadata(NAME),
                "data": { "taffrail.yaml": self.text },
            }),
        ));
        parts.extend(workload::parts(self));
        parts.extend(network::parts(self));
        let mut text = comment(&self.preface());
        for Part { words, object } in parts {
            text += "---\n";
            text += &comment(&words);
            text += &taffrail_yaml::to_string(&object);
        }
        text
    }

    /// What a person should look at.
    pub fn doubts(&self) -> &[String] {
        &self.managed.doubts
    }

    fn preface(&self) -> String {
        let namespace = &self.namespace;
        let tokens = if self.tokens_folder.is_some() {
            format!(
                "\n\nThe pod waits for the Secret of those who may ask the API, a line a person:\n\n    \
                 taffrail token anna >anna   # the token for her, and its line for the file `tokens`\n    \
                 kubectl -n {namespace} create secret generic taffrail-tokens --from-file=tokens"
            )
        } else {
            String::new()
        };
        format!(
            "Taffrail in a cluster, as `taffrail install --print` writes it. No value of a Secret is in here.{tokens}\n\n\
             Credentials of repositories are files of the Secret taffrail-secrets, if there is one, in {SECRETS}:\n\n    \
             kubectl -n {namespace} create secret generic taffrail-secrets --from-file=shop.token"
        )
    }

    fn namespace_metadata(&self) -> Value {
        let mut labels = labels();
        labels["pod-security.kubernetes.io/enforce"] = "restricted".into();
        json!({ "name": self.namespace, "labels": labels })
    }

    fn metadata(&self, name: &str) -> Value {
        json!({ "name": name, "namespace": self.namespace, "labels": labels() })
    }

    /// Whether anything is written as the daemon itself.
    fn writes_itself(&self) -> bool {
        let applications = &self.configuration.applications;
        applications.is_empty() || applications.values().any(|application| application.service_account.is_none())
    }

    /// Whom applications are written as.
    fn identities(&self) -> BTreeSet<&ServiceAccount> {
        self.configuration
            .applications
            .values()
            .filter_map(|application| application.service_account.as_ref())
            .collect()
    }
}

fn labels() -> Value {
    json!({ "app.kubernetes.io/name": NAME })
}

fn outside(address: SocketAddr) -> Option<u16> {
    (!address.ip().is_loopback()).then_some(address.port())
}

fn folder(file: &Path) -> String {
    file.parent().unwrap_or(Path::new("/")).display().to_string()
}

/// The files that the configuration names where nothing is mounted.
fn elsewhere(settings: &Settings) -> Vec<String> {
    let mut files: Vec<&Path> = settings.hooks.values().map(AsRef::as_ref).collect();
    files.extend(settings.clusters.values().filter_map(|cluster| cluster.kubeconfig.as_deref()));
    for repository in settings.configuration.repositories.values() {
        files.extend(repository.ca_file.as_deref());
        match &repository.credentials {
            None => {}
            Some(Credentials::Token { token_file }) => files.push(token_file),
            Some(Credentials::Basic { password_file, .. }) => files.push(password_file),
            Some(Credentials::Ssh(key)) => {
                files.extend([key.ssh_key_file.as_path(), &key.known_hosts_file]);
                files.extend(key.passphrase_file.as_deref());
            }
        }
    }
    files.retain(|file| file.parent() != Some(Path::new(SECRETS)));
    files.iter().map(|file| format!("{} is not in {SECRETS}, where its Secret is mounted", file.display())).collect()
}

/// `words` as comments.
fn comment(words: &str) -> String {
    words.lines().map(|line| format!("# {line}").trim_end().to_owned() + "\n").collect()
}
