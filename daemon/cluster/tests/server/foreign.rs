//! Objects that are there already: refused, or taken over from the tool that made them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use taffrail_model::configuration::ForeignPolicy;
use taffrail_model::{Take, Uid};
use taffrail_ports::cluster::{Apply, Cluster, Owner, WriteErrorKind};

use crate::fake::{self, Fake};
use crate::world::{World, managers, owner};

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

#[tokio::test]
async fn five_hundred_new_objects_are_five_hundred_requests() {
    let world = World::new("many").await;
    let objects = (0..500).map(|n| world.apply(world.config_map(&format!("a{n}"), "x"), None));
    let objects: Vec<_> = objects.collect();
    let applied = futures_util::future::try_join_all(objects).await.unwrap();
    assert!(applied.iter().all(|applied| applied.created && applied.adopted.is_none()));
    let asked = ["apply", "get", "list", "discover"].map(|verb| world.requests(verb));
    assert_eq!(asked, [500, 0, 0, 2]);
}

#[tokio::test]
async fn what_others_made_is_refused_and_not_touched() {
    let world = World::new("foreign").await;
    for (name, value) in [("same", "x"), ("other", "y")] {
        let theirs = world.admin("POST", &world.path("configmaps", ""), world.config_map(name, value)).await.unwrap();
        let error = world.apply(world.config_map(name, "x"), None).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Refused);
        assert_eq!(error.message, "it exists and was not made by Taffrail (field managers: kubectl-edit)");
        let live = world.read(&world.path("configmaps", name)).await.unwrap();
        assert_eq!(live["metadata"]["resourceVersion"], theirs["metadata"]["resourceVersion"]);
    }
}

#[tokio::test]
async fn what_bears_our_mark_or_a_predecessors_is_adopted_and_any_other_mark_is_refused() {
    let world = World::new("marks").await;
    let created = world.apply(world.config_map("a", "x"), None).await.unwrap();
    let adopted = world.apply(world.config_map("a", "y"), None).await.unwrap();
    assert_eq!((&adopted.uid, adopted.created, adopted.adopted), (&created.uid, false, Some(Vec::new())));

    let others = [
        Owner { application: "other".parse().unwrap(), ..owner() },
        Owner { installation: "there".to_owned(), ..owner() },
    ];
    for other in others {
        for foreign in [ForeignPolicy::Refuse, ForeignPolicy::TakeOver] {
            let change = |apply: &mut Apply| (apply.owner, apply.foreign) = (other.clone(), foreign);
            let error = world.apply_with(change, world.config_map("a", "z"), None).await.unwrap_err();
            assert_eq!(error.kind, WriteErrorKind::Refused);
            let mark = format!("it exists and belongs to here/shop:ConfigMap:{}/a", world.namespace);
            assert_eq!(error.message, mark);
        }
    }
    let successor = Owner { installation: "there".to_owned(), predecessors: vec!["here".to_owned()], ..owner() };
    let adopted = world.apply_with(|apply| apply.owner = successor, world.config_map("a", "z"), None).await.unwrap();
    assert_eq!((adopted.uid, adopted.adopted), (created.uid, Some(Vec::new())));
    let live = world.read(&world.path("configmaps", "a")).await.unwrap();
    let mark = format!("there/shop:ConfigMap:{}/a", world.namespace);
    assert_eq!(live["metadata"]["annotations"]["taffrail.dev/owner"], mark);
    assert_eq!(live["data"]["key"], "z");
}

fn deployment(world: &World, name: &str, stale: bool) -> Value {
    let mut template = json!({
        "metadata": { "labels": { "a": "b" } },
        "spec": { "containers": [{ "name": "c", "image": "one", "env": [{ "name": "KEPT", "value": "1" }] }] },
    });
    let mut metadata = json!({ "name": name, "namespace": world.namespace, "labels": { "kept": "yes" } });
    if stale {
        metadata["labels"]["stale"] = "yes".into();
        template["spec"]["containers"][0]["env"] =
            json!([{ "name": "KEPT", "value": "1" }, { "name": "STALE", "value": "1" }]);
    }
    let spec = json!({ "replicas": 0, "selector": { "matchLabels": { "a": "b" } }, "template": template });
    json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec })
}

/// As `manager` makes `object`, with the marks that it leaves.
async fn made_by(world: &World, manager: &str, mut object: Value) -> Value {
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let (folder, path) = match object["kind"].as_str().unwrap() {
        "Deployment" => (world.apps("deployments", ""), world.apps("deployments", &name)),
        _ => (world.path("configmaps", ""), world.path("configmaps", &name)),
    };
    match manager {
        "argocd-controller" | "kustomize-controller" | "kubectl" | "pulumi" => {
            world.someone(manager, "APPLY", &path, object).await.unwrap()
        }
        "nobody" => {
            world.someone(manager, "POST", &folder, object).await.unwrap();
            let none = json!([{ "op": "replace", "path": "/metadata/managedFields", "value": [{}] }]);
            world.someone(manager, "PATCH", &path, none).await.unwrap()
        }
        _ => {
            object["metadata"]["annotations"][LAST_APPLIED] = object.to_string().into();
            world.someone(manager, "POST", &folder, object).await.unwrap()
        }
    }
}

