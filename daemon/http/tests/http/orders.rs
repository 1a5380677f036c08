//! Orders: what each route makes of its body, what is refused, and what the answer says.

use taffrail_model::fact::RemovalChoice;
use taffrail_model::{Action, ObjectSelector, OrderRefused, Seq, Timestamp};
use taffrail_ports::orders::OrderError;

use crate::client::{Raw, post};
use crate::server::Server;

const SHOP: &str = "/applications/shop-staging";

/// What is ordered by a body that is right.
async fn taken(server: &Server, verb: &str, body: &str) -> Action {
    let answer = post(server.address, &format!("{SHOP}/{verb}"), &[], body).await;
    assert_eq!(answer.status, 202, "{verb} {body}: {}", answer.text());
    let order = server.orders.taken.lock().unwrap().last().cloned().unwrap();
    let seq = server.orders.taken.lock().unwrap().len() + 100;
    assert_eq!(answer.json()["event"], seq);
    assert_eq!(answer.header("location"), format!("/events/{seq}"));
    assert_eq!(order.application.as_str(), "shop-staging");
    order.action
}

#[tokio::test]
async fn each_order_is_handed_on_as_it_was_meant() {
    let server = Server::new(10).await;
    let why = r#"{"reason": " ticket 7 "}"#;
    assert_eq!(taken(&server, "refresh", "").await, Action::Refresh);
    assert_eq!(taken(&server, "refresh", why).await, Action::Refresh);
    assert_eq!(server.orders.taken.lock().unwrap().last().unwrap().reason, "ticket 7");
    assert_eq!(taken(&server, "resume", "{}").await, Action::Resume);
    assert_eq!(taken(&server, "release", "{}").await, Action::Release);
    assert_eq!(taken(&server, "adopt", why).await, Action::Adopt);
    assert_eq!(taken(&server, "sync", "{}").await, Action::Sync { only: vec![] });
    let only = vec![ObjectSelector { kind: "deployment".to_owned(), name: "api".to_owned() }];
    assert_eq!(taken(&server, "sync", r#"{"only": ["deployment/api"]}"#).await, Action::Sync { only });
    assert_eq!(taken(&server, "suspend", "{}").await, Action::Suspend { until: None });
    let until: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
    let action = taken(&server, "suspend", r#"{"until": "2999-01-01T00:00:00Z"}"#).await;
    assert_eq!(action, Action::Suspend { until: Some(until) });
    let before = Timestamp::now();
    let Action::Suspend { until: Some(until) } = taken(&server, "suspend", r#"{"for": "2h"}"#).await else {
        panic!("no end of the suspension")
    };
    let two_hours = std::time::Duration::from_secs(7200);
    assert!(before + two_hours <= until && until <= Timestamp::now() + two_hours);
    assert_eq!(taken(&server, "acknowledge", why).await, Action::Acknowledge { objects: vec![] });
    let some = r#"{"reason": "x", "objects": ["PersistentVolumeClaim:shop/data"]}"#;
    let objects = vec!["PersistentVolumeClaim:shop/data".parse().unwrap()];
    assert_eq!(taken(&server, "acknowledge", some).await, Action::Acknowledge { objects });
    let prune = r#"{"reason": "x", "choice": "prune"}"#;
    assert_eq!(taken(&server, "remove", prune).await, Action::Remove(RemovalChoice::Prune));
    assert_eq!(taken(&server, "revert", why).await, Action::Revert { to: None });
}

#[tokio::test]
async fn a_revert_names_a_state_by_any_event_that_has_one() {
    let server = Server::new(15).await;
    // Round 1 (events 6 to 10) is about shop-staging: 7 starts a sync, 9 passes its gate.
    for seq in [7, 9] {
        let action = taken(&server, "revert", &format!(r#"{{"reason": "x", "to": {seq}}}"#)).await;
        let Action::Revert { to: Some(to) } = action else { panic!("no state") };
        assert_eq!(to.seq, Seq(seq));
        assert_eq!(to.revision.as_str(), format!("{:040x}", 0xabc_0001));
    }
    for (to, says) in [
        ("6", "event 6 names no state of shop-staging"),
        ("8", "event 8 names no state"),
        ("2", "event 2 names no state of shop-staging"),
        ("99", "event 99 names no state"),
        ("0", "write the number of an event"),
        ("\"9\"", "write the number of an event"),
    ] {
        let body = format!(r#"{{"reason": "x", "to": {to}}}"#);
        let detail = post(server.address, &format!("{SHOP}/revert"), &[], &body).await.problem(400);
        assert!(detail.contains(says), "{to}: {detail}");
    }
}

#[tokio::test]
async fn what_is_wrong_in_a_body_is_named_with_what_is_right() {
    let server = Server::new(10).await;
    let long = format!(r#"{{"reason": "{}"}}"#, "x".repeat(1001));
    for (verb, body, says) in [
        ("refresh", "[]", "one JSON object"),
        ("refresh", "{", "one JSON object"),
        ("refresh", r#"{"reson": "x"}"#, "no field \"reson\" here; the nearest is `reason`"),
        ("sync", r#"{"onli": []}"#, "the nearest is `only`"),
        ("refresh", r#"{"only": ["a/b"]}"#, "no field \"only\" here"),
        ("refresh", r#"{"reason": 7}"#, "`reason`: write text"),
        ("refresh", long.as_str(), "at most 1000 characters"),
        ("sync", r#"{"only": "Deployment/api"}"#, "`only`: write a list"),
        ("sync", r#"{"only": []}"#, "`only`: the list is empty"),
        ("sync", r#"{"only": ["api"]}"#, "\"api\" is not KIND/NAME"),
        ("suspend", r#"{"for": "2h", "until": "2999-01-01T00:00:00Z"}"#, "give one of the two"),
        ("suspend", r#"{"for": "2 weeks"}"#, "`for`: "),
        ("suspend", r#"{"for": "0s"}"#, "`for`: write more than 0"),
        ("suspend", r#"{"until": "2020-01-01T00:00:00Z"}"#, "is over"),
        ("suspend", r#"{"until": "tomorrow"}"#, "write RFC 3339"),
        ("acknowledge", "{}", "`reason`: say why"),
        ("acknowledge", r#"{"reason": "  "}"#, "`reason`: say why"),
        ("acknowledge", r#"{"reason": "x", "objects": ["api"]}"#, "`objects`: \"api\" is not an object"),
        ("adopt", "{}", "`reason`: say why"),
        ("revert", "{}", "`reason`: say why"),
        ("remove", r#"{"reason": "x"}"#, "`choice`: write prune"),
        ("remove", r#"{"reason": "x", "choice": "keep"}"#, "`choice`: write prune"),
    ] {
        let detail = post(server.address, &format!("{SHOP}/{verb}"), &[], body).await.problem(400);
        assert!(detail.contains(says), "{verb} {body}: {detail}");
    }
    let detail = post(server.address, "/applications/shop-stagin/refresh", &[], "{}").await.problem(404);
    assert!(detail.contains("there is no application shop-stagin"), "{detail}");
    post(server.address, &format!("{SHOP}/refresh?force=1"), &[], "{}").await.problem(400);
    post(server.address, &format!("{SHOP}/delete"), &[], "{}").await.problem(404);
    let large = format!(r#"{{"reason": "{}"}}"#, "x".repeat(600_000));
    post(server.address, &format!("{SHOP}/refresh"), &[], &large).await.problem(413);
    assert!(server.orders.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_refusal_is_a_conflict_with_its_sentence_and_a_daemon_that_cannot_decide_is_unavailable() {
    let server = Server::new(10).await;
    let path = format!("{SHOP}/resume");
    *server.orders.refusal.lock().unwrap() = Some(OrderRefused("it is not suspended".to_owned()).into());
    assert_eq!(post(server.address, &path, &[], "{}").await.problem(409), "it is not suspended");
    *server.orders.refusal.lock().unwrap() = Some(OrderError::NotTaken("the daemon is ending".to_owned()));
    assert!(post(server.address, &path, &[], "{}").await.problem(503).contains("ending"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let options = taffrail_http::Options {
        header_timeout: std::time::Duration::from_millis(200),
        ..taffrail_http::Options::default()
    };
    let journal = crate::fake::FakeJournal::new(crate::fake::history(10));
    let server = Server::with(journal, crate::fake::FakeStatus::default(), options).await;
    let mut raw = Raw::connect(server.address).await;
    let head = "Host: localhost\r\nContent-Type: application/json\r\nContent-Length: 100";
    raw.send(&format!("POST {SHOP}/refresh HTTP/1.1\r\n{head}\r\n\r\n{{")).await;
    assert!(raw.rest().await.contains(" 408 "));
    assert!(server.orders.taken.lock().unwrap().is_empty());
}
