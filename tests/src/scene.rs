//! What most tests need: a namespace, a repository with one application, and settings for a daemon.

use crate::cluster::{Cluster, Namespace};
use crate::git::GitRepository;
use crate::manifests;
use crate::program;
use crate::settings::Settings;

/// The name of the application, and of the repository.
pub const SHOP: &str = "shop";

/// A cluster, a namespace in it, and a repository.
pub struct Scene {
    /// The cluster, as the witness sees it.
    pub cluster: Cluster,
    /// The application's namespace.
    pub namespace: Namespace,
    /// Its repository.
    pub repository: GitRepository,
}

impl Scene {
    /// A new scene in the cluster that all tests share.
    pub fn new(name: &str) -> Self {
        Self::on(Cluster::shared(), name)
    }

    /// A new scene in this cluster.
    pub fn on(cluster: Cluster, name: &str) -> Self {
        let namespace = cluster.namespace(&program::unique(name));
        Self { cluster, namespace, repository: GitRepository::new() }
    }

    /// Settings with the repository and the application, straight to the API server.
    pub fn settings(&self) -> Settings {
        let settings = Settings::new(self.cluster.kubeconfig()).repository(SHOP, &self.repository.url());
        settings.application(SHOP, SHOP, "app", self.namespace.name())
    }

    /// Commits that the application consists of exactly these files; returns the commit's id.
    pub fn deploy(&self, files: &[(&str, String)], message: &str) -> String {
        self.deploy_to("app", files, message)
    }

    /// The same for another folder than the application's.
    pub fn deploy_to(&self, folder: &str, files: &[(&str, String)], message: &str) -> String {
        self.repository.remove(folder);
        for (name, text) in files {
            self.repository.write(&format!("{folder}/{name}"), text);
        }
        let list = manifests::kustomization(files.iter().map(|(name, _)| *name));
        self.repository.write(&format!("{folder}/kustomization.yaml"), list);
        self.repository.commit_tree(message)
    }

    /// The object `KIND:NAME` in the scene's namespace, as everything else names it.
    pub fn object(&self, short: &str) -> String {
        let (kind, name) = short.split_once(':').expect("KIND:NAME");
        format!("{kind}:{}/{name}", self.namespace.name())
    }

    /// `data.value` of a ConfigMap, if it is there.
    pub fn value_of(&self, config_map: &str) -> Option<String> {
        let found = self.cluster.find(&self.object(&format!("ConfigMap:{config_map}")))?;
        found["data"]["value"].as_str().map(str::to_owned)
    }

    /// The image of a Deployment.
    pub fn image_of(&self, deployment: &str) -> String {
        let found = self.cluster.get(&self.object(&format!("apps/Deployment:{deployment}")));
        crate::cluster::text(&found, "/spec/template/spec/containers/0/image").to_owned()
    }
}
