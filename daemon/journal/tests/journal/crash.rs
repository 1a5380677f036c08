//! kill -9 in the middle of appends.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use taffrail_model::{Digest, Fact, Seq};
use taffrail_ports::journal::Journal;

use crate::support::{House, applied, document, envelopes, noise, options};

const FOLDER: &str = "TAFFRAIL_JOURNAL_KILLED";
const ROUNDS: u64 = 6;
/// An append of so many events of this size takes several transactions.
const EVENTS: u64 = 7;
const EVENT_BYTES: usize = 20_000;

#[test]
fn what_was_acknowledged_survives_a_kill_and_appends_are_whole() {
    let house = House::new();
    let mut acknowledged = BTreeMap::new();
    for round in 1..=ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "crash::child_that_appends"])
            .env(FOLDER, house.root())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // Kills come at other points of an append each round: after so many acknowledgements, and then some work.
        for line in lines.by_ref().filter(|line| line.starts_with("ack ")).take(3 * round as usize) {
            note(&mut acknowledged, &line);
        }
        (0..round * 40).for_each(|n| assert!(!noise(&n.to_string(), 10_000).is_empty()));
        child.kill().unwrap();
        lines
            .filter(|line| line.starts_with("ack ") && line.ends_with('.'))
            .for_each(|line| note(&mut acknowledged, &line));
        child.wait().unwrap();

        let journal = house.open();
        let head = journal.head();
        let last = acknowledged.last_key_value().unwrap();
        assert!(head.seq >= *last.0, "round {round}: event {} was acknowledged, the head is {}", last.0, head.seq);
        for (seq, (hash, name)) in &acknowledged {
            assert_eq!(journal.event(*seq).unwrap().unwrap().event.hash, *hash, "round {round}");
            journal.document(*name).unwrap();
        }
        assert_eq!((head.seq.0 - 1) % EVENTS, 0, "round {round}: half an append is there");
        assert_eq!(journal.verify().unwrap().events, head.seq.0);
    }
}

fn note(acknowledged: &mut BTreeMap<Seq, (Digest, Digest)>, line: &str) {
    let mut words = line.trim_end_matches('.').split(' ').skip(1);
    let seq = Seq(words.next().unwrap().parse().unwrap());
    acknowledged.insert(seq, (words.next().unwrap().parse().unwrap(), words.next().unwrap().parse().unwrap()));
}

#[test]
fn child_that_appends() {
    let Some(root) = std::env::var_os(FOLDER) else { return };
    let journal = taffrail_journal::SledJournal::open(&options(root.as_ref())).unwrap().journal;
    let mut stdout = std::io::stdout().lock();
    // The parent kills it long before.
    for _ in 0..10_000 {
        let head = journal.head();
        let small = head.seq.0.is_multiple_of(2);
        let document = document(&journal, &noise(&head.seq.to_string(), 70_000), small);
        let name = document.digest;
        let fact = |seq: u64| match small {
            true => applied(seq),
            false => Fact::ClusterUnreachable {
                cluster: taffrail_model::ClusterName::default(),
                error: hex::encode(noise(&seq.to_string(), EVENT_BYTES / 2)),
            },
        };
        journal.append(envelopes(&head, EVENTS, fact), vec![document]).unwrap();
        let head = journal.head();
        writeln!(stdout, "ack {} {} {name}.", head.seq, head.hash).unwrap();
    }
}
