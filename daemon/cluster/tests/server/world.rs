//! A namespace on the real API server, a `KubeCluster` that works there, and an administrator who does as he pleases.

use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt;
use http::Request;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use taffrail_cluster::{KubeCluster, Options};
use taffrail_model::configuration::ForeignPolicy;
use taffrail_model::{ClusterName, FieldSet, Manifest, ObjectKey, Uid, Watch, WatchEvent, WatchScope};
use taffrail_model::{Replicas, Take};
use taffrail_ports::BoxStream;
use taffrail_ports::cluster::{Applied, Apply, Cluster, Delete, Deleted, Owner, WriteError};
use taffrail_ports::metrics::Metrics;

use crate::proxy::Proxy;

/// Longest wait for anything.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub struct World {
    pub cluster: KubeCluster,
    pub metrics: Metrics,
    pub namespace: String,
    pub proxy: Proxy,
    admin: Client,
    /// How to reach the API server, as in a kubeconfig.
    server: Value,
}

impl World {
    pub async fn new(test: &str) -> Self {
        Self::with(test, Options::default(), |text| text).await
    }

    /// A world whose cluster is reached through a proxy, with a changed kubeconfig.
    pub async fn with(test: &str, options: Options, change: impl FnOnce(String) -> String) -> Self {
        let path = std::env::var("TAFFRAIL_KUBECONFIG").expect("no TAFFRAIL_KUBECONFIG: run `make test`");
        let text = std::fs::read_to_string(&path).expect("the kubeconfig can be read");
        let config = Kubeconfig::from_yaml(&text).unwrap();
        let server = serde_json::to_value(&config.clusters[0].cluster).unwrap();
        let mut config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap();
        config.proxy_url = None; // of the environment
        let authority = config.cluster_url.authority().unwrap().to_string();
        let proxy = Proxy::start(&authority).await;
        let through = change(text.replace(&authority, &proxy.address));

        let namespace = format!("{test}-{}", std::process::id());
        let (cluster, metrics) = connect(&namespace, &through, options).await;
        let world = Self { cluster, metrics, namespace, proxy, admin: Client::try_from(config).unwrap(), server };
        let body = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": world.namespace } });
        world.admin("POST", "/api/v1/namespaces", body).await.unwrap();
        world
    }

    /// A cluster as a service account sees it that has just these rights in the namespace.
    pub async fn as_account(&self, account: &str, rules: Value) -> KubeCluster {
        let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{}", self.namespace);
        let metadata = json!({ "name": account });
        self.admin("POST", &self.path("serviceaccounts", ""), json!({ "metadata": metadata })).await.unwrap();
        let role = json!({ "metadata": metadata, "rules": rules });
        self.admin("POST", &format!("{rbac}/roles"), role).await.unwrap();
        let binding = json!({
            "metadata": metadata,
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": account },
            "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": self.namespace }],
        });
        self.admin("POST", &format!("{rbac}/rolebindings"), binding).await.unwrap();
        let request = json!({ "spec": { "audiences": [] } });
        let path = self.path("serviceaccounts", &format!("{account}/token"));
        let token = self.admin("POST", &path, request).await.unwrap()["status"]["token"].take();
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{ "name": "it", "cluster": self.server }],
            "contexts": [{ "name": "it", "context": { "cluster": "it", "user": "it" } }],
            "users": [{ "name": "it", "user": { "token": token } }],
        });
        let name = format!("{}-{account}", self.namespace);
        connect(&name, &kubeconfig.to_string(), Options::default()).await.0
    }

    /// A request of the administrator, whose field manager is `kubectl-edit`.
    pub async fn admin(&self, method: &str, path: &str, body: Value) -> Result<Value, kube::Error> {
        self.someone("kubectl-edit", method, path, body).await
    }

    /// A request of somebody.
    pub async fn someone(&self, manager: &str, method: &str, path: &str, body: Value) -> Result<Value, kube::Error> {
        let kind = match (method, body.is_array()) {
            ("PATCH", true) => "application/json-patch+json",
            ("PATCH", false) => "application/merge-patch+json",
            ("APPLY", _) => "application/apply-patch+yaml",
            _ => "application/json",
        };
        let method = if method == "APPLY" { "PATCH" } else { method };
        let request = Request::builder().method(method).uri(format!("{path}?fieldManager={manager}"));
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.admin.request(request.header("content-type", kind).body(bytes).unwrap()).await
    }

    pub async fn read(&self, path: &str) -> Result<Value, kube::Error> {
        self.admin("GET", path, Value::Null).await
    }

    /// The path of a core object in the namespace.
    pub fn path(&self, plural: &str, name: &str) -> String {
        let path = format!("/api/v1/namespaces/{}/{plural}", self.namespace);
        if name.is_empty() { path } else { format!("{path}/{name}") }
    }

    /// The path of an object of `apps/v1` in the namespace.
    pub fn apps(&self, plural: &str, name: &str) -> String {
        self.path(plural, name).replacen("/api/v1/", "/apis/apps/v1/", 1)
    }

    pub fn object(&self, api_version: &str, kind: &str, name: &str, rest: Value) -> Value {
        let mut object = json!({
            "apiVersion": api_version, "kind": kind, "metadata": { "name": name, "namespace": self.namespace },
        });
        object.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap_or_default());
        object
    }

    pub fn config_map(&self, name: &str, value: &str) -> Value {
        self.object("v1", "ConfigMap", name, json!({ "data": { "key": value } }))
    }

    pub fn request(&self, object: Value, uid: Option<&Uid>) -> Apply {
        Apply {
            manifest: Manifest::new(object).unwrap(),
            owner: owner(),
            uid: uid.cloned(),
            foreign: ForeignPolicy::Refuse,
            take: Take::Nothing,
            replicas: Replicas::AsRendered,
            identity: None,
        }
    }

    pub async fn apply_with(
        &self,
        change: impl FnOnce(&mut Apply),
        object: Value,
        uid: Option<&Uid>,
    ) -> Result<Applied, WriteError> {
        let mut apply = self.request(object, uid);
        change(&mut apply);
        self.cluster.apply(apply).await
    }

    pub async fn apply(&self, object: Value, uid: Option<&Uid>) -> Result<Applied, WriteError> {
        self.cluster.apply(self.request(object, uid)).await
    }

    pub async fn delete(&self, key: &str, uid: Option<&Uid>, wait: bool) -> Result<Deleted, WriteError> {
        let object: ObjectKey = key.replace("NS", &self.namespace).parse().unwrap();
        let api_version = "v1".into();
        self.cluster
            .delete(Delete { object, api_version, owner: owner(), uid: uid.cloned(), wait, identity: None })
            .await
    }

    pub fn watch(&self, api_version: &str, kind: &str) -> Events {
        let scope = WatchScope::Namespace(self.namespace.clone());
        Events::of(
            &self.cluster,
            Watch { cluster: ClusterName::default(), api_version: api_version.into(), kind: kind.to_owned(), scope },
        )
    }

    /// Requests of `verb`, whatever came back.
    pub fn requests(&self, verb: &str) -> u64 {
        requests(&self.metrics, verb)
    }
}

