//! The first sync of the shop: three applications of one repository.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use taffrail_tests::cluster::{Cluster, text};
use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::git::GitRepository;
use taffrail_tests::settings::Settings;
use taffrail_tests::{program, shop};

const APPLICATIONS: [&str; 3] = ["cluster", "staging", "production"];
/// Some thirty pods of three environments on two cores.
const PATIENCE: Duration = Duration::from_secs(120);

#[test]
fn the_shop_is_brought_to_an_empty_cluster_and_everything_is_healthy() {
    let cluster = Cluster::shared();
    let repository = GitRepository::new();
    let name = program::unique("shop");
    shop::write(&repository, &name);
    let revision = repository.commit_tree("The shop");
    let definition = format!("apiextensions.k8s.io/CustomResourceDefinition:regions.{name}.example.org");
    let cleanup = cluster.cleanup();
    for object in [
        format!("Namespace:{name}-staging"),
        format!("Namespace:{name}-production"),
        format!("rbac.authorization.k8s.io/ClusterRole:{name}-support"),
        definition.clone(),
    ] {
        cleanup.also(&object);
    }
    let mut settings = Settings::new(cluster.kubeconfig()).repository("shop", &repository.url());
    for application in APPLICATIONS {
        settings = settings.application(application, "shop", &format!("overlays/{application}"), "");
        settings = settings.with("sync/timeout", "90s").with("gate/timeout", "90s").with("gate/failFast/after", "30s");
    }
    let mut daemon = Daemon::start(&settings);
    for application in APPLICATIONS {
        daemon.expect_where(0, "SyncSucceeded", PATIENCE, |event| event.subject() == application);
    }

    let events = daemon.events();
    let observed = first(&events, "RevisionObserved", "shop");
    assert_eq!(observed.text("/revision"), revision);
    assert_eq!(observed.text("/relation"), "first");
    let installation = events[0].text("/installation").to_owned();
    for application in APPLICATIONS {
        in_order(&events, application);
        inventory_is_what_is_live(&cluster, &daemon, &installation, application);
        assert_eq!(daemon.application(application)["sync"], "Synced");
        everything_is_healthy(&daemon, application);
    }
    // The definition and an object of it came in one commit.
    let region = format!("{name}.example.org/Region:central-europe");
    let applied = |object: &str| {
        let of_object = |event: &&Event| event.kind() == "ObjectApplied" && event.object() == object;
        events.iter().find(of_object).unwrap_or_else(|| panic!("{object} was not applied")).seq()
    };
    assert!(applied(&definition) < applied(&region));
    assert_eq!(cluster.get(&region)["spec"]["currency"], "EUR");
    let problems = ["ObjectFailed", "GateFailed", "SyncFailed", "RevertStarted", "ClusterUnreachable"];
    assert!(!events.iter().any(|event| problems.contains(&event.kind())), "{events:?}");
    daemon.end_and_verify();
}

/// The life of one application's sync.
fn in_order(events: &[Event], application: &str) {
    let at = |kind: &str| first(events, kind, application).seq();
    let order = ["DesiredStateChanged", "SyncStarted", "ObjectApplied", "GateOpened", "GatePassed", "SyncSucceeded"];
    assert!(order.map(at).is_sorted(), "{application}: {order:?} at {:?}", order.map(at));
    let sync = first(events, "SyncStarted", application);
    let applied: Vec<&Event> =
        events.iter().filter(|event| event.kind() == "ObjectApplied" && event.subject() == application).collect();
    assert!(applied.iter().all(|event| event.sync() == Some(sync.seq()) && event.seq() < at("GateOpened")));
    let objects = first(events, "DesiredStateChanged", application).field("/objects").as_u64();
    assert_eq!(objects, Some(applied.len() as u64), "{application}: each object was written once");
    assert_eq!(sync.field("/counts/create").as_u64(), objects);
}

/// But for autoscalers: this control plane has no metrics for them, which is reported and keeps no gate.
fn everything_is_healthy(daemon: &Daemon, application: &str) {
    let status = daemon.application(application);
    assert_eq!(status["health"], "Healthy", "{status:#}");
    for object in status["objects"].as_array().expect("a list of objects") {
        let autoscaler = text(object, "/object").contains("HorizontalPodAutoscaler");
        assert!(autoscaler || object["health"] == "Healthy", "{object:#}");
    }
}

/// Each object of the inventory is live, with the uid that is recorded and the mark of its owner; and nothing else in
/// the cluster bears that mark.
fn inventory_is_what_is_live(cluster: &Cluster, daemon: &Daemon, installation: &str, application: &str) {
    let status = daemon.application(application);
    let inventory = status["objects"].as_array().expect("a list of objects");
    assert!(inventory.len() > 3, "{application} has {} objects", inventory.len());
    let keys: BTreeSet<String> = inventory.iter().map(|object| text(object, "/object").to_owned()).collect();
    for object in inventory {
        let key = text(object, "/object");
        let live = cluster.get(key);
        assert_eq!(live["metadata"]["uid"], object["uid"], "{key}");
        assert_eq!(owner(&live), format!("{installation}/{application}:{key}"));
        assert_eq!(object["synced"], true, "{key}");
    }
    let kinds: BTreeSet<&str> = keys.iter().map(|key| key.split(':').next().expect("KIND:NAME")).collect();
    let mark = format!("{installation}/{application}:");
    let mut live = BTreeSet::new();
    for kind in kinds {
        live.extend(
            cluster.list(kind, None).iter().filter_map(|object| owner(object).strip_prefix(&mark).map(str::to_owned)),
        );
    }
    assert_eq!(live, keys);
}

fn owner(object: &Value) -> &str {
    text(object, "/metadata/annotations/taffrail.dev~1owner")
}

fn first<'e>(events: &'e [Event], kind: &str, subject: &str) -> &'e Event {
    let found = events.iter().find(|event| event.kind() == kind && event.subject() == subject);
    found.unwrap_or_else(|| panic!("there is no {kind} of {subject}"))
}
