//! What is refused, and that the refusal says what would be right.

use hyper::Method;
use taffrail_http::Options;

use crate::client::{call, get};
use crate::fake::{FakeJournal, FakeStatus, history};
use crate::server::Server;

#[tokio::test]
async fn bad_parameters_are_named_with_what_is_right() {
    let server = Server::new(3).await;
    for (query, says) in [
        ("aplication=shop", "\"aplication\"; the nearest is `application`"),
        ("LIMIT=3", "the nearest is `limit`"),
        ("since", "`since`: a value is missing"),
        ("kind=SyncStartd", "`kind`: there are no \"SyncStartd\" events; the nearest kind is SyncStarted"),
        ("kind=SyncStarted,", "`kind`: there are no \"\" events"),
        ("application=Shop", "`application`: \"Shop\" is not a name: use 1 to 63 lower-case letters"),
        ("repository=a/b", "`repository`: \"a/b\" is not a name"),
        ("application=a&repository=b", "give one of the two"),
        ("limit=1&limit=2", "`limit` is given twice"),
        ("revision=xyz", "`revision`: write the first characters of a commit id"),
        ("object=Deployment", "`object`: \"Deployment\" is not an object: write [GROUP/]KIND:[NAMESPACE/]NAME"),
        ("sync=0", "`sync`: \"0\" is not a whole number from 1"),
        ("after=-1", "`after`: \"-1\" is not a whole number from 0"),
        ("before=99999999999999999999", "`before`: \"99999999999999999999\" is not a whole number from 0"),
        ("since=yesterday", "`since`: \"yesterday\" is no time: write RFC 3339"),
        ("until=2026-11-21", "`until`: \"2026-11-21\" is no time: write RFC 3339"),
        ("limit=0", "`limit`: \"0\" is not a whole number from 1"),
        ("limit=1001", "`limit`: a page holds at most 1000 events"),
        ("order=down", "`order`: write asc (oldest first) or desc (newest first)"),
        ("format=xml", "`format`: write one of json, ndjson, event-stream"),
    ] {
        let detail = server.get(&format!("/events?{query}")).await.problem(400);
        assert!(detail.contains(says), "{query}: {detail}");
    }
    for path in ["/", "/events/1", "/applications", "/applications/a", "/livez", "/readyz", "/metrics", "/openapi.json"]
    {
        let detail = server.get(&format!("{path}?verbose=1")).await.problem(400);
        assert!(detail.contains("\"verbose\""), "{detail}");
    }
}

#[tokio::test]
async fn what_is_not_there() {
    let server = Server::new(3).await;
    assert!(server.get("/event").await.problem(404).contains("nothing at /event"));
    assert!(server.get("/events/4").await.problem(404).contains("the newest is 3"));
    server.get("/events/0").await.problem(404);
    for path in ["/events/first", "/events/-1", "/events/%FF", "/applications/%FF", "/applications/Shop"] {
        server.get(path).await.problem(400);
    }
    let refused = get(server.address, "/events", &[("accept", "text/html")]).await;
    assert!(refused.problem(406).contains("application/x-ndjson"), "{}", refused.text());
}

#[tokio::test]
async fn events_cannot_be_changed() {
    let server = Server::new(3).await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let refused = call(server.address, method, "/events", &[]).await;
        refused.problem(405);
        assert_eq!(refused.header("allow"), "GET,HEAD");
    }
}

#[tokio::test]
async fn every_answer_is_neither_stored_nor_sniffed() {
    let server = Server::new(3).await;
    for path in ["/", "/events", "/events?format=ndjson", "/events/9", "/nowhere", "/metrics", "/events?x=1"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_loopback_listener_answers_only_to_its_own_names() {
    let options = Options { hosts: vec!["taffrail.test".to_owned()], ..Options::default() };
    let server = Server::with(FakeJournal::new(history(1)), FakeStatus::default(), options.clone()).await;
    for host in ["localhost", "LOCALHOST:8420", "localhost.", "127.0.0.1:1", "[::1]:8420", "Taffrail.Test"] {
        assert_eq!(get(server.address, "/events", &[("host", host)]).await.status, 200, "{host}");
    }
    for host in
        ["evil.example", "evil.example:8420", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", ""]
    {
        let refused = get(server.address, "/events", &[("host", host)]).await;
        assert_eq!(refused.header("x-content-type-options"), "nosniff");
        refused.problem(421);
    }
    let open = Server::at("0.0.0.0:0", FakeJournal::new(history(1)), FakeStatus::default(), options).await;
    assert_eq!(get(open.address, "/livez", &[("host", "taffrail.example.org")]).await.status, 200);
}
