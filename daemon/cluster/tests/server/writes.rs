//! Applies and deletes.

use serde_json::{Value, json};
use taffrail_model::Uid;
use taffrail_ports::cluster::{Cluster, Delete, Deleted, WriteErrorKind};

use crate::world::{World, eventually, owner};

#[tokio::test]
async fn a_change_of_a_known_object_is_one_request() {
    let world = World::new("change").await;
    let created = world.apply(world.config_map("a", "one"), None).await.unwrap();
    assert!(created.created);
    assert_eq!((world.requests("discover"), world.requests("get"), world.requests("apply")), (2, 0, 1));

    let changed = world.apply(world.config_map("a", "two"), Some(&created.uid)).await.unwrap();
    assert_eq!((&changed.uid, changed.created), (&created.uid, false));
    assert_ne!(changed.resource_version, created.resource_version);
    assert_eq!((world.requests("discover"), world.requests("get"), world.requests("apply")), (2, 0, 2));

    let live = world.read(&world.path("configmaps", "a")).await.unwrap();
    assert_eq!(live["data"]["key"], "two");
    assert_eq!(live["metadata"]["labels"]["taffrail.dev/application"], "shop");
    let mark = format!("here/shop:ConfigMap:{}/a", world.namespace);
    assert_eq!(live["metadata"]["annotations"]["taffrail.dev/owner"], mark);
    assert_eq!(live["metadata"]["managedFields"][0]["manager"], "taffrail");
    assert_eq!(live["metadata"]["resourceVersion"], changed.resource_version);
}

#[tokio::test]
async fn another_object_of_the_name_is_gone_for_us() {
    let world = World::new("gone").await;
    let other = Uid("11111111-1111-1111-1111-111111111111".to_owned());
    let error = world.apply(world.config_map("a", "one"), Some(&other)).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Gone, "{error:?}");
    assert!(world.read(&world.path("configmaps", "a")).await.is_err(), "it was not made");

    for value in ["the same", "different"] {
        let path = world.path("configmaps", "");
        let theirs = world.admin("POST", &path, world.config_map("a", value)).await.unwrap();
        // With another value the server finds the conflict before the uid.
        let error = world.apply(world.config_map("a", "the same"), Some(&other)).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Gone, "{error:?}");
        let live = world.read(&world.path("configmaps", "a")).await.unwrap();
        assert_eq!(live["metadata"]["resourceVersion"], theirs["metadata"]["resourceVersion"], "it was not touched");
        world.admin("DELETE", &world.path("configmaps", "a"), Value::Null).await.unwrap();
    }
}

fn pod_template(image: &str) -> Value {
    json!({
        "metadata": { "labels": { "a": "b" } },
        "spec": { "restartPolicy": "Never", "containers": [{ "name": "c", "image": image }] },
    })
}

#[tokio::test]
async fn what_may_not_change_is_immutable() {
    let world = World::new("immutable").await;
    let role = |name: &str| {
        let group = "rbac.authorization.k8s.io";
        json!({ "roleRef": { "apiGroup": group, "kind": "ClusterRole", "name": name } })
    };
    let set = |service: &str| {
        let mut template = pod_template("x");
        template["spec"]["restartPolicy"] = "Always".into();
        json!({ "spec": { "serviceName": service, "selector": { "matchLabels": { "a": "b" } }, "template": template } })
    };
    for (api_version, kind, before, after) in [
        (
            "batch/v1",
            "Job",
            json!({ "spec": { "template": pod_template("a") } }),
            json!({ "spec": { "template": pod_template("b") } }),
        ),
        ("apps/v1", "StatefulSet", set("a"), set("b")),
        ("rbac.authorization.k8s.io/v1", "RoleBinding", role("view"), role("edit")),
        (
            "v1",
            "Secret",
            json!({ "type": "Opaque", "immutable": true }),
            json!({ "type": "Opaque", "immutable": true, "data": { "a": "YQ==" } }),
        ),
    ] {
        let uid = world.apply(world.object(api_version, kind, "a", before), None).await.unwrap().uid;
        let error = world.apply(world.object(api_version, kind, "a", after), Some(&uid)).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Immutable, "{kind}: {error:?}");
        assert!(error.message.chars().count() <= 1000 && !error.message.contains('\n'), "{error:?}");
    }
}

#[tokio::test]
async fn a_manifest_that_is_wrong_is_refused() {
    let world = World::new("refused").await;
    let deployment = |spec: Value| world.object("apps/v1", "Deployment", "a", json!({ "spec": spec }));
    let mut twice = pod_template("x");
    twice["spec"]["containers"][0]["env"] = json!([{ "name": "A", "value": "1" }, { "name": "A", "value": "2" }]);
    let selector = json!({ "matchLabels": { "a": "b" } });
    for (object, word) in [
        (
            deployment(json!({ "selector": { "matchLabels": { "a": "other" } }, "template": pod_template("x") })),
            "selector",
        ),
        (deployment(json!({ "selector": selector, "replica": 1 })), ".spec.replica"),
        (deployment(json!({ "selector": selector, "replicas": "three" })), ".spec.replicas"),
        (deployment(json!({ "selector": selector, "template": twice })), "that a plain apply takes"),
        (world.config_map("NOT-A-NAME", "x"), "metadata.name"),
        (json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" } }), "names no namespace"),
    ] {
        let error = world.apply(object, None).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Refused, "{error:?}");
        assert!(error.message.contains(word), "{word}: {}", error.message);
    }
}

