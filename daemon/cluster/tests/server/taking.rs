//! Fields that others changed: taken back where they may be, named where not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::{Value, json};
use taffrail_model::{FieldPath, FieldSet, ForeignField, Manifest, Take, Uid};
use taffrail_ports::cluster::{Cluster, WriteErrorKind};

use crate::fake::{self, Fake};
use crate::world::{World, managers, owner};

fn field(path: &str, manager: &str) -> ForeignField {
    ForeignField { field: FieldPath(path.to_owned()), manager: Some(manager.to_owned()) }
}

fn map(world: &World, data: Value) -> Value {
    world.object("v1", "ConfigMap", "a", json!({ "data": data }))
}

#[tokio::test]
async fn an_edited_field_of_ours_is_taken_back() {
    let world = World::new("take").await;
    let manifest = map(&world, json!({ "a": "1", "b": "1" }));
    let ours = world.apply(manifest.clone(), None).await.unwrap();
    let path = world.path("configmaps", "a");
    world.admin("PATCH", &path, json!({ "data": { "a": "edited", "c": "theirs" } })).await.unwrap();

    let error = world.apply(manifest.clone(), Some(&ours.uid)).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Conflict(vec![field(".data.a", "kubectl-edit")]));
    assert!(error.message.contains("\"kubectl-edit\"") && error.message.contains(".data.a"), "{}", error.message);
    assert_eq!(world.read(&path).await.unwrap()["data"]["a"], "edited");

    let take = Take::Ours(ours.fields.clone());
    let healed = world.apply_with(|apply| apply.take = take, manifest, Some(&ours.uid)).await.unwrap();
    assert_eq!(healed.taken, [field(".data.a", "kubectl-edit")]);
    assert_eq!((&healed.uid, healed.created, &healed.fields), (&ours.uid, false, &ours.fields));
    let live = world.read(&path).await.unwrap();
    assert_eq!(live["data"], json!({ "a": "1", "b": "1", "c": "theirs" }), "what was never ours stays");
    assert_eq!(live["metadata"]["resourceVersion"], healed.resource_version);
}

#[tokio::test]
async fn a_field_that_was_never_ours_is_named_and_nothing_is_taken() {
    let world = World::new("take-not").await;
    let ours = world.apply(map(&world, json!({ "a": "1" })), None).await.unwrap();
    let path = world.path("configmaps", "a");
    world.admin("PATCH", &path, json!({ "data": { "a": "edited" } })).await.unwrap();
    world.someone("an-operator", "PATCH", &path, json!({ "data": { "new": "theirs" } })).await.unwrap();

    let manifest = map(&world, json!({ "a": "1", "new": "ours" }));
    let take = Take::Ours(ours.fields.clone());
    let error = world.apply_with(|apply| apply.take = take, manifest.clone(), Some(&ours.uid)).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Conflict(vec![field(".data.new", "an-operator")]));
    assert_eq!(world.read(&path).await.unwrap()["data"], json!({ "a": "edited", "new": "theirs" }));

    let all = world.apply_with(|apply| apply.take = Take::Everything, manifest, Some(&ours.uid)).await.unwrap();
    assert_eq!(all.taken, [field(".data.a", "kubectl-edit"), field(".data.new", "an-operator")]);
    assert_eq!(world.read(&path).await.unwrap()["data"], json!({ "a": "1", "new": "ours" }));
}

#[tokio::test]
async fn our_own_name_is_no_stranger_whatever_command_it_wrote_with() {
    let world = World::new("take-own").await;
    let manifest = map(&world, json!({ "a": "1" }));
    let uid = world.apply(manifest.clone(), None).await.unwrap().uid;
    let path = world.path("configmaps", "a");
    world.someone("taffrail", "PATCH", &path, json!({ "data": { "a": "edited" } })).await.unwrap();
    assert_eq!(world.apply(manifest, Some(&uid)).await.unwrap().taken, []);
    assert_eq!(world.read(&path).await.unwrap()["data"]["a"], "1");

    let deployment = world.object("apps/v1", "Deployment", "a", json!({ "spec": super::replicas::spec(Some(1)) }));
    let uid = world.apply(deployment.clone(), None).await.unwrap().uid;
    let scale = world.apps("deployments", "a/scale");
    world.someone("taffrail", "PATCH", &scale, json!({ "spec": { "replicas": 2 } })).await.unwrap();
    assert_eq!(world.apply(deployment, Some(&uid)).await.unwrap().taken, []);
    assert_eq!(world.read(&world.apps("deployments", "a")).await.unwrap()["spec"]["replicas"], 1);
}

#[tokio::test]
async fn a_secret_is_taken_back_and_its_value_is_in_no_word() {
    let world = World::new("take-secret").await;
    let secret = world.object("v1", "Secret", "a", json!({ "stringData": { "key": "kanarienvogel" } }));
    let ours = world.apply(secret.clone(), None).await.unwrap();
    let path = world.path("secrets", "a");
    world.admin("PATCH", &path, json!({ "stringData": { "key": "kanarienvogel2" } })).await.unwrap();
    let error = world.apply(secret.clone(), Some(&ours.uid)).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Conflict(vec![field(".data.key", "kubectl-edit")]));
    let take = Take::Ours(ours.fields);
    let healed = world.apply_with(|apply| apply.take = take, secret, Some(&ours.uid)).await.unwrap();
    assert_eq!(healed.taken, [field(".data.key", "kubectl-edit")]);
    for told in [format!("{error:?}"), format!("{healed:?}")] {
        assert!(!told.contains("kanarienvogel") && !told.contains("a2FuYXJp"), "{told}");
    }
}

