//! Followers see every event once, over any number of broken connections.

use std::sync::atomic::Ordering;
use std::time::Duration;

use proptest::prelude::*;
use taffrail_http::Options;
use taffrail_model::{Digest, Envelope, Epoch, Fact, Seq};
use tokio::runtime::Runtime;

use crate::client::{Raw, get};
use crate::fake::{FakeJournal, FakeStatus, envelope, history};
use crate::limits::large;
use crate::server::{Server, within};

/// A reader as the HTML standard has it: only whole blocks count, and a block without data moves only the id.
#[derive(Default)]
struct EventSource {
    last_id: Option<String>,
    last: Option<u64>,
    /// Number, kind and data of each event.
    events: Vec<(u64, String, String)>,
}

impl EventSource {
    fn take(&mut self, received: &[u8]) {
        let text = std::str::from_utf8(received).unwrap_or_else(|error| {
            std::str::from_utf8(&received[..error.valid_up_to()]).expect("it is valid up to there")
        });
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        for block in whole.split("\n\n") {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            if let Some(id) = field("id: ") {
                self.last = Some(id.strip_prefix("1-").unwrap_or(&id).parse().unwrap());
                self.last_id = Some(id);
            }
            if let Some(data) = field("data: ") {
                self.events.push((self.last.unwrap(), field("event: ").unwrap(), data));
            }
        }
    }

    fn seqs(&self) -> Vec<u64> {
        self.events.iter().map(|(seq, ..)| *seq).collect()
    }
}

/// Follows until event `last` is there, and returns what came.
async fn read_until(raw: &mut Raw, last: u64) -> EventSource {
    loop {
        let mut source = EventSource::default();
        source.take(&raw.received);
        if source.last >= Some(last) {
            return source;
        }
        assert_ne!(raw.more(usize::MAX).await, 0, "it ended at {:?}", source.last_id);
    }
}

const STREAM: &str = "Accept: text/event-stream\r\n";

