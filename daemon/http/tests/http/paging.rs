//! The law of pages: following `next` shows every event that matches, each once, in order.

use std::sync::atomic::Ordering;

use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::client::Answer;
use crate::server::Server;

async fn follow(server: &Server, first: &str) -> (Vec<u64>, usize) {
    let (mut seqs, mut pages, mut next) = (Vec::new(), 0, Some(first.to_owned()));
    while let Some(path) = next {
        let page: Answer = server.get(&path).await;
        seqs.extend(page.seqs());
        pages += 1;
        next = page.json()["links"]["next"].as_str().map(str::to_owned);
    }
    (seqs, pages)
}

#[test]
fn pages_are_everything_once() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(Server::new(73));
    let filter = prop_oneof![
        Just(""),
        Just("application=shop-staging"),
        Just("kind=GatePassed,ClusterReachable&kind=SyncStarted"),
        Just("object=apps/Deployment:shop/api-0"),
        Just("actor=taffrail"),
        Just("since=2026-11-21T08:10:00Z&until=2026-11-21T09:05:00Z"),
        Just("since=36500d"),
        Just("kind=RevertFailed"),
    ];
    let bound = proptest::option::of(0u64..80);
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(filter in filter, after in bound.clone(), before in bound, limit in 1usize..30, work in 1usize..200, descending: bool)| {
        let mut query = filter.to_owned();
        after.iter().for_each(|after| query += &format!("&after={after}"));
        before.iter().for_each(|before| query += &format!("&before={before}"));
        query += if descending { "&order=desc" } else { "" };
        runtime.block_on(async {
            server.journal.work.store(usize::MAX, Ordering::SeqCst);
            let whole = server.get(&format!("/events?{query}&limit=1000")).await;
            prop_assert!(whole.json()["links"].get("next").is_none());
            let expected = whole.seqs();
            let (seqs, pages) = follow(&server, &format!("/events?{query}&limit={limit}")).await;
            prop_assert_eq!(pages, expected.len().div_ceil(limit).max(1));
            prop_assert_eq!(&seqs, &expected);

            // The same from a journal that gives up a page after some work.
            server.journal.work.store(work, Ordering::SeqCst);
            let (seqs, _) = follow(&server, &format!("/events?{query}&limit={limit}")).await;
            prop_assert_eq!(seqs, expected);
            Ok(())
        })?;
    });
}

#[tokio::test]
async fn a_page_has_a_hundred_events_unless_asked_otherwise() {
    let server = Server::new(250).await;
    let page = server.get("/events").await;
    assert_eq!(page.seqs(), (1..=100).collect::<Vec<_>>());
    assert_eq!(page.json()["links"]["self"], "/events");
    assert_eq!(page.json()["links"]["next"], "/events?after=100");
    assert_eq!(follow(&server, "/events?order=desc").await.0, (1..=250).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn new_events_do_not_shift_the_pages() {
    let server = Server::new(20).await;
    let first = server.get("/events?order=desc&limit=10").await;
    server.journal.grow(7);
    let next = server.get(first.json()["links"]["next"].as_str().unwrap()).await;
    assert_eq!([first.seqs(), next.seqs()].concat(), (1..=20).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn links_hold_absolute_times() {
    let server = Server::new(20).await;
    let links = server.get("/events?since=36500d&limit=5&format=json").await.json()["links"].clone();
    let (this, next) = (links["self"].as_str().unwrap(), links["next"].as_str().unwrap());
    assert!(this.contains("since=19") && !this.contains("36500d"), "{this}");
    assert_eq!(next, format!("{this}&after=5"));
}
