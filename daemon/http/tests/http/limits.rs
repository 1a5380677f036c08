//! Nobody can hold the server: not with slow headers, slow reading, many connections or large requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use taffrail_http::Options;
use taffrail_model::{Envelope, Fact};

use crate::client::{Raw, get};
use crate::fake::{FakeJournal, FakeStatus, envelope, history};
use crate::server::{Server, within};

/// `count` events of 100 kB.
pub fn large(count: usize) -> Vec<Envelope> {
    let errors = vec!["x".repeat(100_000)];
    let revision: taffrail_model::CommitId = "a".repeat(40).parse().unwrap();
    let fact = |_| Fact::RenderFailed { revision: revision.clone(), errors: errors.clone() };
    (0..count).map(|index| envelope(index, fact(index))).collect()
}

#[tokio::test]
async fn a_slow_reader_is_not_read_ahead_of_and_is_cut() {
    let options = Options { connections: 1, stall_timeout: Duration::from_millis(200), ..Options::default() };
    let server = Server::with(FakeJournal::new(large(200)), FakeStatus::default(), options).await;
    let mut slow = Raw::open(server.address, "/events?format=ndjson", "").await;
    // There is one place for a connection: this is only answered after the slow one lost it.
    assert_eq!(server.get("/livez").await.status, 200);
    assert!(server.journal.queries.lock().unwrap().len() <= 2, "of 4 pages");
    assert!(slow.rest().await.len() < 20_000_000);
}

#[tokio::test]
async fn a_reader_that_is_slow_but_reads_gets_everything() {
    let options = Options { stall_timeout: Duration::from_secs(5), ..Options::default() };
    let server = Server::with(FakeJournal::new(large(70)), FakeStatus::default(), options).await;
    let mut raw = Raw::open(server.address, "/events?format=ndjson", "").await;
    assert_eq!(raw.rest().await.lines().count(), 70);
}

#[tokio::test]
async fn headers_that_do_not_come_end_the_connection() {
    let options = Options { header_timeout: Duration::from_millis(100), ..Options::default() };
    let server = Server::with(FakeJournal::new(history(1)), FakeStatus::default(), options).await;
    for begun in ["", "GET / HTTP/1.1\r\nHost: loc", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(begun).await;
        let answer = raw.rest().await;
        assert_eq!(answer.contains("200 OK"), begun.contains("livez"), "{begun:?}: {answer}");
    }
}

#[tokio::test]
async fn large_requests_are_refused() {
    let server = Server::new(1).await;
    let long = "x".repeat(20_000);
    for request in [
        format!("GET /events?actor={long} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Large: {long}\r\n\r\n"),
    ] {
        let mut raw = Raw::connect(server.address).await;
        raw.send(&request).await;
        let answer = raw.until("\r\n").await;
        assert!(answer.contains(" 431 ") || answer.contains(" 414 "), "{answer}");
    }
    let mut raw = Raw::connect(server.address).await;
    raw.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n").await;
    assert!(raw.rest().await.contains("200 OK"), "a body is not waited for");
}

#[tokio::test]
async fn journal_calls_are_few_at_once_and_given_up() {
    let options = Options { reads: 2, read_timeout: Duration::from_millis(300), ..Options::default() };
    let server = Server::with(FakeJournal::new(history(3)), FakeStatus::default(), options).await;
    server.journal.shut(true);
    let requests = (0..6).map(|_| tokio::spawn(get(server.address, "/events", &[]))).collect::<Vec<_>>();
    for request in requests {
        let answer = within(request).await.unwrap();
        assert!(answer.problem(503).contains("busy"), "{}", answer.text());
        assert_eq!(answer.header("retry-after"), "5");
    }
    assert_eq!(server.get("/readyz").await.status, 200, "readiness needs no journal");
    assert_eq!(server.journal.busiest.load(Ordering::SeqCst), 2);
    server.journal.shut(false);
    assert_eq!(server.get("/events").await.seqs(), [1, 2, 3]);
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_reader_that_does_not_read() {
    let options = Options { shutdown_timeout: Duration::from_millis(100), ..Options::default() };
    let server = Server::with(FakeJournal::new(large(200)), FakeStatus::default(), options).await;
    let _slow = Raw::open(server.address, "/events?format=ndjson", "").await;
    within(server.stop()).await.unwrap().unwrap();
}
