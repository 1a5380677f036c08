//! `events`: what is asked of the daemon, what is printed, and that a cut stream loses and repeats nothing.

use taffrail_model::Digest;

use crate::daemon::{Answer, Daemon, chain, head, lines};
use crate::program::{run, start};

fn shown(seq: u64) -> String {
    format!(
        "2026-11-21T08:00:00Z  {seq:>6}  application/shop-staging      ObjectDegraded           \
         apps/Deployment:shop/api: container api exits {seq}\\u{{1b}}[2J"
    )
}

fn message(seq: usize, events: &[(Vec<u8>, Digest)]) -> Vec<u8> {
    let data = &events[seq - 1].0;
    [format!("id: {seq}\nevent: ObjectDegraded\ndata: ").as_bytes(), data, b"\n\n"].concat()
}

#[test]
fn the_newest_come_last_and_filters_are_handed_on() {
    let events = chain(3);
    let daemon = Daemon::new(vec![Answer::Whole(200, head(&events), lines([&events[2], &events[1]]))]);
    let ran = run(&[
        "events",
        "--server",
        &daemon.url,
        "-n",
        "2",
        "--application",
        "shop-staging",
        "--kind",
        "ObjectDegraded",
        "--kind",
        "GateFailed",
        "--since",
        "2026-11-21T07:00:00Z",
        "--object",
        "apps/Deployment:shop/api",
    ]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, format!("{}\n{}\n", shown(2), shown(3)));
    let request = daemon.requests.recv().unwrap();
    assert_eq!(
        request.target,
        "/events?kind=ObjectDegraded&kind=GateFailed&application=shop-staging&object=apps%2FDeployment%3Ashop%2Fapi\
         &since=2026-11-21T07%3A00%3A00Z&order=desc&limit=2"
    );
    assert!(request.headers.contains("accept: application/x-ndjson"));
}

#[test]
fn every_form_has_every_event() {
    let events = chain(2);
    let newest_first = lines(events.iter().rev());
    for (form, expected) in [("json", "\"hash\": \""), ("yaml", "  hash: ")] {
        let daemon = Daemon::new(vec![Answer::Whole(200, head(&events), newest_first.clone())]);
        let ran = run(&["events", "--server", &daemon.url, "-o", form]);
        assert_eq!(ran.code, 0);
        for (_, hash) in &events {
            assert!(ran.out.contains(&format!("{expected}{hash}")), "{form}: {}", ran.out);
        }
    }
    let daemon = Daemon::new(vec![Answer::Whole(200, head(&events), lines(&events))]);
    let ran = run(&["events", "--server", &daemon.url, "-o", "ndjson", "-n", "all"]);
    assert_eq!(ran.out.as_bytes(), lines(&events));
}

#[test]
fn an_event_of_a_newer_daemon_is_shown_bare() {
    let event =
        br#"{"data":{"a":1},"kind":"TideTurned","seq":7,"subject":{"kind":"system"},"time":"2026-11-21T08:00:00Z"}"#;
    let body = [event.as_slice(), b"\n"].concat();
    let daemon = Daemon::new(vec![Answer::Whole(200, head(&chain(7)), body)]);
    let ran = run(&["events", "--server", &daemon.url]);
    let columns: Vec<&str> = ran.out.split_whitespace().collect();
    assert_eq!(columns, ["2026-11-21T08:00:00Z", "7", "system", "TideTurned", "{\"a\":1}"]);
}

#[test]
fn a_cut_stream_goes_on_where_it_was() {
    let events = chain(6);
    let known = &events[..2];
    let half = &message(4, &events)[..40];
    let daemon = Daemon::new(vec![
        Answer::Whole(200, head(known), lines([&events[1], &events[0]])),
        Answer::Cut(String::new(), [b": after 2\nid: 2\n\n", message(3, &events).as_slice(), half].concat()),
        Answer::Whole(503, String::new(), br#"{"detail":"64 readers follow the events already"}"#.to_vec()),
        // Once more what was there before, a mark that only moves on, and the end of the connection.
        Answer::Whole(200, String::new(), [message(3, &events), message(4, &events), b"id: 5\n\n".to_vec()].concat()),
        Answer::Held(String::new(), message(6, &events)),
    ]);
    let mut follower = start(&["events", "--server", &daemon.url, "--follow", "--kind", "ObjectDegraded"]);
    for seq in [1, 2, 3, 4, 6] {
        assert_eq!(follower.line(), shown(seq));
    }
    let requests: Vec<_> = daemon.requests.iter().take(5).collect();
    assert_eq!(requests[0].target, "/events?kind=ObjectDegraded&order=desc&limit=10");
    for (request, last) in requests[1..].iter().zip([2, 3, 3, 5]) {
        assert_eq!(request.target, "/events?kind=ObjectDegraded");
        assert!(request.headers.contains("accept: text/event-stream"), "{request:?}");
        assert!(request.headers.contains(&format!("last-event-id: {last}")), "{request:?}");
    }
}

#[test]
fn a_refusal_ends_a_follower() {
    let events = chain(1);
    let daemon = Daemon::new(vec![
        Answer::Whole(200, head(&events), lines(&events)),
        Answer::Whole(400, String::new(), br#"{"detail":"the stream cannot start after event 1"}"#.to_vec()),
    ]);
    let ran = run(&["events", "--server", &daemon.url, "--follow", "-n", "0"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(ran.err, "error: the stream cannot start after event 1\n");
}
