//! Rights that are missing, one at a time, and writes as somebody else.

use serde_json::{Value, json};
use taffrail_model::configuration::{ServiceAccount, ServiceTarget};
use taffrail_model::{ClusterName, Uid, Watch, WatchEvent, WatchScope};
use taffrail_ports::cluster::{Apply, Cluster, Delete, WriteError, WriteErrorKind};

use crate::world::{DEADLINE, Events, World, eventually, owner};

/// What a daemon needs for ConfigMaps and Secrets, as `VERB RESOURCE`.
const RIGHTS: [&str; 11] = [
    "get configmaps",
    "list configmaps",
    "watch configmaps",
    "create configmaps",
    "patch configmaps",
    "delete configmaps",
    "get secrets",
    "create secrets",
    "patch secrets",
    "get services/proxy",
    "impersonate serviceaccounts",
];

fn rules(missing: &str) -> Value {
    let rule = |right: &&str| {
        let (verb, resource) = right.split_once(' ').unwrap();
        json!({ "apiGroups": [""], "verbs": [verb], "resources": [resource] })
    };
    RIGHTS.iter().filter(|right| **right != missing).map(rule).collect()
}

/// What the account is told when it lacks `right`; none while the right is still in force.
async fn told(world: &World, account: &taffrail_cluster::KubeCluster, right: &str) -> Option<String> {
    let transient = |error: WriteError| {
        assert_eq!(error.kind, WriteErrorKind::Transient(None), "{error:?}");
        error.message
    };
    let map = world.config_map("a", "one");
    match right.split_once(' ').unwrap() {
        ("create" | "patch", "configmaps") => account.apply(world.request(map, None)).await.err().map(transient),
        ("create" | "patch", _) => {
            let secret = world.object("v1", "Secret", "a", json!({ "stringData": { "a": "kanarienvogel" } }));
            account.apply(world.request(secret, None)).await.err().map(transient)
        }
        ("get", "services/proxy") => {
            let target = ServiceTarget {
                namespace: Some(world.namespace.clone()),
                name: "a".to_owned(),
                port: "80".to_owned(),
                path: "/".to_owned(),
            };
            account.probe(target, DEADLINE).await.err()
        }
        ("get", resource) => {
            let kind = if resource == "secrets" { "Secret" } else { "ConfigMap" };
            let object = format!("{kind}:{}/a", world.namespace).parse().unwrap();
            account.look(object, "v1".into()).await.err().map(transient)
        }
        ("delete", _) => {
            let object = format!("ConfigMap:{}/a", world.namespace).parse().unwrap();
            let uid = Some(Uid("1".to_owned()));
            let delete = Delete { object, api_version: "v1".into(), owner: owner(), uid, wait: false, identity: None };
            account.delete(delete).await.err().map(transient)
        }
        ("impersonate", _) => {
            let apply = Apply { identity: Some(deployer(world)), ..world.request(map, None) };
            account.apply(apply).await.err().map(transient)
        }
        ("list", _) => {
            let kinds = vec![("v1".into(), "ConfigMap".to_owned())];
            account.marked("shop".parse().unwrap(), kinds).await.err().map(transient)
        }
        (_, _) => {
            let (cluster, scope) = (ClusterName::default(), WatchScope::Namespace(world.namespace.clone()));
            let watch = Watch { cluster, api_version: "v1".into(), kind: "ConfigMap".to_owned(), scope };
            match Events::of(account, watch).next().await {
                WatchEvent::Lost(reason) => Some(reason),
                _ => None,
            }
        }
    }
}

fn deployer(world: &World) -> ServiceAccount {
    ServiceAccount { namespace: world.namespace.clone(), name: "deployer".to_owned() }
}

#[tokio::test]
async fn each_right_that_is_missing_is_named_at_once() {
    let world = World::new("rights").await;
    for right in RIGHTS {
        let (verb, resource) = right.split_once(' ').unwrap();
        let account = right.replace([' ', '/'], "-");
        let cluster = world.as_account(&account, rules(right)).await;
        let expected = format!("{}:{account}\" cannot {verb} resource \"{resource}\"", world.namespace);
        let message = eventually(right, async || {
            let message = told(&world, &cluster, right).await?;
            assert!(!message.contains("kanarienvogel"), "{message}");
            message.contains(&expected).then_some(message)
        });
        assert!(message.await.contains("is forbidden"), "{right}");
    }
}

#[tokio::test]
async fn writes_and_their_looks_are_made_as_the_service_account() {
    let world = World::new("identity").await;
    let rules = json!([{ "apiGroups": [""], "verbs": ["create", "patch", "get"], "resources": ["configmaps"] }]);
    world.as_account("deployer", rules).await;
    let allowed = |apply: &mut Apply| apply.identity = Some(deployer(&world));
    let uid = eventually("the rights are in force", async || {
        world.apply_with(allowed, world.config_map("a", "one"), None).await.ok()
    })
    .await
    .uid;
    world.apply_with(allowed, world.config_map("a", "two"), Some(&uid)).await.unwrap();
    let who = format!("User \"system:serviceaccount:{}:deployer\" cannot", world.namespace);
    let secret = world.object("v1", "Secret", "a", json!({ "stringData": { "a": "b" } }));
    let error = world.apply_with(allowed, secret, None).await.unwrap_err();
    assert!(error.message.contains(&format!("{who} patch resource \"secrets\"")), "{}", error.message);
    let object = format!("ConfigMap:{}/a", world.namespace).parse().unwrap();
    let identity = Some(deployer(&world));
    let delete = Delete { object, api_version: "v1".into(), owner: owner(), uid: None, wait: false, identity };
    let error = world.cluster.delete(delete).await.unwrap_err();
    assert!(error.message.contains(&format!("{who} delete resource \"configmaps\"")), "{}", error.message);
}

#[tokio::test]
async fn a_kubeconfig_that_acts_as_somebody_does_not_take_the_place_of_the_service_account() {
    let change = |text: String| text.replace("  user:\n", "  user:\n    as: system:admin\n");
    let world = World::with("as", taffrail_cluster::Options::default(), change).await;
    let identity = |apply: &mut Apply| apply.identity = Some(deployer(&world));
    let error = world.apply_with(identity, world.config_map("a", "one"), None).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Refused, "{error:?}");
    assert!(error.message.contains("the kubeconfig acts as somebody itself"), "{}", error.message);
    assert!(world.read(&world.path("configmaps", "a")).await.is_err(), "nothing was written");
}
