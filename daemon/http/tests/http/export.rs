//! The NDJSON export is the stored bytes, and proves itself.

use std::sync::atomic::Ordering;

use taffrail_http::Options;
use taffrail_model::{Digest, Event};

use crate::client::{Raw, call, get};
use crate::fake::{FakeJournal, FakeStatus};
use crate::limits::large;
use crate::server::Server;

const NDJSON: (&str, &str) = ("accept", "application/x-ndjson");

#[tokio::test]
async fn a_whole_export_is_the_stored_bytes_and_its_chain_ends_at_the_head() {
    let server = Server::new(300).await;
    let export = get(server.address, "/events", &[NDJSON]).await;
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let stored: Vec<u8> =
        server.journal.stored().into_iter().flat_map(|stored| [stored.bytes, b"\n".to_vec()].concat()).collect();
    assert_eq!(export.body, stored);

    // As anyone would check it, who has only the answer.
    let mut hash = Digest::ZERO;
    let mut seq = 0;
    for line in export.text().lines() {
        assert_eq!(Event::from_bytes(line.as_bytes()).unwrap().previous, hash);
        hash = Event::chain(hash, line.as_bytes());
        seq += 1;
    }
    assert_eq!(export.header("taffrail-head"), format!("{seq} {hash}"));
    assert_eq!(server.get("/events?format=ndjson").await.body, export.body);
}

#[tokio::test]
async fn filters_order_and_limit_hold_over_pages() {
    let server = Server::new(300).await;
    let seqs = async |query: &str| {
        let export = server.get(&format!("/events?format=ndjson{query}")).await;
        let lines = export.text().lines().map(|line| Event::from_bytes(line.as_bytes()).unwrap().seq().0);
        lines.collect::<Vec<_>>()
    };
    assert_eq!(seqs("&order=desc").await, (1..=300).rev().collect::<Vec<_>>());
    assert_eq!(seqs("&limit=150").await, (1..=150).collect::<Vec<_>>());
    assert_eq!(seqs("&limit=128").await, (1..=128).collect::<Vec<_>>());
    assert_eq!(seqs("&limit=5000&after=100&before=200").await, (101..200).collect::<Vec<_>>());
    assert_eq!(seqs("&kind=GatePassed").await, (1..=300).filter(|seq| seq % 5 == 4).collect::<Vec<_>>());
    assert!(seqs("&kind=RevertFailed").await.is_empty());
    // A journal that looks at few events at once makes empty pages in between.
    server.journal.work.store(3, Ordering::SeqCst);
    assert_eq!(seqs("&sync=292&order=desc").await, [294, 293, 292]);
    assert_eq!(seqs("&kind=SyncStarted&limit=2&after=100").await, [102, 107]);
}

#[tokio::test]
async fn what_is_appended_meanwhile_is_left_to_the_next_export() {
    let server = Server::with(FakeJournal::new(large(70)), FakeStatus::default(), Options::default()).await;
    let mut raw = Raw::get(server.address, "/events?format=ndjson", "").await;
    let head = raw.until("\r\n\r\n").await;
    // The first page does not fit between the two: the second is read after this.
    server.journal.grow(5);
    let last = Event::from_bytes(raw.rest().await.lines().next_back().unwrap().as_bytes()).unwrap();
    assert!(head.contains(&format!("taffrail-head: 70 {}\r\n", last.hash)), "{head}");
}

#[tokio::test]
async fn an_empty_journal_is_an_empty_export() {
    let server = Server::new(0).await;
    let export = server.get("/events?format=ndjson").await;
    assert_eq!((export.status, export.text()), (200, ""));
    assert_eq!(export.header("taffrail-head"), format!("0 {}", Digest::ZERO));
}

#[tokio::test]
async fn a_head_request_tells_the_head_alone() {
    let server = Server::new(7).await;
    let answer = call(server.address, hyper::Method::HEAD, "/events?format=ndjson", &[]).await;
    assert!(answer.body.is_empty());
    assert!(answer.header("taffrail-head").starts_with("7 "));
}

#[tokio::test]
async fn a_journal_that_fails_from_the_start_is_an_error_and_no_half_export() {
    let server = Server::new(7).await;
    *server.journal.failure.lock().unwrap() = Some("the disk is gone".to_owned());
    for form in ["json", "ndjson"] {
        let detail = server.get(&format!("/events?format={form}")).await.problem(500);
        assert!(detail.contains("the disk is gone"), "{detail}");
    }
}
