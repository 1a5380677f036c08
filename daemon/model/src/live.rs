//! An object as a watch saw it. `Debug` prints its identity only.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::object::{ApiVersion, ObjectKey, Uid};

/// A live object. Watches drop `metadata.managedFields`, and `data` and `stringData` of Secrets and ConfigMaps, before they make one.
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
}

impl fmt::Debug for LiveObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveObject({} {}@{})", self.key, self.uid, self.resource_version)
    }
}
