//! What is refused at a start, and what is repaired.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use taffrail_journal::{OpenError, Options, SledJournal, verify_folder};
use taffrail_model::{Digest, Seq};
use taffrail_ports::journal::{EventQuery, Journal, JournalError};

use crate::support::{House, append, applied, envelopes, noise};

#[test]
fn a_second_daemon_is_refused_by_name() {
    let house = House::new();
    let _journal = house.open();
    let error = house.refused();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains(house.folder().to_str().unwrap()), "{error}");
    assert!(error.to_string().contains("another daemon"), "{error}");
}

#[test]
fn a_head_ahead_of_the_store_is_refused() {
    let house = House::new();
    let journal = house.open();
    append(&journal, 5);
    let behind = fs::read(house.data().join("journal.head")).unwrap();
    drop(journal);
    let older = House::new();
    copy(&house, &older, "secrets/key");
    copy_folder(&house, &older);
    drop(SledJournal::open(&older.options()).unwrap());

    let journal = house.open();
    append(&journal, 5);
    drop(journal);
    copy(&house, &older, "data/journal.head");
    let error = older.refused();
    assert!(matches!(error, OpenError::HeadAhead { expected: Seq(11), found: Seq(6), .. }), "{error}");
    assert!(matches!(verify_folder(&older.options()), Err(OpenError::HeadAhead { .. })));

    // One that is behind is normal.
    fs::write(house.data().join("journal.head"), behind).unwrap();
    assert_eq!(house.open().head().seq, Seq(11));
}

