//! `verify` against a daemon: an intact log, and every way in which one is not.

use taffrail_model::Digest;

use crate::daemon::{Answer, Daemon, chain, head, lines};
use crate::program::{Ran, run};

fn verify(answer: Answer) -> Ran {
    run(&["verify", "--server", &Daemon::new(vec![answer]).url])
}

fn whole(head: String, body: Vec<u8>) -> Ran {
    verify(Answer::Whole(200, head, body))
}

#[test]
fn an_intact_log_is_said_to_be_so() {
    let events = chain(300);
    let ran = whole(head(&events), lines(&events));
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(ran.out, format!("the log is intact up to event 300, whose hash is {}\n", events[299].1));
    assert_eq!(whole(head(&[]), Vec::new()).code, 0);
}

#[test]
fn the_first_bad_event_is_named() {
    let events = chain(5);
    let intact = String::from_utf8(lines(&events)).unwrap();
    let without =
        |gone: usize| lines(events.iter().enumerate().filter(|(at, _)| at + 1 != gone).map(|(_, event)| event));
    for (body, expected) in [
        (
            intact.replace("exits 2", "exits 0").into_bytes(),
            "event 3 does not follow event 2: one of the two was changed",
        ),
        (
            intact.replace("exits 5", "exits 0").into_bytes(),
            "event 5 was changed: its hash is not the one that the daemon knows",
        ),
        (intact.replace("\"seq\":4", "\"seq\":\"4\"").into_bytes(), "event 4 is damaged: it has no number"),
        (intact.replace("\"previous\":\"0000", "\"previous\":\"1000").into_bytes(), "event 1 does not follow event 0"),
        (without(1), "event 1 is missing: 2 follows 0"),
        (without(3), "event 3 is missing: 4 follows 2"),
        (without(5), "event 5 is missing: the log ends before it"),
        (Vec::new(), "event 1 is missing: the log ends before it"),
        (b"no event\n".to_vec(), "event 1 is damaged: "),
    ] {
        let ran = whole(head(&events), body);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{expected}");
        assert!(ran.err.starts_with(&format!("error: {expected}")), "{expected}: {}", ran.err);
    }
}

#[test]
fn a_cut_export_is_no_intact_log() {
    let events = chain(5);
    for cut in [lines(&events[..3]), lines(&events), lines(&events)[..1000].to_vec()] {
        let ran = verify(Answer::Cut(head(&events), cut));
        assert_eq!((ran.code, ran.out.as_str()), (1, ""));
        assert!(ran.err.contains(" was cut off: "), "{}", ran.err);
    }
    // An end without a line's end, as a proxy makes it.
    let ran = whole(head(&events), lines(&events)[..1000].to_vec());
    assert!(ran.err.contains("it ends within a line"), "{}", ran.err);
}

#[test]
fn an_answer_that_names_no_head_is_not_believed() {
    for head in [String::new(), "taffrail-head: 1\r\n".to_owned(), format!("taffrail-head: x {}\r\n", Digest::ZERO)] {
        let ran = whole(head, Vec::new());
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{}", ran.err);
    }
}
