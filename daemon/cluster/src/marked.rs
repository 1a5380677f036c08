//! Everything that bears the mark of an application, whichever installation made it.

use serde_json::Value;
use taffrail_model::{ApiVersion, ApplicationName, ClusterName, LiveObject, Watch, WatchScope};
use taffrail_ports::cluster::{APPLICATION_LABEL, OWNER_ANNOTATION, WriteError, WriteErrorKind};

use crate::address::encoded;
use crate::discovery::NoKind;
use crate::kube_cluster::Inner;
use crate::list::{METADATA_LIST, NoList, list};
use crate::refusal::{Refusal, one_line, unreachable};
use crate::seen::seen;

/// The objects of `kinds`; a kind that the cluster does not know has none.
pub(crate) async fn marked(
    inner: &Inner,
    application: &ApplicationName,
    kinds: Vec<(ApiVersion, String)>,
) -> Result<Vec<LiveObject>, WriteError> {
    let selector = format!("&labelSelector={}", encoded(&format!("{APPLICATION_LABEL}={application}")));
    let mut found = Vec::new();
    for (api_version, kind) in kinds {
        let resource = match inner.discovery.find(&api_version, &kind).await {
            Ok(resource) => resource,
            Err(NoKind::Unknown) => continue,
            Err(none) => return Err(none.of_write(&api_version, &kind)),
        };
        let read = Watch { cluster: ClusterName::default(), api_version, kind, scope: WatchScope::Ours };
        let take = |page: Vec<Value>| {
            let objects = page.into_iter().filter_map(|object| seen(&read, object));
            found.extend(objects.filter(|object| is_marked(object, application)));
        };
        list(&inner.server, &resource.path(None), &selector, METADATA_LIST, take).await.map_err(|none| match none {
            NoList::NoAnswer(none) => unreachable(&none),
            NoList::Refused(answer) => {
                let refusal = Refusal::read(&answer);
                let message = one_line(&format!("{} cannot be listed: {}", read.kind, refusal.words(false)));
                WriteError { kind: WriteErrorKind::Transient(refusal.retry_after()), message }
            }
        })?;
    }
    Ok(found)
}

/// Whether the annotation says so: the label alone proves nothing, and a copied annotation names another object.
fn is_marked(object: &LiveObject, application: &ApplicationName) -> bool {
    let mark = object.body["metadata"]["annotations"][OWNER_ANNOTATION].as_str();
    let claimed = mark.and_then(|mark| mark.split_once('/')).map(|(_, claimed)| claimed);
    claimed == Some(&format!("{application}:{}", object.key))
}
