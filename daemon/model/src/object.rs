//! What identifies an object in a cluster. The version is no part of it: `apps/v1` and `apps/v1beta1` serve one object.
//!
//! Text form, also used as key in stored documents: `GROUP/KIND:NAMESPACE/NAME`, without `GROUP/` for the core group
//! and without `NAMESPACE/` for what is cluster-scoped: `apps/Deployment:shop/api`, `ConfigMap:shop/settings`,
//! `Namespace:shop`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Group, kind, namespace and name of an object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind, as in a manifest.
    pub kind: String,
    /// Namespace; none for cluster-scoped objects.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// Whether this is of `group` and `kind`.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.group == group && self.kind == kind
    }

    /// Whether this is a Secret, whose values no output may show.
    pub fn is_secret(&self) -> bool {
        self.is("", "Secret")
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        write!(f, "{}:", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text has not the form `GROUP/KIND:NAMESPACE/NAME`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not an object: write [GROUP/]KIND:[NAMESPACE/]NAME, as in apps/Deployment:shop/api")]
pub struct InvalidObjectKey(String);

impl FromStr for ObjectKey {
    type Err = InvalidObjectKey;

    fn from_str(text: &str) -> Result<Self, InvalidObjectKey> {
        let parse = || {
            // Kinds and groups hold no colon; names of RBAC objects may.
            let (group_kind, place) = text.split_once(':')?;
            let (group, kind) = group_kind.split_once('/').unwrap_or(("", group_kind));
            let (namespace, name) = match place.split_once('/') {
                Some((namespace, name)) => (Some(namespace), name),
                None => (None, place),
            };
            let valid = !kind.is_empty() && !name.is_empty() && !name.contains('/') && namespace != Some("");
            valid.then(|| Self {
                group: group.to_owned(),
                kind: kind.to_owned(),
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
            })
        };
        parse().ok_or_else(|| InvalidObjectKey(text.chars().take(200).collect()))
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = InvalidObjectKey;

    fn try_from(text: String) -> Result<Self, InvalidObjectKey> {
        text.parse()
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.to_string()
    }
}

/// An `apiVersion`: group and version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ApiVersion {
    /// API group; empty for the core group.
    pub group: String,
    /// Version, as `v1`.
    pub version: String,
}

impl From<&str> for ApiVersion {
    fn from(text: &str) -> Self {
        let (group, version) = text.split_once('/').unwrap_or(("", text));
        Self { group: group.to_owned(), version: version.to_owned() }
    }
}

impl From<String> for ApiVersion {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<ApiVersion> for String {
    fn from(version: ApiVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() { f.write_str(&self.version) } else { write!(f, "{}/{}", self.group, self.version) }
    }
}

/// The uid that the API server gave an object: a new object of the same name has another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub String);

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_forms() {
        for text in [
            "apps/Deployment:shop/api",
            "ConfigMap:shop/settings",
            "Namespace:shop",
            "rbac.authorization.k8s.io/ClusterRole:system:shop",
        ] {
            assert_eq!(text.parse::<ObjectKey>().unwrap().to_string(), text);
        }
        for bad in ["", "Deployment", ":x", "Deployment:", "Deployment:/x", "Deployment:a/b/c"] {
            assert!(bad.parse::<ObjectKey>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn the_text_form_reads_back(group in "[a-z.]{0,8}", kind in "[A-Z][a-z]{0,8}", namespace in proptest::option::of("[a-z-]{1,8}"), name in "[a-z:.-]{1,8}") {
            let key = ObjectKey { group, kind, namespace, name };
            prop_assert_eq!(key.to_string().parse::<ObjectKey>().unwrap(), key);
        }
    }
}
