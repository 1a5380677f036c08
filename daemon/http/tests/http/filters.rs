//! Each filter of `/events` finds what it says, alone and together with others.

use serde_json::Value;
use taffrail_model::Event;

use crate::server::Server;

/// The numbers of the events whose stored JSON has `property`.
fn having(server: &Server, property: impl Fn(&Value) -> bool) -> Vec<u64> {
    let events = server.journal.stored();
    let stored = events.iter().map(|stored| serde_json::from_slice::<Value>(&stored.bytes).unwrap());
    stored.filter(property).map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn each_filter_finds_its_events() {
    let server = Server::new(60).await;
    let object = "apps/Deployment:shop/api-1";
    let revision = format!("{:040x}", 0xabc_0003);
    let check = async |query: &str, expected: Vec<u64>| {
        assert!(!expected.is_empty() && expected.len() < 60, "{query} tells nothing");
        assert_eq!(server.get(&format!("/events?{query}")).await.seqs(), expected, "{query}");
    };
    let kind = |event: &Value, kinds: &[&str]| kinds.contains(&event["kind"].as_str().unwrap());
    check("application=shop-staging", having(&server, |event| event["subject"]["name"] == "shop-staging")).await;
    check("repository=shop", having(&server, |event| event["subject"]["kind"] == "repository")).await;
    check("kind=GatePassed", having(&server, |event| kind(event, &["GatePassed"]))).await;
    let two = having(&server, |event| kind(event, &["GatePassed", "SyncStarted"]));
    check("kind=GatePassed,SyncStarted", two.clone()).await;
    check("kind=GatePassed&kind=SyncStarted", two).await;
    let by_author = having(&server, |event| event["actor"]["name"] == "Ada Brook <ada@example.org>");
    check("actor=Ada+Brook+%3Cada@example.org%3E", by_author).await;
    let with_revision = having(&server, |event| event["data"]["revision"] == revision.as_str());
    check(&format!("revision={revision}"), with_revision.clone()).await;
    check(&format!("revision={}", revision[..40].to_uppercase()), with_revision).await;
    let commits = having(&server, |event| event["data"]["revision"].is_string());
    check(&format!("revision={}", &revision[..36]), commits).await;
    check(&format!("object={object}"), having(&server, |event| event["data"]["object"] == object)).await;
    check("sync=7", having(&server, |event| event["seq"] == 7 || event["sync"] == 7)).await;
    check("since=2026-11-21T08:50:00Z", (51..=60).collect()).await;
    check("until=2026-11-21T09:50:00%2B01:00", (1..=50).collect()).await;
    check("after=50", (51..=60).collect()).await;
    check("before=11", (1..=10).collect()).await;
    check("limit=3", vec![1, 2, 3]).await;
    check("limit=3&order=desc", vec![60, 59, 58]).await;
    check("limit=3&order=asc", vec![1, 2, 3]).await;
    check("after=10&before=13&order=desc", vec![12, 11]).await;
    let all = having(&server, |event| {
        event["subject"]["name"] == "shop-staging"
            && event["data"]["object"] == object
            && event["seq"].as_u64() > Some(20)
    });
    check(&format!("application=shop-staging&object={object}&after=20&kind=ObjectApplied"), all).await;
}

#[tokio::test]
async fn a_duration_counts_back_from_now() {
    let server = Server::new(5).await;
    // The history lies around a fixed day: whatever the clock says, these two cannot both leave it out.
    let ago = server.get("/events?since=36500d").await.seqs();
    assert_eq!(ago, [1, 2, 3, 4, 5]);
    assert!(server.get("/events?until=36500d").await.seqs().is_empty());
}

#[tokio::test]
async fn events_are_shown_with_their_hash_and_read_back() {
    let server = Server::new(10).await;
    let page = server.get("/events").await;
    assert_eq!(page.header("content-type"), "application/json");
    for (shown, stored) in page.json()["events"].as_array().unwrap().iter().zip(server.journal.stored()) {
        assert_eq!(shown["hash"], stored.event.hash.to_string());
        let read: Event = serde_json::from_value(shown.clone()).unwrap();
        assert_eq!(read.envelope, stored.event.envelope);
        let alone = server.get(&format!("/events/{}", stored.event.seq())).await;
        assert_eq!(alone.json(), *shown);
    }
}