#[tokio::test]
async fn what_may_pass_is_transient() {
    let world = World::new("transient").await;
    let mut elsewhere = world.config_map("a", "x");
    elsewhere["metadata"]["namespace"] = "no-such-namespace".into();
    let unknown = world.object("example.org/v1", "Nothing", "a", Value::Null);
    let quota = world.object("v1", "ResourceQuota", "q", json!({ "spec": { "hard": { "services": "0" } } }));
    world.admin("POST", &world.path("resourcequotas", ""), quota).await.unwrap();
    let service = json!({ "spec": { "ports": [{ "port": 80 }] } });
    let service = world.object("v1", "Service", "a", service);
    for (object, word) in [(elsewhere, "no-such-namespace"), (unknown, "knows no kind Nothing"), (service, "quota")] {
        // The quota controller takes a moment until the quota is in force.
        let error = eventually(word, async || {
            world.apply(object.clone(), None).await.err().filter(|error| error.message.contains(word))
        });
        assert_eq!(error.await.kind, WriteErrorKind::Transient(None));
    }

    let mut held = world.config_map("held", "x");
    held["metadata"]["finalizers"] = json!(["taffrail.dev/test"]);
    let uid = world.apply(held.clone(), None).await.unwrap().uid;
    assert_eq!(world.delete("ConfigMap:NS/held", Some(&uid), false).await, Ok(Deleted::Gone(uid.clone())));
    for uid in [Some(&uid), None] {
        let error = world.apply(held.clone(), uid).await.unwrap_err();
        assert_eq!(error.kind, WriteErrorKind::Transient(None));
        assert!(
            error.message.contains("is being deleted, and waits for the finalizers taffrail.dev/test"),
            "{}",
            error.message
        );
    }
    world
        .admin("PATCH", &world.path("configmaps", "held"), json!({ "metadata": { "finalizers": null } }))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_namespace_in_a_manifest_of_a_cluster_scoped_kind_is_dropped() {
    let world = World::new("scope").await;
    let name = world.namespace.clone();
    let role = world.object("rbac.authorization.k8s.io/v1", "ClusterRole", &name, json!({ "rules": [] }));
    let uid = world.apply(role.clone(), None).await.unwrap().uid;
    assert_eq!(world.apply(role, None).await.unwrap().uid, uid, "found again as ours");
    let delete = Delete {
        object: format!("rbac.authorization.k8s.io/ClusterRole:{name}/{name}").parse().unwrap(),
        api_version: "rbac.authorization.k8s.io/v1".into(),
        owner: owner(),
        uid: None,
        wait: true,
        identity: None,
    };
    assert_eq!(world.cluster.delete(delete.clone()).await, Ok(Deleted::Gone(uid)));
    assert_eq!(world.cluster.delete(delete).await, Ok(Deleted::Absent));
}

#[tokio::test]
async fn only_what_is_ours_is_deleted() {
    let world = World::new("delete").await;
    world.admin("POST", &world.path("configmaps", ""), world.config_map("theirs", "x")).await.unwrap();
    assert_eq!(world.delete("ConfigMap:NS/theirs", None, true).await, Ok(Deleted::Absent));
    let other = Uid("11111111-1111-1111-1111-111111111111".to_owned());
    assert_eq!(world.delete("ConfigMap:NS/theirs", Some(&other), true).await, Ok(Deleted::Absent));
    assert!(world.read(&world.path("configmaps", "theirs")).await.is_ok());
    assert_eq!(world.delete("ConfigMap:NS/none", Some(&other), true).await, Ok(Deleted::Absent));
    assert_eq!(world.delete("ConfigMap:NS/none", None, true).await, Ok(Deleted::Absent));

    let (gets, deletes) = (world.requests("get"), world.requests("delete"));
    let uid = world.apply(world.config_map("a", "x"), None).await.unwrap().uid;
    assert_eq!(world.delete("ConfigMap:NS/a", Some(&uid), false).await, Ok(Deleted::Gone(uid)));
    assert_eq!((world.requests("get"), world.requests("delete")), (gets, deletes + 1));
    let uid = world.apply(world.config_map("a", "x"), None).await.unwrap().uid;
    assert_eq!(world.delete("ConfigMap:NS/a", None, true).await, Ok(Deleted::Gone(uid)));
}

#[tokio::test]
async fn a_delete_waits_until_the_object_is_gone() {
    let world = World::new("wait").await;
    let mut held = world.config_map("held", "x");
    held["metadata"]["finalizers"] = json!(["taffrail.dev/test"]);
    let uid = world.apply(held, None).await.unwrap().uid;
    let path = world.path("configmaps", "held");
    let released = async {
        eventually("it is being deleted", async || {
            let live = world.read(&path).await.unwrap();
            live["metadata"]["deletionTimestamp"].is_string().then_some(())
        })
        .await;
        world.admin("PATCH", &path, json!({ "metadata": { "finalizers": null } })).await.unwrap();
    };
    let (deleted, ()) = tokio::join!(world.delete("ConfigMap:NS/held", Some(&uid), true), released);
    assert_eq!(deleted, Ok(Deleted::Gone(uid)));
    assert!(world.read(&path).await.is_err());
}
