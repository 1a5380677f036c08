//! Appending and reading back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use taffrail_journal::OpenError;
use taffrail_model::{Digest, Event, Fact, Seq};
use taffrail_ports::journal::{Journal, JournalError, Snapshot};

use crate::support::{House, append, applied, document, envelopes, noise};

#[test]
fn what_is_appended_reads_back_also_after_a_restart() {
    let house = House::new();
    let journal = house.open();
    assert_eq!(journal.head().seq, Seq(1));
    let newest = journal.watch();
    let documents = [(&b"plain"[..], false), (b"hidden", true), (b"", false), (&noise("large", 300_000), false)]
        .map(|(bytes, confidential)| document(&journal, bytes, confidential));
    let events = journal.append(envelopes(&journal.head(), 3, applied), documents.to_vec()).unwrap();
    assert_eq!(*newest.borrow(), Seq(4));
    let (head, installation) = (journal.head(), journal.installation());
    assert_eq!(journal.events(Seq(1), 10).unwrap(), events);
    assert_eq!(journal.events(Seq(2), 1).unwrap(), events[1..2]);
    assert!(matches!(taffrail_journal::verify_folder(&house.options()), Err(OpenError::Locked { .. })));
    drop(journal);
    let verified = taffrail_journal::verify_folder(&house.options()).unwrap();
    assert_eq!((verified.events, verified.documents, verified.head), (4, 4, head.hash));
    let journal = house.open();
    assert_eq!((journal.head(), journal.installation()), (head, installation));
    assert_eq!(journal.events(Seq(1), 10).unwrap(), events);
    for document in &documents {
        assert_eq!(journal.document(document.digest).unwrap(), document.bytes);
    }
    assert_eq!(journal.verify().unwrap(), verified);
}

#[test]
fn the_chain_can_be_checked_by_anyone() {
    let house = House::new();
    let journal = house.open();
    append(&journal, 250);
    let mut previous = Digest::ZERO;
    for seq in 1..=251 {
        let stored = journal.event(Seq(seq)).unwrap().unwrap();
        assert_eq!((stored.event.seq(), stored.event.previous), (Seq(seq), previous));
        previous = Event::chain(previous, &stored.bytes);
    }
    assert_eq!(journal.head().hash, previous);
    assert_eq!(journal.event(Seq(252)).unwrap(), None);
    assert_eq!(journal.event(Seq(0)).unwrap(), None);
}

#[test]
fn an_append_that_does_not_continue_the_head_is_refused_whole() {
    let house = House::new();
    let journal = house.open();
    let old = journal.head();
    append(&journal, 1);
    let head = journal.head();
    let fenced = journal.append(envelopes(&old, 1, applied), Vec::new());
    assert!(matches!(fenced, Err(JournalError::Fenced { expected: Seq(1), found: Seq(2) })), "{fenced:?}");

    let mut gap = envelopes(&head, 2, applied);
    gap[1].seq = Seq(9);
    assert!(matches!(journal.append(gap, Vec::new()), Err(JournalError::Damaged { seq: Seq(9), .. })));
    let mut back = envelopes(&head, 1, applied);
    back[0].time = taffrail_model::Timestamp::UNIX_EPOCH;
    assert!(matches!(journal.append(back, Vec::new()), Err(JournalError::Damaged { seq: Seq(3), .. })));
    let mut epoch = envelopes(&head, 1, applied);
    epoch[0].epoch = taffrail_model::Epoch(0);
    assert!(matches!(journal.append(epoch, Vec::new()), Err(JournalError::Fenced { .. })));
    assert_eq!(journal.head(), head);
    assert_eq!(journal.verify().unwrap().events, 2);
}

