//! Live objects as watches see them. `Debug` prints their identity only.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fields::ManagedFields;
use crate::name::ClusterName;
use crate::object::{ApiVersion, ObjectKey, Uid};

/// A live object. Watches take `metadata.managedFields` out of the body, and drop `data` and `stringData` of Secrets and ConfigMaps.
#[derive(Clone, PartialEq)]
pub struct LiveObject {
    /// What it is.
    pub key: ObjectKey,
    /// The apiVersion it was read in.
    pub api_version: ApiVersion,
    /// The server's uid.
    pub uid: Uid,
    /// The server's resourceVersion, opaque.
    pub resource_version: String,
    /// The object.
    pub body: Arc<Value>,
    /// Who manages which fields of it; only kept of objects that are watched as ours.
    pub managers: Arc<[ManagedFields]>,
}

impl fmt::Debug for LiveObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveObject({} {}@{})", self.key, self.uid, self.resource_version)
    }
}

/// What to watch. Ordered and comparable, since it names the effect that watches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watch {
    /// The cluster.
    pub cluster: ClusterName,
    /// The apiVersion to read in.
    pub api_version: ApiVersion,
    /// The kind.
    pub kind: String,
    /// Which objects of it.
    pub scope: WatchScope,
}

/// Which objects of a kind to watch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WatchScope {
    /// In all namespaces, those with our label.
    Ours,
    /// All of a namespace.
    Namespace(String),
}

/// What a watch saw. A stream of them ends only when it is dropped; it reconnects by itself, with back-off.
#[derive(Clone, Debug, PartialEq)]
pub enum WatchEvent {
    /// These are all there are: replaces what was known.
    Listed(Vec<LiveObject>),
    /// An object is new or changed.
    Changed(LiveObject),
    /// An object no longer matches: it is gone, or lost the label.
    Removed(ObjectKey),
    /// The server does not answer; what is known may be old, until the next event of another kind.
    Lost(String),
    /// The watch goes on where it was before it was lost.
    Resumed,
}