#[test]
fn a_head_of_another_history_is_refused() {
    let house = House::new();
    append(&house.open(), 5);
    let other = Digest::of(b"another").to_string();
    fs::write(house.data().join("journal.head"), format!(r#"{{"seq":3,"hash":"{other}"}}"#)).unwrap();
    assert!(matches!(house.refused(), OpenError::HeadDiffers { seq: Seq(3), .. }));
    fs::write(house.data().join("journal.head"), "torn").unwrap();
    assert!(matches!(house.refused(), OpenError::HeadUnreadable { .. }));
}

#[test]
fn an_emptied_store_is_noticed() {
    let house = House::new();
    drop(house.open());
    fs::remove_dir_all(house.folder()).unwrap();
    let error = house.refused();
    assert!(matches!(error, OpenError::HeadAhead { expected: Seq(1), found: Seq(0), .. }), "{error}");
}

#[test]
fn a_missing_head_file_is_made_again_after_a_whole_check() {
    let house = House::new();
    append(&house.open(), 5);
    fs::remove_file(house.data().join("journal.head")).unwrap();
    let opened = SledJournal::open(&house.options()).unwrap();
    assert!(opened.notes.iter().any(|note| note.contains("journal.head is missing")), "{:?}", opened.notes);
    drop(opened);
    assert!(house.data().join("journal.head").exists());
}

#[test]
fn a_wrong_or_missing_key_is_refused() {
    let house = House::new();
    drop(house.open());
    let good = fs::read(house.key()).unwrap();
    assert_eq!(fs::metadata(house.key()).unwrap().permissions().mode() & 0o777, 0o600);

    fs::remove_file(house.key()).unwrap();
    assert!(matches!(house.refused(), OpenError::KeyMissing { .. }));
    assert!(!house.key().exists(), "it was made anew");
    fs::write(house.key(), [7; 32]).unwrap();
    assert!(matches!(house.refused(), OpenError::KeyWrong { .. }));
    fs::write(house.key(), "short").unwrap();
    assert!(matches!(house.refused(), OpenError::KeyInvalid { .. }));

    // The same key, raw; readable by others, which is only noted.
    fs::write(house.key(), hex::decode(good.trim_ascii()).unwrap()).unwrap();
    fs::set_permissions(house.key(), fs::Permissions::from_mode(0o644)).unwrap();
    let opened = SledJournal::open(&house.options()).unwrap();
    assert!(opened.notes.iter().any(|note| note.contains("mode 644")), "{:?}", opened.notes);
}

#[test]
fn a_key_inside_the_data_folder_is_refused() {
    let house = House::new();
    fs::create_dir_all(house.data()).unwrap();
    let link = house.root().join("link");
    std::os::unix::fs::symlink(house.data(), &link).unwrap();
    for key in [house.data().join("key"), house.folder().join("a/key"), link.join("key")] {
        let refused = SledJournal::open(&Options { key_file: key.clone(), ..house.options() });
        assert!(matches!(refused, Err(OpenError::KeyInside { .. })), "{}", key.display());
    }
    assert_eq!(fs::read_dir(house.data()).unwrap().count(), 0);
}

#[test]
fn an_append_that_was_cut_off_is_not_there() {
    let house = House::new();
    let journal = house.open();
    append(&journal, 3);
    let head = journal.head();
    drop(journal);
    // What a crash between the transactions of one append leaves: events, and no mark.
    house.tamper(|db| {
        let events = db.open_tree("events").unwrap();
        for seq in 5..=7_u64 {
            events.insert([seq.to_be_bytes().as_slice(), &[0, 0]].concat(), noise("event", 200)).unwrap();
        }
        let mut entry = b"kGatePassed\0".to_vec();
        entry.extend(5_u64.to_be_bytes());
        db.open_tree("index").unwrap().insert(entry, &[]).unwrap();
    });
    let journal = house.open();
    assert_eq!(journal.head(), head);
    append(&journal, 10);
    assert_eq!(journal.verify().unwrap().events, 14);
    let passed = EventQuery { kinds: vec!["GatePassed".to_owned()], limit: 10, ..EventQuery::default() };
    assert_eq!(journal.query(&passed).unwrap().events, []);
}

#[test]
fn a_lost_or_old_index_changes_no_answer() {
    let house = House::new();
    let journal = house.open();
    append(&journal, 30);
    let query = EventQuery { object: Some(crate::support::object(3)), limit: 100, ..EventQuery::default() };
    let answer = journal.query(&query).unwrap();
    assert!(!answer.events.is_empty());
    drop(journal);
    let lose: [fn(&sled::Db); 2] = [
        |db| db.open_tree("index").unwrap().clear().unwrap(),
        |db| drop(db.open_tree("meta").unwrap().insert("index", "another version").unwrap()),
    ];
    for lose in lose {
        house.tamper(lose);
        let opened = SledJournal::open(&house.options()).unwrap();
        assert_eq!(opened.notes, ["the index of the journal was made anew"]);
        assert_eq!(opened.journal.query(&query).unwrap(), answer);
    }
}

#[test]
fn an_unclean_stop_keeps_one_copy_until_a_clean_one() {
    let house = House::new();
    append(&house.open(), 3);
    let (marker, copy) = (house.data().join("journal.running"), house.data().join("journal.copy"));
    assert!(!marker.exists());

    fs::write(&marker, "running\n").unwrap();
    let opened = SledJournal::open(&house.options()).unwrap();
    assert!(opened.notes[0].contains("copy"), "{:?}", opened.notes);
    assert!(copy.join("db").exists());
    drop(opened);
    // A start that was itself interrupted does not replace the copy that was made before it.
    fs::write(&marker, "opening\n").unwrap();
    fs::write(copy.join("kept"), "").unwrap();
    drop(house.open());
    assert!(copy.join("kept").exists());
    drop(house.open());
    assert!(!copy.exists(), "the last stop was clean");

    fs::write(&marker, "running\n").unwrap();
    let full = Options { minimum_free: u64::MAX, ..house.options() };
    let opened = SledJournal::open(&full).unwrap();
    assert!(opened.notes[0].contains("no copy was made"), "{:?}", opened.notes);
    assert!(!copy.exists());
}

#[test]
fn a_refused_start_is_no_unclean_stop() {
    let house = House::new();
    drop(house.open());
    let key = fs::read(house.key()).unwrap();
    fs::remove_file(house.key()).unwrap();
    house.refused();
    fs::write(house.key(), key).unwrap();
    fs::set_permissions(house.key(), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(SledJournal::open(&house.options()).unwrap().notes, [""; 0]);
}

#[test]
fn verifying_makes_no_journal() {
    let house = House::new();
    assert!(matches!(verify_folder(&house.options()), Err(OpenError::Absent { .. })));
    assert!(!house.data().exists());
}

#[test]
fn an_old_writer_is_fenced_after_a_restart() {
    let house = House::new();
    let journal = house.open();
    let old = journal.head();
    append(&journal, 2);
    drop(journal);
    let refused = house.open().append(envelopes(&old, 1, applied), Vec::new());
    assert!(matches!(refused, Err(JournalError::Fenced { .. })));
}

fn copy(from: &House, to: &House, file: &str) {
    let target = to.root().join(file);
    fs::create_dir_all(target.parent().unwrap()).unwrap();
    fs::copy(from.root().join(file), target).unwrap();
}

fn copy_folder(from: &House, to: &House) {
    fs::create_dir_all(to.folder().join("blobs")).unwrap();
    for entry in fs::read_dir(from.folder()).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.folder().join(entry.file_name())).unwrap();
        }
    }
}