#[tokio::test]
async fn a_take_goes_through_while_others_write() {
    let world = Arc::new(World::new("take-race").await);
    let manifest = map(&world, json!({ "a": "1" }));
    let ours = world.apply(manifest.clone(), None).await.unwrap();
    let path = world.path("configmaps", "a");
    world.admin("PATCH", &path, json!({ "data": { "a": "edited" } })).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let busy = tokio::spawn({
        let (world, path, done) = (Arc::clone(&world), path.clone(), Arc::clone(&done));
        async move {
            let mut count = 0;
            while !done.load(Ordering::SeqCst) {
                count += 1;
                let body = json!({ "data": { "count": count.to_string() } });
                world.someone("busy", "PATCH", &path, body).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            count
        }
    });
    let taken = crate::world::eventually("it is taken", async || {
        let take = Take::Ours(ours.fields.clone());
        match world.apply_with(|apply| apply.take = take, manifest.clone(), Some(&ours.uid)).await {
            Ok(applied) => Some(applied.taken),
            Err(error) => {
                assert_eq!(error.kind, WriteErrorKind::Transient(None), "{error:?}");
                None
            }
        }
    })
    .await;
    assert_eq!(taken, [field(".data.a", "kubectl-edit")]);
    done.store(true, Ordering::SeqCst);
    let count = busy.await.unwrap();
    let live = world.read(&path).await.unwrap();
    assert_eq!(live["data"], json!({ "a": "1", "count": count.to_string() }));
    assert!(managers(&live).contains(&"busy/Update .data.count".to_owned()), "{:?}", managers(&live));
}

fn contested(fields: &[&str]) -> Value {
    let cause = |field: &&str| json!({ "reason": "FieldManagerConflict", "message": "conflict with \"somebody\"", "field": field });
    let causes: Vec<_> = fields.iter().map(cause).collect();
    json!({ "kind": "Status", "code": 409, "reason": "Conflict", "message": "conflict", "details": { "causes": causes } })
}

/// An API server where `data.a` is contested, and what else is contested at the second try.
async fn contest(name: &str, second: &'static [&'static str], forced: u16) -> Fake {
    let tries = AtomicUsize::new(0);
    Fake::start(name, move |line| {
        let object = json!({ "metadata": { "name": "a", "uid": "u", "resourceVersion": "7" } });
        let changed =
            json!({ "kind": "Status", "message": "the object has been modified", "details": { "name": "a" } });
        super::discovery::small(line).unwrap_or_else(|| match line {
            _ if line.starts_with("GET ") => fake::json(200, &object),
            _ if line.contains("force=true") && forced == 200 => fake::json(200, &object),
            _ if line.contains("force=true") => fake::json(forced, &changed),
            _ if tries.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) => fake::json(409, &contested(&[".data.a"])),
            _ => fake::json(409, &contested(second)),
        })
    })
    .await
}

fn take_a() -> taffrail_ports::cluster::Apply {
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "shop" }, "data": { "a": "1" },
    });
    taffrail_ports::cluster::Apply {
        manifest: Manifest::new(manifest).unwrap(),
        owner: owner(),
        uid: Some(Uid("u".to_owned())),
        foreign: taffrail_model::configuration::ForeignPolicy::Refuse,
        take: Take::Ours(FieldSet::new(json!({ "f:data": { "f:a": {} } })).unwrap()),
        replicas: taffrail_model::Replicas::AsRendered,
        identity: None,
    }
}

#[tokio::test]
async fn force_is_bound_to_the_version_for_which_the_server_named_the_fields() {
    let fake = contest("force", &[".data.a"], 200).await;
    assert_eq!(fake.cluster.apply(take_a()).await.unwrap().taken, [field(".data.a", "somebody")]);
    let forced = fake.bodies("force=true");
    assert_eq!(forced.len(), 1);
    let forced: Value = serde_json::from_str(&forced[0]).unwrap();
    assert_eq!((&forced["metadata"]["uid"], &forced["metadata"]["resourceVersion"]), (&json!("u"), &json!("7")));
}

#[tokio::test]
async fn a_field_that_is_contested_in_the_meantime_is_not_forced_with_the_others() {
    let fake = contest("second", &[".data.a", ".data.b"], 200).await;
    let error = fake.cluster.apply(take_a()).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Conflict(vec![field(".data.b", "somebody")]));
    assert!(fake.asked("force=true").is_empty());
}

#[tokio::test]
async fn a_race_that_is_always_lost_is_given_up_and_may_pass() {
    let fake = contest("lost", &[".data.a"], 409).await;
    let error = fake.cluster.apply(take_a()).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Transient(None), "{error:?}");
    let tries = fake.asked("force=true").len();
    assert!((2..=8).contains(&tries), "{tries}");
}
