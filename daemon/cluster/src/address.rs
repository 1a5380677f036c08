//! Where the API serves kinds and objects.
//!
//! Always: a name from a manifest stays one segment of the path, whatever is written in it.

use taffrail_model::ApiVersion;

/// A kind, as discovery describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resource {
    /// The apiVersion it is served in.
    pub api_version: ApiVersion,
    /// The plural name, as in the path.
    pub plural: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// The path of all objects, or of those of a namespace.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let mut path = group_version_path(&self.api_version);
        if let Some(namespace) = namespace {
            path += "/namespaces/";
            path += &encoded(namespace);
        }
        path + "/" + &encoded(&self.plural)
    }

    /// The path of one object.
    pub fn object_path(&self, namespace: Option<&str>, name: &str) -> String {
        self.path(namespace) + "/" + &encoded(name)
    }
}

/// The path of an apiVersion.
pub(crate) fn group_version_path(api_version: &ApiVersion) -> String {
    match api_version.group.as_str() {
        "" => format!("/api/{}", encoded(&api_version.version)),
        group => format!("/apis/{}/{}", encoded(group), encoded(&api_version.version)),
    }
}

/// Whether the API server takes `name` as a segment of a path: the rule is `IsValidPathSegmentName` of apimachinery.
pub(crate) fn is_segment(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '%'])
}

/// `text` as a segment of a path or a value in a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out += &format!("%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let deployments =
            Resource { api_version: "apps/v1".into(), plural: "deployments".to_owned(), namespaced: true };
        assert_eq!(deployments.path(None), "/apis/apps/v1/deployments");
        assert_eq!(deployments.path(Some("shop")), "/apis/apps/v1/namespaces/shop/deployments");
        let nodes = Resource { api_version: "v1".into(), plural: "nodes".to_owned(), namespaced: false };
        assert_eq!(nodes.object_path(None, "system:one"), "/api/v1/nodes/system:one");
    }

    #[test]
    fn a_name_cannot_leave_its_segment() {
        let config = Resource { api_version: "v1".into(), plural: "configmaps".to_owned(), namespaced: true };
        assert_eq!(
            config.object_path(Some("a b"), "x?force=true&../ü"),
            "/api/v1/namespaces/a%20b/configmaps/x%3Fforce%3Dtrue%26..%2F%C3%BC"
        );
        for bad in ["", ".", "..", "a/b", "a%2fb"] {
            assert!(!is_segment(bad), "{bad}");
        }
    }
}
