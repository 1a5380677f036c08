//! The documents of discovery: the aggregated one, and the plain ones before it.

use serde::Deserialize;
use serde_json::Value;
use taffrail_model::ApiVersion;

use super::{Group, Kinds};

/// What the API server says at `/api` and at `/apis`.
pub(super) enum Root {
    Aggregated(Aggregated),
    Plain(Vec<ApiVersion>),
}

impl Root {
    pub(super) fn of(document: Value) -> Self {
        if document["kind"] == "APIGroupDiscoveryList" {
            return Self::Aggregated(Aggregated { groups: document["items"].as_array().cloned().unwrap_or_default() });
        }
        let of_core = document["versions"].as_array().into_iter().flatten();
        let groups = document["groups"].as_array().into_iter().flatten();
        let of_groups = groups.flat_map(|group| group["versions"].as_array().into_iter().flatten());
        let versions = of_core.chain(of_groups.map(|version| &version["groupVersion"]));
        Self::Plain(versions.filter_map(Value::as_str).map(ApiVersion::from).collect())
    }
}

/// Each group is read alone, so that one that cannot be read takes no other with it.
pub(super) struct Aggregated {
    groups: Vec<Value>,
}

impl Aggregated {
    pub(super) fn into_kinds(self) -> Kinds {
        let groups = self.groups.into_iter().filter_map(|group| serde_json::from_value::<AggregatedGroup>(group).ok());
        let mut kinds = Kinds::new();
        for group in groups {
            for served in group.versions {
                let version = ApiVersion { group: group.metadata.name.clone(), version: served.version };
                let mut of_version = Group { silent: served.freshness == "Stale", ..Group::default() };
                for resource in served.resources {
                    let Some(shape) = resource.response_kind else { continue };
                    of_version.add(&version, shape.kind, resource.resource, resource.scope == "Namespaced");
                }
                kinds.insert(version, of_version);
            }
        }
        kinds
    }
}

#[derive(Deserialize)]
struct AggregatedGroup {
    /// `/api` names the core group by leaving the name out.
    #[serde(default)]
    metadata: GroupName,
    #[serde(default)]
    versions: Vec<AggregatedVersion>,
}

#[derive(Default, Deserialize)]
struct GroupName {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct AggregatedVersion {
    version: String,
    #[serde(default)]
    freshness: String,
    #[serde(default)]
    resources: Vec<AggregatedResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AggregatedResource {
    resource: String,
    #[serde(default)]
    scope: String,
    response_kind: Option<KindName>,
}

#[derive(Deserialize)]
struct KindName {
    #[serde(default)]
    kind: String,
}

/// The kinds of one version, in plain discovery.
#[derive(Deserialize)]
pub(super) struct PlainList {
    #[serde(default)]
    pub resources: Vec<PlainResource>,
}

/// One of them.
#[derive(Deserialize)]
pub(super) struct PlainResource {
    pub name: String,
    pub kind: String,
    pub namespaced: bool,
}
