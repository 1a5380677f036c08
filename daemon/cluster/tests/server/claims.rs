//! Claims and looks.

use serde_json::{Value, json};
use taffrail_model::claim::CLAIM_ANNOTATION;
use taffrail_model::{Epoch, Holder};
use taffrail_ports::cluster::{Claim, Claimed, Cluster, WriteErrorKind};

use crate::world::World;

fn holder(installation: &str, epoch: u64) -> Holder {
    Holder { installation: installation.to_owned(), epoch: Epoch(epoch) }
}

fn claim(world: &World, holder: &Holder) -> Claim {
    Claim {
        namespace: world.namespace.clone(),
        application: "shop".parse().unwrap(),
        holder: holder.clone(),
        over: None,
    }
}

#[tokio::test]
async fn a_claim_is_whose_it_was_first_until_it_is_taken_over() {
    let world = World::new("claim").await;
    let (ours, restored, theirs) = (holder("here", 1), holder("here", 2), holder("there", 1));
    assert_eq!(world.cluster.claim(claim(&world, &ours)).await, Ok(Claimed::Held));
    assert_eq!(world.cluster.claim(claim(&world, &ours)).await, Ok(Claimed::Held));
    assert_eq!(world.requests("apply"), 1, "what is ours is not written again");
    for other in [&restored, &theirs] {
        assert_eq!(world.cluster.claim(claim(&world, other)).await, Ok(Claimed::By(ours.clone())));
    }
    let over = |over: &Holder| Claim { over: Some(over.clone()), ..claim(&world, &theirs) };
    assert_eq!(world.cluster.claim(over(&restored)).await, Ok(Claimed::By(ours.clone())), "it is another's by now");
    assert_eq!(world.cluster.claim(over(&ours)).await, Ok(Claimed::Held));
    assert_eq!(world.cluster.claim(claim(&world, &ours)).await, Ok(Claimed::By(theirs)));

    let path = world.path("configmaps", "taffrail-claim-shop");
    let live = world.read(&path).await.unwrap();
    assert_eq!(live["metadata"]["annotations"][CLAIM_ANNOTATION], "there/1");
    assert_eq!(live["metadata"]["labels"]["taffrail.dev/application"], "shop");
    world.admin("DELETE", &path, Value::Null).await.unwrap();
    assert_eq!(world.cluster.claim(claim(&world, &ours)).await, Ok(Claimed::Held), "nobody's is anybody's");
}

#[tokio::test]
async fn a_claim_that_was_edited_is_nobodys_or_unreadable() {
    let world = World::new("claim-edited").await;
    let ours = holder("here", 1);
    world.cluster.claim(claim(&world, &ours)).await.unwrap();
    let path = world.path("configmaps", "taffrail-claim-shop");
    let annotate = |value: Value| json!({ "metadata": { "annotations": { CLAIM_ANNOTATION: value } } });
    world.admin("PATCH", &path, annotate("somebody".into())).await.unwrap();
    let error = world.cluster.claim(claim(&world, &ours)).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Refused);
    assert!(error.message.contains("\"somebody\" is not the mark of a claim"), "{}", error.message);
    world.admin("PATCH", &path, annotate(Value::Null)).await.unwrap();
    assert_eq!(world.cluster.claim(claim(&world, &ours)).await, Ok(Claimed::Held));
}

#[tokio::test]
async fn a_config_map_that_is_no_claim_stays_as_it_is() {
    let world = World::new("claim-foreign").await;
    let theirs = world.config_map("taffrail-claim-shop", "theirs");
    world.admin("POST", &world.path("configmaps", ""), theirs).await.unwrap();
    let error = world.cluster.claim(claim(&world, &holder("here", 1))).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Refused, "{error:?}");
    assert_eq!(world.requests("apply"), 0);
}

#[tokio::test]
async fn of_many_who_claim_at_once_one_holds_it() {
    let world = World::new("claim-race").await;
    let holders: Vec<_> = (1..=8).map(|epoch| holder("here", epoch)).collect();
    let claims = holders.iter().map(|holder| world.cluster.claim(claim(&world, holder)));
    let claimed = futures_util::future::try_join_all(claims).await.unwrap();
    let held: Vec<_> = holders.iter().zip(&claimed).filter(|(_, claimed)| **claimed == Claimed::Held).collect();
    assert_eq!(held.len(), 1, "{claimed:?}");
    let by = Claimed::By(held[0].0.clone());
    assert_eq!(claimed.iter().filter(|claimed| **claimed == by).count(), 7, "{claimed:?}");
}

#[tokio::test]
async fn a_look_shows_whose_an_object_is_and_none_of_its_values() {
    let world = World::new("look").await;
    let secret = world.object("v1", "Secret", "a", json!({ "stringData": { "key": "kanarienvogel" } }));
    let applied = world.apply(secret, None).await.unwrap();
    let key = format!("Secret:{}/a", world.namespace);
    let look = async |key: &str, version: &str| world.cluster.look(key.parse().unwrap(), version.into()).await;
    let seen = look(&key, "v1").await.unwrap().unwrap();
    assert_eq!((&seen.uid, &seen.resource_version), (&applied.uid, &applied.resource_version));
    assert_eq!(seen.managers[0].fields, applied.fields);
    assert_eq!(seen.body.get("data"), None);
    let unlabelled = json!({ "metadata": { "labels": null } });
    world.admin("PATCH", &world.path("secrets", "a"), unlabelled).await.unwrap();
    let seen = look(&key, "v1").await.unwrap().unwrap();
    assert_eq!((&seen.uid, seen.body["metadata"].get("labels")), (&applied.uid, None), "without the label too");
    assert_eq!(look(&format!("{key}b"), "v1").await, Ok(None));
    assert_eq!(look("example.org/Nothing:shop/a", "example.org/v1").await, Ok(None));
}