pub fn owner() -> Owner {
    Owner { installation: "here".to_owned(), application: "shop".parse().unwrap(), predecessors: Vec::new() }
}

/// A cluster for the text of a kubeconfig.
pub async fn connect(name: &str, kubeconfig: &str, options: Options) -> (KubeCluster, Metrics) {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.kubeconfig"));
    std::fs::write(&path, kubeconfig).unwrap();
    let metrics = Metrics::new();
    let cluster = KubeCluster::connect(Options { kubeconfig: Some(path.clone()), ..options }, metrics.clone()).await;
    std::fs::remove_file(path).unwrap();
    (cluster.unwrap(), metrics)
}

pub fn requests(metrics: &Metrics, verb: &str) -> u64 {
    let families = metrics.registry.gather();
    let all = families.iter().filter(|family| family.name() == "taffrail_api_requests_total");
    let of_verb = all
        .flat_map(|family| family.get_metric())
        .filter(|metric| metric.get_label().iter().any(|label| label.name() == "verb" && label.value() == verb));
    of_verb.map(|metric| metric.get_counter().get_value() as u64).sum()
}

/// What a watch tells, one at a time.
pub struct Events(BoxStream<'static, WatchEvent>);

impl Events {
    pub fn of(cluster: &KubeCluster, watch: Watch) -> Self {
        Self(cluster.watch(watch))
    }

    pub async fn next(&mut self) -> WatchEvent {
        self.within(DEADLINE).await.expect("the watch tells something before the deadline")
    }

    pub async fn within(&mut self, time: Duration) -> Option<WatchEvent> {
        tokio::time::timeout(time, self.0.next()).await.ok().map(|event| event.expect("a watch does not end"))
    }

    /// The next list, as names.
    pub async fn listed(&mut self) -> Vec<String> {
        match self.next().await {
            WatchEvent::Listed(objects) => objects.into_iter().map(|object| object.key.name).collect(),
            other => panic!("not a list: {other:?}"),
        }
    }

    /// Reads on until `wanted`, and returns what came before it.
    pub async fn until(&mut self, wanted: impl Fn(&WatchEvent) -> bool) -> (Vec<WatchEvent>, WatchEvent) {
        let mut before = Vec::new();
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return (before, event);
            }
            before.push(event);
        }
    }
}

/// `manager/operation[/subresource] fields` of each who manages fields of `object`, status aside.
pub fn managers(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let told = |entry: &Value| {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        let fields = FieldSet::new(entry["fieldsV1"].clone()).unwrap();
        let fields: Vec<_> = fields.paths().into_iter().map(|path| path.0).collect();
        format!("{}/{} {}", text("manager"), text("operation"), fields.join(" "))
    };
    let mut all: Vec<_> = entries.filter(|entry| entry["subresource"] != "status").map(told).collect();
    all.sort();
    all
}

/// Waits until `condition` holds.
pub async fn eventually<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(value) = condition().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("{what}: not before the deadline"))
}