#[tokio::test]
async fn a_follower_gets_new_events_as_they_were_stored() {
    let server = Server::new(10).await;
    let mut raw = Raw::get(server.address, "/events", STREAM).await;
    let head = raw.until("\r\n\r\n").await.to_lowercase();
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    assert!(head.contains("cache-control: no-store"), "{head}");
    assert_eq!(raw.until("\n\n").await, ": after 10\nid: 1-10\n\n");
    server.journal.grow(100);
    let source = read_until(&mut raw, 110).await;
    let stored: Vec<_> = server.journal.stored().split_off(10);
    let expected = stored.into_iter().map(|stored| {
        let kind = stored.event.envelope.fact.kind().to_owned();
        (stored.event.seq().0, kind, String::from_utf8(stored.bytes).unwrap())
    });
    assert_eq!(source.events, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn where_a_stream_starts() {
    let server = Server::new(200).await;
    server.journal.work.store(7, Ordering::SeqCst);
    for (query, header, first) in [
        ("after=150", "", 151),
        ("after=0", "", 1),
        ("after=150", "Last-Event-ID: 190\r\n", 191),
        ("", "Last-Event-ID: 7\r\n", 8),
        ("", "Last-Event-ID: 1-7\r\n", 8),
        ("after=1-150", "", 151),
        ("since=2026-11-21T08:30:00Z", "", 31),
        ("since=2026-11-21T08:30:00Z&after=100", "", 101),
    ] {
        let path = format!("/events?format=event-stream&{query}");
        let mut raw = Raw::open(server.address, &path, header).await;
        let source = read_until(&mut raw, 200).await;
        assert_eq!(source.seqs(), (first..=200).collect::<Vec<_>>(), "{query} {header}");
    }
}

#[tokio::test]
async fn filters_apply_and_silence_still_moves_the_id_on() {
    let options = Options { keep_alive: Duration::from_millis(50), ..Options::default() };
    let server = Server::with(FakeJournal::new(history(3)), FakeStatus::default(), options).await;
    let mut raw = Raw::open(server.address, "/events?kind=GatePassed", STREAM).await;
    server.journal.grow(9);
    // Events 4 and 9 match; a keep-alive tells that 12 was looked at, so that a new connection starts there.
    assert_eq!(read_until(&mut raw, 12).await.seqs(), [4, 9]);
    let received = raw.received.len();
    raw.more(usize::MAX).await;
    assert!(raw.received[received..].starts_with(b": after 12\n"));
}

#[test]
fn a_connection_cut_anywhere_loses_and_repeats_nothing() {
    let runtime = Runtime::new().unwrap();
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(cuts in proptest::collection::vec(1usize..3000, 1..12), filtered: bool)| {
        let path = if filtered { "/events?kind=SyncStarted,GatePassed" } else { "/events" };
        let wanted = |seq: &u64| !filtered || matches!(seq % 5, 2 | 4);
        let (seqs, newest) = runtime.block_on(async {
            let server = Server::new(20).await;
            // Cut before the first event, too: the opening told where it started.
            let mut source = EventSource::default();
            source.take(Raw::open(server.address, path, STREAM).await.until("\n\n").await.as_bytes());
            let mut newest = 20;
            for cut in cuts {
                server.journal.grow(5);
                newest += 5;
                let header = format!("{STREAM}Last-Event-ID: {}\r\n", source.last_id.as_ref().unwrap());
                let mut raw = Raw::open(server.address, path, &header).await;
                let last = (1..=newest).rev().find(wanted).unwrap();
                let end = format!("id: 1-{last}\n");
                while raw.received.len() < cut && !String::from_utf8_lossy(&raw.received).contains(&end) {
                    assert_ne!(raw.more(cut - raw.received.len()).await, 0);
                }
                source.take(&raw.received);
            }
            let last = (1..=newest).rev().find(wanted).unwrap();
            let header = format!("{STREAM}Last-Event-ID: {}\r\n", source.last_id.as_ref().unwrap());
            let mut raw = Raw::open(server.address, path, &header).await;
            read_until(&mut raw, last).await;
            source.take(&raw.received);
            (source.seqs(), newest)
        });
        prop_assert_eq!(seqs, (21..=newest).filter(wanted).collect::<Vec<_>>());
    });
}

#[tokio::test]
async fn one_follower_too_many_is_told_to_come_back() {
    let options = Options { followers: 2, ..Options::default() };
    let server = Server::with(FakeJournal::new(history(3)), FakeStatus::default(), options).await;
    let first = Raw::open(server.address, "/events", STREAM).await;
    let _second = Raw::open(server.address, "/events", STREAM).await;
    let refused = get(server.address, "/events?format=event-stream", &[]).await;
    assert!(refused.problem(503).contains("2 readers"), "{}", refused.text());
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(server.get("/events").await.seqs(), [1, 2, 3], "pages are still there");

    drop(first);
    within(until_a_place_is_free(&server)).await;
}

#[tokio::test]
async fn a_follower_that_takes_nothing_loses_its_place() {
    let options = Options { followers: 1, stall_timeout: Duration::from_millis(200), ..Options::default() };
    let server = Server::with(FakeJournal::new(large(200)), FakeStatus::default(), options).await;
    let _slow = Raw::open(server.address, "/events?after=0", STREAM).await;
    within(until_a_place_is_free(&server)).await;
    assert!(server.journal.queries.lock().unwrap().len() <= 2, "it was read ahead of the client");
}

async fn until_a_place_is_free(server: &Server) {
    loop {
        let mut raw = Raw::get(server.address, "/events", STREAM).await;
        if raw.until("\r\n\r\n").await.starts_with("HTTP/1.0 200") {
            return;
        }
    }
}

#[tokio::test]
async fn streams_end_at_shutdown() {
    let server = Server::new(3).await;
    let mut raw = Raw::open(server.address, "/events", STREAM).await;
    within(server.stop()).await.unwrap().unwrap();
    assert_eq!(raw.rest().await, ": after 3\nid: 1-3\n\n");
}

#[tokio::test]
async fn what_makes_no_sense_for_a_stream_is_refused() {
    let server = Server::new(3).await;
    for query in ["limit=1", "order=desc", "before=3", "until=1h"] {
        let detail = server.get(&format!("/events?format=event-stream&{query}")).await.problem(400);
        assert!(detail.starts_with(&format!("`{}`", query.split('=').next().unwrap())), "{detail}");
    }
    for (id, says) in [("4", "newest is 3"), ("x", "Last-Event-ID")] {
        let answer = get(server.address, "/events?format=event-stream", &[("last-event-id", id)]).await;
        assert!(answer.problem(400).contains(says), "{}", answer.text());
    }
}

/// A journal that was restored as it was at event 20, in its second life; the first went on to event 25.
async fn restored() -> Server {
    let mut events = history(20);
    let restored = Fact::JournalRestored { from_epoch: Epoch(1), at_seq: Seq(20), head: Digest::ZERO };
    let reachable = || Fact::ClusterReachable { cluster: taffrail_model::ClusterName::default() };
    for (index, fact) in [restored, reachable(), reachable()].into_iter().enumerate() {
        let next = envelope(20 + index, fact);
        events.push(Envelope { epoch: Epoch(2), id: format!("2-{}", next.seq), ..next });
    }
    Server::with(FakeJournal::new(events), FakeStatus::default(), Options::default()).await
}

#[tokio::test]
async fn a_cursor_of_a_life_that_was_lost_is_gone() {
    let server = restored().await;
    for form in ["json", "ndjson", "event-stream"] {
        for (cursor, says) in [
            ("1-21", "event 1-21 is lost: the journal was restored as it was at event 20."),
            ("1-25", "go on with after=20"),
            ("2-20", "there is no event 2-20 in this journal, whose newest is 2-23"),
            ("2-24", "there is no event 2-24 in this journal"),
            ("3-1", "there is no event 3-1 in this journal"),
        ] {
            let path = format!("/events?format={form}");
            let detail = server.get(&format!("{path}&after={cursor}")).await.problem(410);
            assert!(detail.contains(says), "{cursor}: {detail}");
            if form == "event-stream" {
                let answer = get(server.address, &path, &[("last-event-id", cursor)]).await;
                assert_eq!(answer.problem(410), detail);
            }
        }
        for bad in ["-1", "1-", "x-1", "1-2-3", "1-99999999999999999"] {
            server.get(&format!("/events?format={form}&after={bad}")).await.problem(400);
        }
    }
}

#[tokio::test]
async fn a_cursor_of_what_both_lives_share_goes_on_into_the_second() {
    let server = restored().await;
    for cursor in ["1-19", "19"] {
        assert_eq!(server.get(&format!("/events?after={cursor}")).await.seqs(), [20, 21, 22, 23], "{cursor}");
        let header = format!("{STREAM}Last-Event-ID: {cursor}\r\n");
        let mut raw = Raw::open(server.address, "/events", &header).await;
        let stream = raw.until("id: 2-23\n").await;
        let ids: Vec<&str> = stream.lines().filter_map(|line| line.strip_prefix("id: ")).collect();
        assert_eq!(ids, ["1-19", "1-20", "2-21", "2-22", "2-23"], "{cursor}");
    }
}
