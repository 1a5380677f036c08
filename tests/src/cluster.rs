//! The witness: what is really in a cluster, asked directly and not through the daemon.
//!
//! Objects are named as everywhere, `GROUP/KIND:NAMESPACE/NAME`; a namespace alone selects in lists.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use taffrail_model::ObjectKey;

use crate::kubeconfig::Access;
use crate::runtime::block_on;
use crate::wait;

/// A client of an API server. Cloning shares it.
#[derive(Clone)]
pub struct Cluster {
    client: Client,
    access: Access,
    kubeconfig: PathBuf,
    kinds: Arc<Mutex<BTreeMap<(String, String), Served>>>,
}

/// How a kind is served.
#[derive(Clone)]
struct Served {
    /// `/api/v1` or `/apis/GROUP/VERSION`.
    root: String,
    version: String,
    plural: String,
}

/// What a server said: a status, and a body.
pub type Answer = Result<Value, (u16, String)>;

impl Cluster {
    /// The cluster that the whole test run shares.
    pub fn shared() -> Self {
        let path = std::env::var_os("TAFFRAIL_KUBECONFIG");
        let path = path.expect(
            "TAFFRAIL_KUBECONFIG is not set: run `make test`, or put tests/with-controlplane before the command",
        );
        Self::at(Path::new(&path))
    }

    /// The cluster of a kubeconfig.
    pub fn at(kubeconfig: &Path) -> Self {
        let access = Access::read(kubeconfig);
        Self { client: access.client(), access, kubeconfig: kubeconfig.to_owned(), kinds: Arc::default() }
    }

    /// The kubeconfig.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// How it is reached.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The object, if there is one.
    pub fn find(&self, object: &str) -> Option<Value> {
        match self.request(Method::GET, &self.path(object), "", None) {
            Ok(found) => Some(found),
            Err((404, _)) => None,
            Err((status, said)) => panic!("GET {object}: {status} {said}"),
        }
    }

    /// The object, which must be there.
    pub fn get(&self, object: &str) -> Value {
        self.find(object).unwrap_or_else(|| panic!("{object} is not in the cluster"))
    }

    /// The uid of an object that must be there.
    pub fn uid(&self, object: &str) -> String {
        text(&self.get(object), "/metadata/uid").to_owned()
    }

    /// All objects of a kind in a namespace, or everywhere.
    pub fn list(&self, kind: &str, namespace: Option<&str>) -> Vec<Value> {
        let key: ObjectKey = format!("{kind}:any").parse().expect("a kind");
        let answer = self.request(Method::GET, &self.collection(&key, namespace), "", None);
        let answer = answer.unwrap_or_else(|(status, said)| panic!("list {kind}: {status} {said}"));
        answer["items"].as_array().cloned().unwrap_or_default()
    }

    /// Every version of an object since one of the server's resourceVersions, the oldest first: nothing that was so only
    /// for a moment is missed.
    pub fn versions_since(&self, object: &str, resource_version: &str) -> Vec<Value> {
        let key: ObjectKey = object.parse().expect("GROUP/KIND:NAMESPACE/NAME");
        let collection = self.collection(&key, key.namespace.as_deref());
        let url = format!(
            "{}{collection}?watch=1&fieldSelector=metadata.name%3D{}&resourceVersion={resource_version}&timeoutSeconds=1",
            self.access.server, key.name
        );
        let answer = block_on(async { self.client.get(&url).send().await?.text().await });
        let answer = answer.unwrap_or_else(|error| panic!("watch {object}: {error:?}"));
        let events = answer.lines().map(|line| serde_json::from_str::<Value>(line).expect("a watch sends JSON"));
        events
            .inspect(|event| assert_ne!(event["type"], "ERROR", "watch {object}: {event}"))
            .map(|event| event["object"].clone())
            .collect()
    }

    /// Creates an object, as somebody with kubectl would.
    pub fn create(&self, manifest: &Value) -> Answer {
        let key = key_of(manifest);
        let path = self.collection(&key, key.namespace.as_deref());
        self.request(Method::POST, &path, "application/json", Some(manifest))
    }

