//! A taffrail.yaml for tests: quick polls and gates, and nothing fixed that two tests could share.

use std::path::Path;

use serde_json::{Value, json};

/// What the file will say; tests change it freely.
#[derive(Clone, Debug)]
pub struct Settings(pub Value);

impl Settings {
    /// No repository and no application yet, and this cluster.
    pub fn new(kubeconfig: &Path) -> Self {
        Self(json!({
            "listen": "127.0.0.1:0",
            "data": "data",
            "keyFile": "secrets.key",
            "log": { "format": "json", "level": "debug" },
            "cluster": { "kubeconfig": kubeconfig },
            "repositories": [],
            "applications": [],
        }))
    }

    /// With a repository, polled every second.
    #[must_use]
    pub fn repository(mut self, name: &str, url: &str) -> Self {
        let repository = json!({ "name": name, "url": url, "poll": "1s", "timeout": "5s" });
        self.list("repositories").push(repository);
        self
    }

    /// With an application of the folder `path`, whose gate decides within seconds.
    #[must_use]
    pub fn application(mut self, name: &str, repository: &str, path: &str, namespace: &str) -> Self {
        let mut application = json!({
            "name": name,
            "repository": repository,
            "path": path,
            // A few objects are soon a large share of an application.
            "sync": { "timeout": "20s", "prune": { "limit": "100%" } },
            "gate": {
                "timeout": "30s",
                "settle": "500ms",
                "failFast": { "imagePull": "2s", "after": "3s" },
            },
        });
        if !namespace.is_empty() {
            application["namespace"] = namespace.into();
            // Tests that share a cluster have applications of the same name.
            let cluster = &mut self.0["cluster"];
            if cluster["claims"].is_null() {
                cluster["claims"] = namespace.into();
            }
        }
        self.list("applications").push(application);
        self
    }

    /// With a setting of the newest application: `("gate/timeout", "10s")`.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        let mut place = self.list("applications").last_mut().expect("an application");
        for part in path.split('/') {
            place = &mut place[part];
        }
        *place = value.into();
        self
    }

    /// With a setting of the newest repository.
    #[must_use]
    pub fn with_repository(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.list("repositories").last_mut().expect("a repository")[name] = value.into();
        self
    }

    /// As it is written: JSON is YAML.
    pub fn text(&self) -> String {
        serde_json::to_string_pretty(&self.0).expect("JSON")
    }

    fn list(&mut self, name: &str) -> &mut Vec<Value> {
        self.0[name].as_array_mut().expect("a list")
    }
}
