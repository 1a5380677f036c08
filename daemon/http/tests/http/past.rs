//! What was: `at`, `history` and `diff`.

use serde_json::json;
use taffrail_model::fact::{HoldReason, PlanCounts, SyncScope};
use taffrail_model::{Actor, Digest, Envelope, Fact, Seq, Subject};

use crate::fake::{FakeJournal, FakeStatus, envelope, history};
use crate::server::Server;

#[tokio::test]
async fn applications_are_shown_as_of_an_event_or_a_time() {
    let server = Server::new(10).await;
    for (at, seq) in [("3", 3), ("2026-11-21T08:02:00Z", 3), ("2026-11-21T08:02:59Z", 3), ("2999-01-01T00:00:00Z", 10)]
    {
        let list = server.get(&format!("/applications?at={at}")).await.json();
        assert_eq!(list["asOf"]["seq"], seq, "{at}");
        assert!(list["applications"][0].get("objects").is_none());
        let one = server.get(&format!("/applications/shop-staging?at={at}")).await.json();
        assert_eq!((&one["asOf"]["seq"], &one["name"]), (&json!(seq), &json!("shop-staging")));
    }
    assert!(server.get("/applications?at=2020-01-01T00:00:00Z").await.problem(404).contains("nothing was recorded"));
    assert!(server.get("/applications?at=11").await.problem(404).contains("nothing was recorded"));
    assert!(server.get("/applications?at=yesterday").await.problem(400).contains("neither the number"));
    assert!(server.get("/applications/web?at=3").await.problem(404).contains("no application web at event 3"));
}

#[tokio::test]
async fn two_recorded_states_are_compared() {
    let server = Server::new(1).await;
    let difference = server.get("/applications/shop-staging/diff?from=3&to=7").await.json();
    assert_eq!((&difference["from"]["seq"], &difference["unchanged"]), (&json!(3), &json!(7)));
    server.get("/applications/shop-staging/diff?from=3&to=101").await.problem(404);
    server.get("/applications/shop-staging/diff?from=3").await.problem(400);
    server.get("/applications/shop-staging/diff?from=3&to=7&revision=main").await.problem(400);
    for query in ["", "?revision=main"] {
        let difference = server.get(&format!("/applications/shop-staging/diff{query}")).await.json();
        assert_eq!((&difference["from"]["kind"], &difference["unchanged"]), (&json!("live"), &json!(3)), "{query}");
    }
    server.get("/applications/shop-staging/diff?revision=bad").await.problem(422);
    server.get("/applications/shop-staging/diff?revision=away").await.problem(503);
    server.get("/applications/shop-staging/diff?from=0&to=1").await.problem(400);
    assert!(server.get("/applications/a/diff?form=3").await.problem(400).contains("the nearest is `from`"));
}

/// Four ends of syncs, the newest under way.
fn syncs() -> Vec<Envelope> {
    let mut envelopes: Vec<Envelope> = Vec::new();
    let mut add = |fact: Fact, sync: Option<u64>, cause: Option<u64>, actor: Actor| {
        let mut envelope = envelope(envelopes.len(), fact);
        envelope.subject = Subject::Application("shop".parse().unwrap());
        (envelope.sync, envelope.cause, envelope.actor) = (sync.map(Seq), cause.map(Seq), actor);
        envelopes.push(envelope);
    };
    let desired = Digest::ZERO;
    let revision = |digit: &str| digit.repeat(40).parse().unwrap();
    let start = |digit| Fact::SyncStarted {
        desired,
        revision: revision(digit),
        plan: desired,
        counts: PlanCounts::default(),
        scope: SyncScope::Whole,
    };
    let ada = || Actor::author("Ada");
    add(start("a"), None, None, ada()); // 1
    add(Fact::SyncSucceeded { desired, held: vec![], scope: SyncScope::Whole }, Some(1), None, Actor::daemon());
    add(start("b"), None, None, ada()); // 3
    add(Fact::SyncFailed { verdict: "api exits 1".to_owned(), objects: vec![] }, Some(3), None, Actor::daemon());
    let counts = PlanCounts::default();
    let back = Fact::RevertStarted {
        from: desired,
        to: desired,
        passed: Seq(2),
        revision: revision("a"),
        plan: desired,
        counts,
    };
    add(back, None, Some(4), Actor::daemon()); // 5
    add(Fact::Reverted { desired, held: vec![] }, Some(5), None, Actor::daemon());
    let quarantined = HoldReason::Quarantined;
    add(Fact::SyncHeld { revision: revision("b"), desired, reason: quarantined }, None, None, Actor::daemon());
    add(Fact::SyncRequested { only: vec![], reason: "ticket 7".to_owned() }, None, None, Actor::person("anna")); // 8
    add(start("c"), None, Some(8), Actor::daemon()); // 9
    add(Fact::SyncSuperseded { by: desired }, Some(9), None, Actor::daemon());
    add(start("d"), None, None, ada()); // 11
    envelopes
}

#[tokio::test]
async fn history_is_the_syncs_and_reverts_with_who_and_why() {
    let server =
        Server::with(FakeJournal::new(syncs()), FakeStatus::default(), taffrail_http::Options::default()).await;
    let whole = server.get("/applications/shop/history").await.json();
    let told: Vec<_> = whole["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
            let by = entry["by"]["name"].as_str().unwrap().to_owned();
            (entry["seq"].as_u64().unwrap(), text("kind"), text("outcome"), by, text("reason"))
        })
        .collect();
    let row = |seq: u64, kind: &str, outcome: &str, by: &str, reason: &str| {
        (seq, kind.to_owned(), outcome.to_owned(), by.to_owned(), reason.to_owned())
    };
    assert_eq!(
        told,
        [
            row(11, "sync", "under way", "Ada", ""),
            row(9, "sync", "superseded", "anna", "ticket 7"),
            row(5, "revert", "reverted", "taffrail", "api exits 1"),
            row(3, "sync", "failed", "Ada", "api exits 1"),
            row(1, "sync", "succeeded", "Ada", ""),
        ]
    );
    assert_eq!(whole["history"][4]["seconds"], 60.0);
    assert!(whole.get("before").is_none());
    let mut pages = Vec::new();
    let mut path = "/applications/shop/history?limit=2".to_owned();
    loop {
        let page = server.get(&path).await.json();
        pages.push(page["history"].as_array().unwrap().len());
        let Some(before) = page["before"].as_u64() else { break };
        path = format!("/applications/shop/history?limit=2&before={before}");
    }
    assert_eq!(pages, [2, 2, 1]);
    // The end of one at the top of a page is known although it came after it.
    let page = server.get("/applications/shop/history?before=9&limit=1").await.json();
    assert_eq!(page["history"][0]["outcome"], "reverted");
}

#[tokio::test]
async fn an_application_without_syncs_has_an_empty_history_and_one_that_never_was_has_none() {
    let server =
        Server::with(FakeJournal::new(history(10)), FakeStatus::default(), taffrail_http::Options::default()).await;
    let before = server.get("/applications/shop-staging/history?before=1").await.json();
    assert_eq!(before, json!({ "history": [] }));
    server.get("/applications/nothing/history").await.problem(404);
    server.get("/applications/shop-staging/history?limit=201").await.problem(400);
}
