//! How fast appends become durable, against writing and syncing the same bytes to a plain file, in the same run.
#![allow(clippy::print_stdout)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use taffrail_journal::{Options, SledJournal};
use taffrail_model::{Actor, Digest, Envelope, Fact, Seq, Subject, Timestamp, Uid};
use taffrail_ports::journal::{Head, Journal};

fn main() {
    for (by, events) in [(1, 5_000), (100, 100_000)] {
        // Not /tmp, which may be memory.
        let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let journal = journal(root.path(), by, events);
        let raw = raw(root.path(), by, events);
        println!(
            "by {by:3}: {journal:>9.0} events/s, write + fdatasync {raw:>9.0} events/s, ratio {:.2}",
            journal / raw
        );
    }
}

fn journal(root: &Path, by: u64, events: u64) -> f64 {
    let options = Options::new(root.join("data/journal"), root.join("key"));
    let journal = SledJournal::open(&options).expect("it opens").journal;
    let start = Instant::now();
    for _ in 0..events / by {
        journal.append(envelopes(&journal.head(), by), Vec::new()).expect("it is stored");
    }
    let rate = events as f64 / start.elapsed().as_secs_f64();
    drop(journal);
    let start = Instant::now();
    let journal = SledJournal::open(&options).expect("it opens again").journal;
    println!("{events} events: opened and checked in {:.2?}", start.elapsed());
    let start = Instant::now();
    journal.verify().expect("it is whole");
    println!("{events} events: verified in {:.2?}", start.elapsed());
    rate
}

/// The same bytes, without index, hash or mark.
fn raw(root: &Path, by: u64, events: u64) -> f64 {
    let mut file = File::create(root.join("raw")).expect("a file");
    let head = Head { seq: Seq(0), hash: Digest::ZERO, time: Timestamp::UNIX_EPOCH, epoch: taffrail_model::Epoch(1) };
    let bytes: Vec<u8> = envelopes(&head, by)
        .into_iter()
        .flat_map(|envelope| taffrail_model::Event::seal(envelope, Digest::ZERO).1)
        .collect();
    let start = Instant::now();
    for _ in 0..events / by {
        file.write_all(&bytes).expect("it is written");
        file.sync_data().expect("it is synced");
    }
    events as f64 / start.elapsed().as_secs_f64()
}

fn envelopes(head: &Head, count: u64) -> Vec<Envelope> {
    (head.seq.0 + 1..=head.seq.0 + count)
        .map(|seq| Envelope {
            seq: Seq(seq),
            epoch: head.epoch,
            id: format!("1-{seq}"),
            time: head.time,
            subject: Subject::Application("shop".parse().expect("a name")),
            actor: Actor::daemon(),
            cause: None,
            sync: None,
            fact: Fact::ObjectApplied {
                object: format!("apps/Deployment:shop/api-{}", seq % 50).parse().expect("an object"),
                uid: Uid(format!("00000000-0000-0000-0000-{seq:012}")),
                manifest: Digest::of(&seq.to_be_bytes()),
                created: false,
                resource_version: seq.to_string(),
                attempts: 1,
                fields: None,
                autoscaled: false,
            },
        })
        .collect()
}
