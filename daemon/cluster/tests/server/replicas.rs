//! `spec.replicas` under an autoscaler.

use serde_json::{Value, json};
use taffrail_model::{Replicas, Take, WatchEvent};
use taffrail_ports::cluster::Apply;

use crate::world::{Events, World, eventually, managers};

const SEEDED: &str = "taffrail-seed/Apply .spec.replicas";

pub fn spec(replicas: Option<i64>) -> Value {
    let template = json!({
        "metadata": { "labels": { "a": "b" } }, "spec": { "containers": [{ "name": "c", "image": "x" }] },
    });
    let mut spec = json!({ "selector": { "matchLabels": { "a": "b" } }, "template": template });
    if let Some(replicas) = replicas {
        spec["replicas"] = replicas.into();
    }
    spec
}

fn deployment(world: &World, replicas: Option<i64>) -> Value {
    world.object("apps/v1", "Deployment", "a", json!({ "spec": spec(replicas) }))
}

async fn live(world: &World) -> Value {
    world.read(&world.apps("deployments", "a")).await.unwrap()
}

async fn scale(world: &World, manager: &str, replicas: i64) {
    let path = world.apps("deployments", "a/scale");
    world.someone(manager, "PATCH", &path, json!({ "spec": { "replicas": replicas } })).await.unwrap();
}

fn autoscaled(apply: &mut Apply) {
    apply.replicas = Replicas::Autoscaled;
}

fn owns_replicas(live: &Value) -> Vec<String> {
    let all = managers(live).into_iter().filter(|entry| entry.contains(".spec.replicas"));
    all.map(|entry| entry.split(' ').next().unwrap().to_owned()).collect()
}

/// The replicas that were ever seen.
async fn seen(events: &mut Events, version: &Value) -> Vec<i64> {
    let replicas = |event: &WatchEvent| match event {
        WatchEvent::Changed(object) => object.body["spec"]["replicas"].as_i64(),
        _ => None,
    };
    let last = |event: &WatchEvent| matches!(event, WatchEvent::Changed(object) if object.resource_version == *version);
    let (before, last) = events.until(last).await;
    let mut all: Vec<_> = before.iter().chain([&last]).filter_map(replicas).collect();
    all.dedup();
    all
}

#[tokio::test]
async fn a_new_workload_is_seeded_and_never_drops_to_one() {
    let world = World::new("seed").await;
    let mut events = world.watch("apps/v1", "Deployment");
    events.listed().await;
    let created = world.apply_with(autoscaled, deployment(&world, Some(3)), None).await.unwrap();
    assert!(created.created);
    assert_eq!(owns_replicas(&live(&world).await), ["taffrail-seed/Apply"]);
    assert!(managers(&live(&world).await).contains(&SEEDED.to_owned()));
    assert!(!created.fields.paths().iter().any(|path| path.0 == ".spec.replicas"));

    scale(&world, "an-autoscaler", 5).await;
    world.apply_with(autoscaled, deployment(&world, Some(3)), Some(&created.uid)).await.unwrap();
    let changed = world.apply_with(
        autoscaled,
        {
            let mut changed = deployment(&world, None);
            changed["spec"]["minReadySeconds"] = 1.into();
            changed
        },
        Some(&created.uid),
    );
    let changed = changed.await.unwrap();
    assert_eq!(seen(&mut events, &changed.resource_version.into()).await, [3, 5]);
    assert_eq!(owns_replicas(&live(&world).await), ["an-autoscaler/Update"]);
}

#[tokio::test]
async fn what_was_ours_is_handed_over_with_its_live_value() {
    for (name, rendered) in [("hand", Some(2)), ("hand-none", None)] {
        let world = World::new(name).await;
        let mut events = world.watch("apps/v1", "Deployment");
        events.listed().await;
        let ours = world.apply(deployment(&world, Some(3)), None).await.unwrap();
        assert_eq!(owns_replicas(&live(&world).await), ["taffrail/Apply"]);
        // With the autoscaler, the manifest may have dropped the field at the same time.
        let after = world.apply_with(autoscaled, deployment(&world, rendered), Some(&ours.uid)).await.unwrap();
        assert_eq!(owns_replicas(&live(&world).await), ["taffrail-seed/Apply"]);
        assert_eq!(seen(&mut events, &after.resource_version.into()).await, [3]);
    }
}

#[tokio::test]
async fn when_the_autoscaler_is_gone_the_manifest_sets_the_replicas_again() {
    let world = World::new("back").await;
    let first = world.apply(deployment(&world, Some(3)), None).await.unwrap();
    world.apply_with(autoscaled, deployment(&world, Some(3)), Some(&first.uid)).await.unwrap();
    let back = world.apply(deployment(&world, Some(2)), Some(&first.uid)).await.unwrap();
    assert_eq!(back.taken, [], "what was seeded is ours");
    assert_eq!(live(&world).await["spec"]["replicas"], 2);
    assert_eq!(owns_replicas(&live(&world).await), ["taffrail/Apply"]);

    world.apply_with(autoscaled, deployment(&world, Some(3)), Some(&first.uid)).await.unwrap();
    scale(&world, "kube-controller-manager", 7).await;
    let take = Take::Ours(first.fields);
    let back =
        world.apply_with(|apply| apply.take = take, deployment(&world, Some(2)), Some(&first.uid)).await.unwrap();
    assert_eq!(back.taken[0].to_string(), ".spec.replicas (kube-controller-manager)");
    assert_eq!(live(&world).await["spec"]["replicas"], 2);
    assert_eq!(owns_replicas(&live(&world).await), ["taffrail/Apply"]);
}

#[tokio::test]
async fn a_real_autoscaler_scales_while_we_apply() {
    let world = World::new("hpa").await;
    let uid = world.apply_with(autoscaled, deployment(&world, Some(2)), None).await.unwrap().uid;
    let scaler = world.object(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "a",
        json!({ "spec": {
            "minReplicas": 4, "maxReplicas": 6,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "a" },
        } }),
    );
    world.apply(scaler, None).await.unwrap();
    for seconds in 1.. {
        let mut changed = deployment(&world, Some(2));
        changed["spec"]["minReadySeconds"] = (seconds % 5).into();
        world.apply_with(autoscaled, changed, Some(&uid)).await.unwrap();
        let replicas = live(&world).await["spec"]["replicas"].as_i64().unwrap();
        if replicas == 4 {
            break;
        }
        assert_eq!(replicas, 2, "it is never reset");
        assert!(seconds < 500, "the autoscaler does nothing");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.apply_with(autoscaled, deployment(&world, Some(2)), Some(&uid)).await.unwrap();
    let owner = eventually("the autoscaler owns it", async || {
        let live = live(&world).await;
        (live["spec"]["replicas"] == 4).then(|| owns_replicas(&live))
    });
    assert_eq!(owner.await, ["kube-controller-manager/Update"]);
}
