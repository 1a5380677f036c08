//! Who may ask for what, and how the log calls them.

use std::sync::Arc;

use hyper::Method;
use taffrail_http::{Keys, Loopback, NewToken, Options, Tokens};

use crate::client::{call, get, post, send};
use crate::fake::{FakeJournal, FakeStatus, history};
use crate::server::Server;

/// A server with a token of `anna`.
async fn with_token(listen: &str, loopback: Loopback) -> (Server, String) {
    let NewToken { token, line } = Tokens::generate("anna").unwrap();
    let options = Options { loopback, ..Options::default() };
    let server = Server::at(listen, FakeJournal::new(history(5)), FakeStatus::default(), options).await;
    server.keys.send_replace(Arc::new(Keys { tokens: Tokens::parse(&line).unwrap(), ..Keys::default() }));
    (server, format!("Bearer {token}"))
}

const OPEN: [&str; 3] = ["/livez", "/readyz", "/metrics"];
const READS: [&str; 5] = ["/", "/events", "/events/1", "/applications", "/openapi.json"];
const ORDER: &str = "/applications/shop-production/refresh";

#[tokio::test]
async fn without_a_token_a_listener_beyond_loopback_serves_probes_and_metrics_only() {
    for (listen, loopback) in [("0.0.0.0:0", Loopback::Open), ("127.0.0.1:0", Loopback::Token)] {
        let (server, right) = with_token(listen, loopback).await;
        let other = format!("Bearer {}", Tokens::generate("anna").unwrap().token);
        for path in OPEN {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
        for wrong in [None, Some("Bearer "), Some("Basic YTpi"), Some("nonsense"), Some(other.as_str())] {
            let headers: Vec<_> = wrong.map(|wrong| ("authorization", wrong)).into_iter().collect();
            for path in READS.into_iter().chain(["/nowhere"]) {
                let refused = get(server.address, path, &headers).await;
                assert_eq!(refused.header("www-authenticate"), "Bearer", "{path} {wrong:?}");
                refused.problem(401);
            }
            post(server.address, ORDER, &headers, "{}").await.problem(401);
        }
        for path in READS {
            assert_eq!(get(server.address, path, &[("authorization", &right)]).await.status, 200, "{path}");
        }
        let twice = [("authorization", right.as_str()), ("authorization", right.as_str())];
        get(server.address, "/events", &twice).await.problem(401);
        assert_eq!(post(server.address, ORDER, &[("authorization", &right)], "{}").await.status, 202);
        assert_eq!(server.orders.taken.lock().unwrap()[0].actor.name, "anna");
    }
}

#[tokio::test]
async fn on_an_open_loopback_an_order_without_a_token_is_recorded_as_of_nobody_known() {
    let (server, right) = with_token("127.0.0.1:0", Loopback::Open).await;
    for (headers, name) in [
        (vec![], "somebody (unauthenticated, on loopback)"),
        (vec![("taffrail-user", "anna")], "anna (unauthenticated, on loopback)"),
        (vec![("authorization", right.as_str())], "anna"),
        (vec![("authorization", right.as_str()), ("taffrail-user", "ada")], "anna"),
    ] {
        assert_eq!(post(server.address, ORDER, &headers, "").await.status, 202, "{headers:?}");
        let order = server.orders.taken.lock().unwrap().pop().unwrap();
        assert_eq!(order.actor, taffrail_model::Actor::person(name));
    }
    // A word that is shown must be true, also where none is needed.
    get(server.address, "/events", &[("authorization", "Bearer nonsense")]).await.problem(401);
    for forged in ["anna (a token)", "taffrail", "", "a\u{e4}"] {
        post(server.address, ORDER, &[("taffrail-user", forged)], "{}").await.problem(400);
    }
}

#[tokio::test]
async fn a_token_that_is_taken_away_is_refused_from_then_on() {
    let (server, right) = with_token("0.0.0.0:0", Loopback::Open).await;
    let headers = [("authorization", right.as_str())];
    assert_eq!(get(server.address, "/events", &headers).await.status, 200);
    server.keys.send_replace(Arc::default());
    get(server.address, "/events", &headers).await.problem(401);
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_order_anything() {
    let server = Server::new(5).await;
    let here = format!("http://{}", server.address);
    for forged in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:1"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        post(server.address, ORDER, &[forged], "{}").await.problem(403);
    }
    for media in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        let headers = [("content-type", media)];
        send(server.address, Method::POST, ORDER, &headers, "{}").await.problem(415);
    }
    send(server.address, Method::POST, ORDER, &[], "{}").await.problem(415);
    assert!(server.orders.taken.lock().unwrap().is_empty());
    let asked = call(server.address, Method::OPTIONS, ORDER, &[("origin", "https://evil.example")]).await;
    assert_eq!(asked.header("access-control-allow-origin"), "", "a browser is told nothing that lets it go on");
    for fine in [("origin", here.as_str()), ("sec-fetch-site", "none"), ("sec-fetch-site", "same-origin")] {
        assert_eq!(post(server.address, ORDER, &[fine], "{}").await.status, 202, "{fine:?}");
    }
}

#[tokio::test]
async fn the_telemetry_listener_serves_probes_and_metrics_to_anybody_and_nothing_else() {
    let server = Server::telemetry("0.0.0.0:0").await;
    for path in OPEN {
        assert_eq!(get(server.address, path, &[("host", "10.1.2.3:8421")]).await.status, 200, "{path}");
    }
    for path in READS {
        server.get(path).await.problem(404);
    }
    post(server.address, ORDER, &[], "{}").await.problem(404);
    post(server.address, "/hooks/shop", &[], "{}").await.problem(404);
}
