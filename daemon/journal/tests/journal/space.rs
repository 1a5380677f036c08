//! A full disk: nothing is half written, reads go on, and it recovers by itself.

use std::process::Command;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use taffrail_model::Seq;
use taffrail_ports::journal::{Journal, JournalError};

use crate::support::{House, append, applied, document, envelopes, noise, options};

#[test]
fn without_room_nothing_is_written_and_with_room_it_goes_on() {
    let house = House::new();
    let journal = house.open();
    append(&journal, 3);
    let head = journal.head();
    let lost = document(&journal, b"a document", false);
    journal.set_minimum_free(u64::MAX);
    let refused = journal.append(envelopes(&head, 1, applied), vec![lost.clone()]);
    assert!(matches!(refused, Err(JournalError::NoSpace { .. })), "{refused:?}");
    assert!(matches!(journal.put(vec![lost.clone()]), Err(JournalError::NoSpace { .. })));
    assert_eq!(journal.head(), head);
    assert_eq!(journal.events(Seq(0), 10).unwrap().len(), 4);
    assert!(journal.document(lost.digest).is_err());

    journal.set_minimum_free(0);
    append(&journal, 1);
    drop(journal);
    assert_eq!(house.open().verify().unwrap().events, 5);
}

/// A real failure in the middle of a write: the size of files is limited, as `ulimit -f` does, and then not any more.
#[test]
fn a_failed_write_is_undone_and_the_store_opened_again() {
    let house = House::new();
    let child = "space::child_with_a_file_limit";
    // The signal that comes with the limit would kill: only a shell can have it ignored without unsafe code here.
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; exec "$0" --exact --nocapture "$1""#])
        .arg(std::env::current_exe().unwrap())
        .arg(child)
        .env("TAFFRAIL_JOURNAL_LIMITED", house.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(house.open().verify().unwrap().events, 5);
}

#[test]
fn child_with_a_file_limit() {
    let Some(root) = std::env::var_os("TAFFRAIL_JOURNAL_LIMITED") else { return };
    let journal = taffrail_journal::SledJournal::open(&options(root.as_ref())).unwrap().journal;
    append(&journal, 3);
    let head = journal.head();
    let old = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(1 << 20), ..old }).unwrap();
    let large: Vec<_> = (0..20).map(|n| document(&journal, &noise(&n.to_string(), 200_000), false)).collect();
    for _ in 0..3 {
        let refused = journal.append(envelopes(&head, 1, applied), large.clone());
        assert!(matches!(refused, Err(JournalError::Store { .. })), "{refused:?}");
        assert_eq!(journal.head(), head);
    }
    setrlimit(Resource::Fsize, old).unwrap();
    journal.append(envelopes(&head, 1, applied), large).unwrap();
    assert_eq!(journal.verify().unwrap().documents, 20);
}