#[test]
fn large_events_and_documents_are_cut_and_put_together() {
    let house = House::new();
    let journal = house.open();
    let error = |_| Fact::ClusterUnreachable {
        cluster: taffrail_model::ClusterName::default(),
        error: hex::encode(noise("error", 200_000)),
    };
    let documents: Vec<_> = (0..20).map(|n| document(&journal, &noise(&n.to_string(), 150_000), n == 1)).collect();
    let events = journal.append(envelopes(&journal.head(), 4, error), documents.clone()).unwrap();
    assert_eq!(journal.events(Seq(1), 10).unwrap(), events);
    journal.put(documents).unwrap();
    drop(journal);
    let journal = house.open();
    assert_eq!(journal.events(Seq(1), 10).unwrap(), events);
    assert_eq!(journal.verify().unwrap().documents, 20);
    // sled writes pages of 128 KiB and more to blobs, which it never fsyncs.
    assert_eq!(std::fs::read_dir(house.folder().join("blobs")).unwrap().count(), 0);
}

#[test]
fn writers_and_readers_do_not_get_in_each_others_way() {
    let house = House::new();
    let journal = house.open();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let putters: Vec<_> = (0..3)
            .map(|putter| {
                let journal = &journal;
                scope.spawn(move || {
                    for n in 0..40 {
                        let document = document(journal, format!("document {putter} {n}").as_bytes(), n % 2 == 0);
                        journal.put(vec![document.clone()]).unwrap();
                        assert_eq!(journal.document(document.digest).unwrap(), document.bytes);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let mut last = Seq(0);
            while !done.load(Ordering::Relaxed) {
                let head = journal.head().seq;
                assert!(head >= last);
                last = head;
                let events = journal.events(Seq(head.0.saturating_sub(5)), 10).unwrap();
                assert!(events.last().unwrap().seq() >= head);
            }
        });
        for _ in 0..60 {
            append(&journal, 3);
        }
        putters.into_iter().for_each(|putter| putter.join().unwrap());
        done.store(true, Ordering::Relaxed);
    });
    let verified = journal.verify().unwrap();
    assert_eq!((verified.events, verified.documents), (181, 120));
}

#[test]
fn of_two_writers_one_is_fenced() {
    let house = House::new();
    let journal = house.open();
    let head = journal.head();
    let won = thread::scope(|scope| {
        let writers: Vec<_> =
            (0..8).map(|_| scope.spawn(|| journal.append(envelopes(&head, 2, applied), Vec::new()).is_ok())).collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).filter(|won| *won).count()
    });
    assert_eq!(won, 1);
    assert_eq!(journal.verify().unwrap().events, 3);
}

#[test]
fn a_document_must_be_what_its_name_says() {
    let house = House::new();
    let journal = house.open();
    let mut wrong = document(&journal, b"a secret", true);
    // Named without the key, it could be guessed at.
    wrong.digest = Digest::of(&wrong.bytes);
    assert!(matches!(journal.put(vec![wrong]), Err(JournalError::Document { .. })));
    let absent = journal.document(Digest::of(b"nothing")).unwrap_err().to_string();
    assert!(absent.ends_with("is not there"), "{absent}");
}

#[test]
fn a_snapshot_is_kept_and_ignored_when_it_is_not_of_this_chain() {
    let house = House::new();
    let journal = house.open();
    assert_eq!(journal.snapshot().unwrap(), None);
    append(&journal, 5);
    let head = journal.head();
    let snapshot = Snapshot { seq: head.seq, hash: head.hash, code: "1".to_owned(), state: noise("state", 500_000) };
    journal.save_snapshot(Snapshot { state: Vec::new(), ..snapshot.clone() }).unwrap();
    journal.save_snapshot(snapshot.clone()).unwrap();
    drop(journal);
    let journal = house.open();
    assert_eq!(journal.snapshot().unwrap(), Some(snapshot.clone()));

    let file = house.data().join("journal.snapshot");
    let good = std::fs::read(&file).unwrap();
    for at in [5, 150, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        assert_eq!(journal.snapshot().unwrap(), None, "byte {at}");
    }
    for other in [Snapshot { hash: Digest::ZERO, ..snapshot.clone() }, Snapshot { seq: Seq(99), ..snapshot }] {
        journal.save_snapshot(other).unwrap();
        assert_eq!(journal.snapshot().unwrap(), None);
    }
}
