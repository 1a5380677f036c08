//! The clusters by name.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use taffrail_model::ClusterName;

use crate::cluster::Cluster;

/// The clusters that this process reaches. They may be changed while it runs.
#[derive(Default)]
pub struct Clusters(RwLock<BTreeMap<ClusterName, Arc<dyn Cluster>>>);

impl Clusters {
    /// One cluster, with the default's name.
    pub fn one(cluster: Arc<dyn Cluster>) -> Self {
        let clusters = Self::default();
        clusters.put(ClusterName::default(), cluster);
        clusters
    }

    /// Adds one, or puts it in the place of the one that had its name.
    pub fn put(&self, name: ClusterName, cluster: Arc<dyn Cluster>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(name, cluster);
    }

    /// The cluster of this name. One that is configured but not reached yet has none.
    pub fn get(&self, name: &ClusterName) -> Option<Arc<dyn Cluster>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The names.
    pub fn names(&self) -> Vec<ClusterName> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}
