//! Hooks: a signature is all that counts, and a flood of them is a few polls.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use hyper::Method;
use taffrail_http::{HookSecret, Keys};

use crate::client::{Answer, Raw, send};
use crate::server::{Server, within};

const SECRET: &[u8] = b"the secret of the hook of shop";

async fn server() -> Server {
    let server = Server::new(1).await;
    let hooks = BTreeMap::from([("shop".parse().unwrap(), HookSecret::new(SECRET).unwrap())]);
    server.keys.send_replace(Arc::new(Keys { hooks, ..Keys::default() }));
    server
}

fn signature(body: &str) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), body.as_bytes());
    format!("sha256={}", hex::encode(tag))
}

async fn hook(server: &Server, path: &str, signature: &str, body: &str) -> Answer {
    let form = ("content-type", "application/x-www-form-urlencoded");
    send(server.address, Method::POST, path, &[("x-hub-signature-256", signature), form], body).await
}

async fn hints(server: &Server, least: usize) -> usize {
    within(async {
        loop {
            let count = server.orders.hints.lock().unwrap().len();
            if count >= least {
                return count;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_signed_hook_is_a_hint_whatever_it_says() {
    let server = server().await;
    for (body, count) in [("{\"ref\": \"refs/heads/other\"}", 1), ("no JSON at all \u{0}", 2)] {
        let answer = hook(&server, "/hooks/shop", &signature(body), body).await;
        assert_eq!((answer.status, answer.text()), (202, ""));
        assert_eq!(hints(&server, count).await, count);
    }
    assert_eq!(server.orders.hints.lock().unwrap()[0].as_str(), "shop");
}

#[tokio::test]
async fn a_hook_without_the_right_signature_is_refused() {
    let server = server().await;
    let body = "{}";
    for wrong in ["", "sha256=", "sha256=00", &signature("{} "), &signature(body)[7..]] {
        hook(&server, "/hooks/shop", wrong, body).await.problem(401);
    }
    send(server.address, Method::POST, "/hooks/shop", &[], body).await.problem(401);
    for other in ["/hooks/web", "/hooks/Shop", "/hooks/%FF"] {
        hook(&server, other, &signature(body), body).await.problem(404);
    }
    assert!(server.orders.hints.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_hook_that_is_too_large_is_refused_before_it_is_taken() {
    let server = server().await;
    let mut raw = Raw::connect(server.address).await;
    raw.send("POST /hooks/shop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1048577\r\n\r\n").await;
    assert!(raw.until("\r\n").await.contains(" 413 "), "without a byte of the body");
    let body = "x".repeat((1 << 20) + 1);
    let mut raw = Raw::connect(server.address).await;
    raw.send("POST /hooks/shop HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    raw.send(&format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())).await;
    assert!(raw.until("\r\n").await.contains(" 413 "), "also when it does not say how large it is");
    let body = "x".repeat(1 << 20);
    assert_eq!(hook(&server, "/hooks/shop", &signature(&body), &body).await.status, 202);
}

#[tokio::test]
async fn a_flood_of_hooks_is_two_polls_a_second_at_most() {
    let server = server().await;
    let began = std::time::Instant::now();
    for _ in 0..20 {
        assert_eq!(hook(&server, "/hooks/shop", &signature("{}"), "{}").await.status, 202);
    }
    let polls = hints(&server, 2).await;
    let most = 2 + began.elapsed().as_secs() as usize;
    assert!(polls <= most, "{polls} polls in {:?}", began.elapsed());
}
