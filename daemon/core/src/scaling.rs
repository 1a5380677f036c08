//! Autoscaling: whose `spec.replicas` an autoscaler sets.
//!
//! Always: an autoscaler counts whether it is rendered, ours and live, or somebody else's. Nobody is said to be without
//! one before the autoscalers of the namespace are listed.

use std::collections::BTreeSet;

use serde_json::Value;
use taffrail_model::{ApiVersion, ClusterName, DesiredSet, LiveObject, ObjectKey, Watch, WatchScope};

use crate::observed::LiveView;
use crate::state::{Application, Target};

/// What autoscalers, of this set or live, set the replicas of.
pub fn targets(cluster: &ClusterName, set: &DesiredSet, live: &LiveView) -> BTreeSet<ObjectKey> {
    let rendered = set.objects.values().filter_map(|desired| desired.options.scales.clone());
    rendered.chain(live.autoscalers(cluster).filter_map(scales)).collect()
}

/// Whether an autoscaler sets the replicas of an object, as an application is now: then a changed `spec.replicas` is no
/// drift.
pub fn autoscaled(application: &Application, live: &LiveView, object: &ObjectKey) -> bool {
    let under_way = application.sync.as_ref().map(|sync| &sync.target);
    let set = under_way.or(application.live.as_ref()).map(|target| &target.set);
    let rendered =
        set.is_some_and(|set| set.objects.values().any(|desired| desired.options.scales.as_ref() == Some(object)));
    rendered || live.autoscalers(&application.cluster).any(|autoscaler| scales(autoscaler).as_ref() == Some(object))
}

/// The watch that sees every autoscaler that may set the replicas of an object.
pub fn watch(cluster: &ClusterName, object: &ObjectKey) -> Option<Watch> {
    let namespace = object.namespace.clone()?;
    Some(Watch {
        cluster: cluster.clone(),
        api_version: "autoscaling/v2".into(),
        kind: "HorizontalPodAutoscaler".to_owned(),
        scope: WatchScope::Namespace(namespace),
    })
}

/// The watches that tell which of an application's workloads are autoscaled: of those that set replicas, or did.
pub fn watches(application: &Application) -> BTreeSet<Watch> {
    let targets: [Option<&Target>; 3] =
        [application.desired.as_ref(), application.live.as_ref(), application.sync.as_ref().map(|sync| &sync.target)];
    let objects = targets.into_iter().flatten().flat_map(|target| &target.set.objects);
    objects
        .filter(|(_, desired)| desired.options.sets_replicas)
        .filter_map(|(object, _)| watch(&application.cluster, object))
        .collect()
}

/// What a live autoscaler sets the replicas of; always an object of its own namespace.
fn scales(autoscaler: &LiveObject) -> Option<ObjectKey> {
    let target = autoscaler.body.pointer("/spec/scaleTargetRef")?;
    let text = |field: &str| target.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    (!kind.is_empty() && !name.is_empty()).then(|| ObjectKey {
        group: ApiVersion::from(text("apiVersion")).group,
        kind: kind.to_owned(),
        namespace: autoscaler.key.namespace.clone(),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;
    use taffrail_model::{DesiredObject, Digest, ObjectOptions, Timestamp, Uid, WatchEvent};

    use super::*;

    fn key(text: &str) -> ObjectKey {
        text.parse().unwrap()
    }

    fn rendered(scales: Option<&str>) -> DesiredSet {
        let options = ObjectOptions { scales: scales.map(key), ..ObjectOptions::default() };
        let desired = DesiredObject { api_version: "autoscaling/v2".into(), manifest: Digest::ZERO, options };
        DesiredSet { objects: [(key("autoscaling/HorizontalPodAutoscaler:shop/any"), desired)].into() }
    }

    fn seen(name: &str) -> LiveView {
        let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": name });
        let object = LiveObject {
            key: key("autoscaling/HorizontalPodAutoscaler:shop/any"),
            api_version: "autoscaling/v2".into(),
            uid: Uid("1".to_owned()),
            resource_version: "1".to_owned(),
            body: Arc::new(json!({ "spec": { "scaleTargetRef": target } })),
            managers: Arc::new([]),
        };
        let mut live = LiveView::default();
        let watch = watch(&ClusterName::default(), &key("apps/Deployment:shop/api")).unwrap();
        live.see(&watch, WatchEvent::Listed(vec![object]), Timestamp::UNIX_EPOCH);
        live
    }

    #[test]
    fn a_rendered_autoscaler_counts_before_it_is_made() {
        let set = rendered(Some("apps/Deployment:shop/api"));
        assert_eq!(
            targets(&ClusterName::default(), &set, &LiveView::default()),
            [key("apps/Deployment:shop/api")].into()
        );
        assert!(targets(&ClusterName::default(), &rendered(None), &LiveView::default()).is_empty());
    }

    #[test]
    fn somebody_elses_autoscaler_counts() {
        let (application, live) = (Application::default(), seen("api"));
        assert_eq!(targets(&ClusterName::default(), &rendered(None), &live), [key("apps/Deployment:shop/api")].into());
        assert!(autoscaled(&application, &live, &key("apps/Deployment:shop/api")));
        assert!(!autoscaled(&application, &live, &key("apps/StatefulSet:shop/api")), "of another kind");
        assert!(!autoscaled(&application, &live, &key("apps/Deployment:other/api")), "of another namespace");
        assert!(!autoscaled(&application, &LiveView::default(), &key("apps/Deployment:shop/api")));
    }
}