#[tokio::test]
async fn what_a_tool_made_is_taken_over_and_no_removed_field_stays() {
    let world = World::new("takeover").await;
    let tools = [
        "kubectl-client-side-apply",
        "kubectl-create",
        "kubectl",
        "helm",
        "argocd-controller",
        "argocd-application-controller",
        "kustomize-controller",
        "helm-controller",
        "pulumi",
        "nobody",
    ];
    let over = |apply: &mut Apply| apply.foreign = ForeignPolicy::TakeOver;
    for tool in tools {
        for n in 0..2 {
            let name = format!("{tool}-{n}");
            let theirs = made_by(&world, tool, deployment(&world, &name, true)).await;
            let mut ours = deployment(&world, &name, false);
            ours["spec"]["template"]["spec"]["containers"][0]["image"] = "two".into();
            let adopted = world.apply_with(over, ours.clone(), None).await.unwrap();
            let from = if tool == "nobody" { "before-first-apply" } else { tool };
            assert_eq!(adopted.adopted, Some(vec![from.to_owned()]), "{tool}");
            assert_eq!((adopted.created, &adopted.taken[..]), (false, &[][..]), "{tool}");
            assert_eq!(theirs["metadata"]["uid"], adopted.uid.0, "{tool}: it is the same object");

            let live = world.read(&world.apps("deployments", &name)).await.unwrap();
            let container = &live["spec"]["template"]["spec"]["containers"][0];
            assert_eq!(container["env"], json!([{ "name": "KEPT", "value": "1" }]), "{tool}");
            assert_eq!(container["image"], "two", "{tool}");
            let labels = json!({ "kept": "yes", "taffrail.dev/application": "shop" });
            assert_eq!(live["metadata"]["labels"], labels, "{tool}");
            assert_eq!(live["metadata"]["annotations"].get(LAST_APPLIED), None, "{tool}");
            let managers: BTreeSet<_> =
                managers(&live).iter().map(|m| m.split('/').next().unwrap().to_owned()).collect();
            assert!(managers.iter().all(|m| ["taffrail", "kube-controller-manager"].contains(&&**m)), "{managers:?}");

            ours["metadata"]["labels"].as_object_mut().unwrap().remove("kept");
            world.apply(ours, Some(&adopted.uid)).await.unwrap();
            let live = world.read(&world.apps("deployments", &name)).await.unwrap();
            assert_eq!(
                live["metadata"]["labels"],
                json!({ "taffrail.dev/application": "shop" }),
                "{tool}: next change"
            );
        }
    }
}

#[tokio::test]
async fn what_people_and_controllers_set_survives_a_take_over_unless_the_manifest_says_otherwise() {
    let world = World::new("edited").await;
    made_by(&world, "helm", world.object("v1", "ConfigMap", "a", json!({ "data": { "a": "1", "stale": "1" } }))).await;
    let path = world.path("configmaps", "a");
    world.admin("PATCH", &path, json!({ "data": { "a": "edited", "extra": "edited" } })).await.unwrap();
    world.someone("an-operator", "PATCH", &path, json!({ "data": { "operated": "1" } })).await.unwrap();
    let over = |apply: &mut Apply| apply.foreign = ForeignPolicy::TakeOver;
    let ours = world.object("v1", "ConfigMap", "a", json!({ "data": { "a": "2" } }));
    let adopted = world.apply_with(over, ours, None).await.unwrap();
    assert_eq!(adopted.adopted, Some(vec!["helm".to_owned()]));
    assert_eq!(adopted.taken.iter().map(ToString::to_string).collect::<Vec<_>>(), [".data.a (kubectl-edit)"]);
    let live = world.read(&path).await.unwrap();
    assert_eq!(live["data"], json!({ "a": "2", "extra": "edited", "operated": "1" }));

    made_by(&world, "helm", world.config_map("b", "1")).await;
    world
        .someone("an-operator", "PATCH", &world.path("configmaps", "b"), json!({ "data": { "key": "2" } }))
        .await
        .unwrap();
    let error = world.apply_with(over, world.config_map("b", "3"), None).await.unwrap_err();
    let WriteErrorKind::Conflict(fields) = error.kind else { panic!("{error:?}") };
    assert_eq!(fields[0].to_string(), ".data.key (an-operator)");
    let everything = |apply: &mut Apply| (apply.foreign, apply.take) = (ForeignPolicy::TakeOver, Take::Everything);
    assert!(world.apply_with(everything, world.config_map("b", "3"), None).await.is_ok());
}

#[tokio::test]
async fn a_server_that_ignores_the_precondition_gets_back_what_we_wrote() {
    let fake = Fake::start("ignores", |line| {
        let object = json!({ "metadata": { "name": "a", "uid": "u", "resourceVersion": "7" } });
        super::discovery::small(line).unwrap_or_else(|| fake::json(200, &object))
    })
    .await;
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "shop" }, "data": { "a": "1" },
    });
    let apply = Apply {
        manifest: taffrail_model::Manifest::new(manifest).unwrap(),
        owner: owner(),
        uid: None::<Uid>,
        foreign: ForeignPolicy::Refuse,
        take: Take::Nothing,
        replicas: taffrail_model::Replicas::AsRendered,
        identity: None,
    };
    let error = fake.cluster.apply(apply).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Refused);
    assert_eq!(error.message, "it was created by somebody else at the same moment");
    let bodies = fake.bodies("PATCH");
    assert_eq!(bodies.len(), 2);
    let last: Value = serde_json::from_str(&bodies[1]).unwrap();
    let nothing = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "shop", "uid": "u" },
    });
    assert_eq!(last, nothing);
}
