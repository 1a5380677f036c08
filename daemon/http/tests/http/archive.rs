//! `/export` streams what the journal gives, and holds up nobody.

use std::sync::atomic::Ordering;
use std::time::Duration;

use taffrail_http::Options;

use crate::client::Raw;
use crate::fake::{FakeJournal, FakeStatus};
use crate::limits::large;
use crate::server::{Server, within};

fn whole(server: &Server, count: usize) -> Vec<u8> {
    server.journal.stored().into_iter().take(count).flat_map(|stored| stored.bytes).collect()
}

#[tokio::test]
async fn an_export_is_what_the_journal_writes() {
    let server = Server::new(2000).await;
    let export = server.get("/export").await;
    assert_eq!((export.status, export.header("content-type")), (200, "application/zstd"));
    assert_eq!(export.body, whole(&server, 2000));
    assert_eq!(server.get("/export?at=7").await.body, whole(&server, 7));
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused_before_anything_is_sent() {
    let server = Server::new(3).await;
    for (query, status, says) in [
        ("at=4", 404, "the newest is 3"),
        ("at=0", 400, "`at`: \"0\" is not a whole number from 1"),
        ("at=x", 400, "`at`: \"x\" is not"),
        ("at=1&at=2", 400, "`at` is given twice"),
        ("after=1", 400, "the nearest is `at`"),
    ] {
        let detail = server.get(&format!("/export?{query}")).await.problem(status);
        assert!(detail.contains(says), "{query}: {detail}");
    }
    assert!(Server::new(0).await.get("/export").await.problem(404).contains("the newest is 0"));
}

#[tokio::test]
async fn an_export_that_breaks_off_is_seen_to_be_cut() {
    let server = Server::with(FakeJournal::new(large(200)), FakeStatus::default(), Options::default()).await;
    let mut raw = Raw::connect(server.address).await;
    raw.send("GET /export HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert!(raw.until("\r\n\r\n").await.starts_with("HTTP/1.1 200"));
    *server.journal.failure.lock().unwrap() = Some("the disk is gone".to_owned());
    assert!(!raw.rest().await.ends_with("\r\n0\r\n\r\n"), "it looks whole");
    let detail = server.get("/export").await.problem(500);
    assert!(detail.contains("the disk is gone"), "{detail}");
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_not_read_ahead_of_and_loses_its_place() {
    let options = Options { exports: 1, stall_timeout: Duration::from_millis(200), ..Options::default() };
    let server = Server::with(FakeJournal::new(large(200)), FakeStatus::default(), options).await;
    let _slow = Raw::open(server.address, "/export", "").await;
    let refused = server.get("/export").await;
    assert!(refused.problem(503).contains("exported already"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(server.get("/events?limit=1").await.seqs(), [1], "pages are still there");
    within(async { while server.get("/export?at=1").await.status != 200 {} }).await;
    let exported = server.journal.exported.load(Ordering::SeqCst);
    assert!(exported < 150, "{exported} of 200 events were read for a client that took none");
}

#[tokio::test]
async fn an_export_under_way_ends_at_shutdown() {
    let options = Options { shutdown_timeout: Duration::from_secs(20), ..Options::default() };
    let server = Server::with(FakeJournal::new(large(200)), FakeStatus::default(), options).await;
    let journal = server.journal.clone();
    let mut raw = Raw::open(server.address, "/export", "").await;
    let stopped = server.stop();
    raw.rest().await;
    within(stopped).await.unwrap().unwrap();
    assert!(journal.exported.load(Ordering::SeqCst) < 200);
}