    /// Creates an object under this field manager.
    pub fn create_as(&self, manager: &str, manifest: &Value) -> Answer {
        let key = key_of(manifest);
        let path = format!("{}?fieldManager={manager}", self.collection(&key, key.namespace.as_deref()));
        self.request(Method::POST, &path, "application/json", Some(manifest))
    }

    /// Applies an object on the server's side under this field manager.
    pub fn apply_as(&self, manager: &str, manifest: &Value) -> Answer {
        let key = key_of(manifest);
        let path = format!("{}/{}?fieldManager={manager}", self.collection(&key, key.namespace.as_deref()), key.name);
        self.request(Method::PATCH, &path, "application/apply-patch+yaml", Some(manifest))
    }

    /// A token of the service account `NAMESPACE/NAME`, which is worth nothing once the Secret `bound` to it is gone.
    pub fn token(&self, account: &str, bound: Option<&Value>) -> String {
        let mut request = json!({
            "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": { "expirationSeconds": 3600 },
        });
        if let Some(secret) = bound {
            let metadata = &secret["metadata"];
            request["spec"]["boundObjectRef"] = json!({
                "apiVersion": "v1", "kind": "Secret", "name": metadata["name"], "uid": metadata["uid"],
            });
        }
        let path = format!("{}/token", self.path(&format!("ServiceAccount:{account}")));
        let answer = self.request(Method::POST, &path, "application/json", Some(&request));
        let answer = answer.unwrap_or_else(|(status, said)| panic!("a token of {account}: {status} {said}"));
        text(&answer, "/status/token").to_owned()
    }

    /// Whether the service account `NAMESPACE/NAME` may do this.
    pub fn may(&self, account: &str, verb: &str, object: &ObjectKey) -> bool {
        let user = format!("system:serviceaccount:{}", account.replace('/', ":"));
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
            "spec": { "user": user, "resourceAttributes": {
                "verb": verb, "group": object.group, "resource": self.served(&object.group, &object.kind).plural,
                "namespace": object.namespace, "name": object.name,
            } },
        });
        self.review("/apis/authorization.k8s.io/v1/subjectaccessreviews", &review)["status"]["allowed"] == true
    }

    /// Whether a token is somebody's.
    pub fn knows(&self, token: &str) -> bool {
        let review =
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": { "token": token } });
        self.review("/apis/authentication.k8s.io/v1/tokenreviews", &review)["status"]["authenticated"] == true
    }

    fn review(&self, path: &str, review: &Value) -> Value {
        let answer = self.request(Method::POST, path, "application/json", Some(review));
        answer.unwrap_or_else(|(status, said)| panic!("POST {path}: {status} {said}"))
    }

    /// Changes fields of an object by a merge patch, under another field manager than ours.
    pub fn patch(&self, object: &str, patch: &Value) -> Value {
        let path = format!("{}?fieldManager=somebody", self.path(object));
        let answer = self.request(Method::PATCH, &path, "application/merge-patch+json", Some(patch));
        answer.unwrap_or_else(|(status, said)| panic!("PATCH {object}: {status} {said}"))
    }

    /// Deletes an object, if it is there.
    pub fn delete(&self, object: &str) {
        let options = json!({ "propagationPolicy": "Background" });
        match self.request(Method::DELETE, &self.path(object), "application/json", Some(&options)) {
            Ok(_) | Err((404 | 409, _)) => {}
            Err((status, said)) => panic!("DELETE {object}: {status} {said}"),
        }
    }

    /// Whether the server answers.
    pub fn answers(&self) -> bool {
        let url = format!("{}/readyz", self.access.server);
        block_on(async { self.client.get(url).send().await.is_ok_and(|response| response.status().is_success()) })
    }

    /// A namespace of its own for a test, gone at its end.
    pub fn namespace(&self, name: &str) -> Namespace {
        let manifest = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        self.create(&manifest).unwrap_or_else(|(status, said)| panic!("namespace {name}: {status} {said}"));
        let namespace = Namespace { name: name.to_owned(), cleanup: self.cleanup() };
        namespace.cleanup.also(&format!("Namespace:{name}"));
        // Pods are refused before it is there.
        let account = format!("ServiceAccount:{name}/default");
        wait::soon(&account, || self.find(&account));
        namespace
    }

    /// Deletes what it is told of at the end of a test.
    pub fn cleanup(&self) -> Cleanup {
        Cleanup { cluster: self.clone(), objects: Mutex::default() }
    }

    fn path(&self, object: &str) -> String {
        let key: ObjectKey = object.parse().expect("GROUP/KIND:NAMESPACE/NAME");
        format!("{}/{}", self.collection(&key, key.namespace.as_deref()), key.name)
    }

    fn collection(&self, key: &ObjectKey, namespace: Option<&str>) -> String {
        let Served { root, plural, .. } = self.served(&key.group, &key.kind);
        match namespace {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{plural}"),
            None => format!("{root}/{plural}"),
        }
    }

    /// The apiVersion that a kind is served in.
    pub fn api_version(&self, group: &str, kind: &str) -> String {
        self.served(group, kind).version
    }

    fn served(&self, group: &str, kind: &str) -> Served {
        let known = || self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let name = (group.to_owned(), kind.to_owned());
        if let Some(served) = known().get(&name) {
            return served.clone();
        }
        // A definition that was only just made is served a moment later.
        let served = wait::soon(&format!("the server serves {group}/{kind}"), || self.discover(group, kind));
        known().insert(name, served.clone());
        served
    }

    fn discover(&self, group: &str, kind: &str) -> Option<Served> {
        let get = |path: &str| self.request(Method::GET, path, "", None).ok();
        let version = match group {
            "" => "v1".to_owned(),
            _ => text(&get(&format!("/apis/{group}"))?, "/preferredVersion/groupVersion").to_owned(),
        };
        let root = if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{version}") };
        let resources = get(&root)?;
        let all = resources["resources"].as_array()?.iter();
        let found =
            all.filter(|resource| !text(resource, "/name").contains('/')).find(|resource| resource["kind"] == kind)?;
        Some(Served { plural: text(found, "/name").to_owned(), root, version })
    }

    fn request(&self, method: Method, path: &str, content: &str, body: Option<&Value>) -> Answer {
        let mut request = self.client.request(method, format!("{}{path}", self.access.server));
        if let Some(body) = body {
            request = request.header("content-type", content).body(body.to_string());
        }
        block_on(async {
            let response = request.send().await.map_err(|error| (0, format!("{error:?}")))?;
            let status = response.status();
            let body = response.text().await.map_err(|error| (0, format!("{error:?}")))?;
            if !status.is_success() {
                return Err((status.as_u16(), body));
            }
            serde_json::from_str(&body).map_err(|error| (0, error.to_string()))
        })
    }
}

/// The text at a pointer, or nothing.
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The key of a manifest.
pub fn key_of(manifest: &Value) -> ObjectKey {
    taffrail_model::Manifest::new(manifest.clone()).expect("a manifest").key()
}

/// A namespace that is deleted at the end of its test.
pub struct Namespace {
    name: String,
    cleanup: Cleanup,
}

impl Namespace {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Also deletes this at the end.
    pub fn also(&self, object: &str) {
        self.cleanup.also(object);
    }
}

/// Deletes objects when a test ends, however it ends.
pub struct Cleanup {
    cluster: Cluster,
    objects: Mutex<Vec<String>>,
}

impl Cleanup {
    /// Deletes this at the end.
    pub fn also(&self, object: &str) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).push(object.to_owned());
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        let objects = std::mem::take(&mut *self.objects.lock().unwrap_or_else(PoisonError::into_inner));
        for object in objects.iter().rev() {
            let key: ObjectKey = object.parse().expect("GROUP/KIND:NAMESPACE/NAME");
            // The end of the run takes the whole control plane along: what cannot be deleted now harms nobody.
            if let Some(served) = self.cluster.discover(&key.group, &key.kind) {
                let place = key.namespace.map(|namespace| format!("namespaces/{namespace}/")).unwrap_or_default();
                let path = format!("{}/{place}{}/{}", served.root, served.plural, key.name);
                let _ = self.cluster.request(Method::DELETE, &path, "", None);
            }
        }
    }
}
