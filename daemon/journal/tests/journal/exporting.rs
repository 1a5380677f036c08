//! An export is the whole journal, proves itself, and becomes a journal again: in its next life, and in an empty folder.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use proptest::prelude::*;
use taffrail_journal::{
    ExportFolderError, ImportError, Imported, OpenError, Options, SledJournal, check_export, export_folder, import,
};
use taffrail_model::{Epoch, Fact, Seq, Subject};
use taffrail_ports::journal::{EventQuery, ExportError, Journal, JournalError, StoredEvent};

use crate::support::{House, append, applied, document, envelopes, noise};

/// A journal with this many events and a few documents, and its export.
fn exported(events: u64) -> (House, Vec<u8>) {
    let house = House::new();
    let journal = house.open();
    journal.put(vec![document(&journal, b"a plain one", false), document(&journal, b"a secret one", true)]).unwrap();
    append(&journal, events);
    let mut export = Vec::new();
    journal.export(None, &mut export).unwrap();
    (house, export)
}

/// An empty place with the key of `house`.
fn empty_place(house: &House) -> House {
    let place = House::new();
    fs::create_dir_all(place.key().parent().unwrap()).unwrap();
    fs::copy(house.key(), place.key()).unwrap();
    place
}

fn restore(place: &House, mut export: &[u8]) -> Result<Imported, ImportError> {
    import(&place.options(), &mut export)
}

fn refused(place: &House, export: &[u8]) -> String {
    let error = restore(place, export).expect_err("it was imported").to_string();
    assert!(!place.folder().exists(), "{error}");
    assert!(!place.data().join("journal.importing").exists(), "{error}");
    assert!(!place.data().join("journal.head").exists(), "{error}");
    error
}

fn events(journal: &SledJournal) -> Vec<StoredEvent> {
    let newest = journal.head().seq.0;
    (1..=newest).map(|seq| journal.event(Seq(seq)).unwrap().unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_imported_is_what_was_exported_and_one_event_more(
        count in 1_u64..250,
        documents in prop::collection::vec((0_usize..40_000, any::<bool>(), any::<bool>()), 0..8),
        back in 0_u64..40,
    ) {
        let house = House::new();
        let journal = house.open();
        let mut stored = Vec::new();
        for (index, (length, confidential, packs)) in documents.into_iter().enumerate() {
            let name = format!("document {index}");
            let bytes = if packs { name.repeat(length / name.len()).into_bytes() } else { noise(&name, length) };
            stored.push(document(&journal, &bytes, confidential));
        }
        journal.append(envelopes(&journal.head(), count, applied), stored.clone()).unwrap();
        let all = events(&journal);
        let at = Seq((all.len() as u64).saturating_sub(back).max(1));
        let mut export = Vec::new();
        let exported = journal.export(Some(at), &mut export).unwrap();
        let last = &all[at.0 as usize - 1].event;
        prop_assert_eq!((exported.seq, exported.hash), (at, last.hash));
        prop_assert_eq!(&check_export(&mut export.as_slice()).unwrap(), &exported);

        let place = empty_place(&house);
        let imported = restore(&place, &export).unwrap();
        prop_assert_eq!((&imported.exported, imported.from, imported.epoch), (&exported, Epoch(1), Epoch(2)));
        let opened = SledJournal::open(&place.options()).unwrap();
        prop_assert_eq!(&opened.notes, &[""; 0], "the index, the head and the stop are in order");
        let restored = opened.journal;
        let (mut now, mut then) = (events(&restored), all.clone());
        then.truncate(at.0 as usize);
        let news = now.pop().unwrap().event.envelope;
        prop_assert_eq!(now, then);
        prop_assert_eq!(news.id, format!("2-{}", at.next()));
        prop_assert_eq!(news.subject, Subject::System);
        prop_assert_eq!(news.fact, Fact::JournalRestored { from_epoch: Epoch(1), at_seq: at, head: last.hash });
        prop_assert!(news.time >= last.envelope.time);

        for document in &stored {
            prop_assert_eq!(&restored.document(document.digest).unwrap(), &document.bytes);
        }
        prop_assert_eq!(restored.installation(), journal.installation());
        prop_assert_eq!(restored.head().epoch, Epoch(2));
        prop_assert_eq!(restored.verify().unwrap().events, at.0 + 1);
        let query = EventQuery { object: Some(crate::support::object(3)), before: Some(at.next()), limit: 1000, ..EventQuery::default() };
        prop_assert_eq!(restored.query(&query).unwrap(), journal.query(&query).unwrap());
        append(&restored, 3);
        drop(restored);
        place.open().verify().unwrap();
    }
}

#[test]
fn every_flipped_cut_or_added_byte_is_refused() {
    let (house, export) = exported(12);
    check_export(&mut export.as_slice()).unwrap();
    for at in 0..export.len() {
        for bit in 0..8 {
            let mut changed = export.clone();
            changed[at] ^= 1 << bit;
            assert!(check_export(&mut changed.as_slice()).is_err(), "bit {bit} of byte {at} of {}", export.len());
        }
        assert!(check_export(&mut &export[..at]).is_err(), "cut at byte {at} of {}", export.len());
    }
    for more in [b"\0".as_slice(), b"more", &export] {
        assert!(check_export(&mut [&export, more].concat().as_slice()).is_err());
    }

    // What is refused leaves nothing that a daemon would open.
    let place = empty_place(&house);
    for at in [0, 20, 40, export.len() / 2, export.len() - 41, export.len() - 1] {
        let mut changed = export.clone();
        changed[at] ^= 0x10;
        assert!(refused(&place, &changed).starts_with("the export is damaged or was cut off: "));
        refused(&place, &export[..at]);
    }
    assert_eq!(restore(&place, &export).unwrap().exported.seq, Seq(13));
}

#[test]
fn a_form_of_the_future_is_named_as_such() {
    let (house, mut export) = exported(1);
    let place = export.windows(2).position(|two| two == b"1\n").unwrap();
    export[place] = b'2';
    let error = refused(&empty_place(&house), &export);
    assert!(error.contains("a form that this version does not know"), "{error}");
    let error = refused(&empty_place(&house), b"{\"seq\":1}\n".repeat(9).as_slice());
    assert!(error.contains("does not start as an export does"), "{error}");
}

#[test]
fn another_key_or_none_is_refused() {
    let (house, export) = exported(3);
    let place = empty_place(&house);
    fs::write(place.key(), [7; 32]).unwrap();
    let error = restore(&place, &export).unwrap_err();
    assert!(matches!(error, ImportError::Open(OpenError::KeyWrong { .. })), "{error}");
    refused(&place, &export);
    fs::remove_file(place.key()).unwrap();
    let error = restore(&place, &export).unwrap_err();
    assert!(matches!(error, ImportError::Open(OpenError::KeyMissing { .. })), "{error}");
    refused(&place, &export);
    assert!(!place.key().exists(), "none was made");
    let inside = Options { key_file: place.data().join("key"), ..place.options() };
    let error = import(&inside, &mut export.as_slice()).unwrap_err();
    assert!(matches!(error, ImportError::Open(OpenError::KeyInside { .. })), "{error}");
}

#[test]
fn only_an_empty_folder_is_filled() {
    let (house, export) = exported(3);
    let before = house.open().head();
    let error = restore(&house, &export).unwrap_err();
    assert!(matches!(&error, ImportError::NotEmpty { folder, .. } if *folder == house.data()), "{error}");
    assert_eq!(house.open().head(), before);

    let place = empty_place(&house);
    fs::create_dir_all(place.data().join("repositories")).unwrap();
    let error = restore(&place, &export).unwrap_err().to_string();
    assert!(error.contains("it holds repositories"), "{error}");
    assert_eq!(fs::read_dir(place.data()).unwrap().count(), 1, "nothing was added");
    fs::remove_dir(place.data().join("repositories")).unwrap();

    // What an import that was killed leaves, and what a new file system has, is no journal.
    fs::create_dir(place.data().join("lost+found")).unwrap();
    fs::create_dir_all(place.data().join("journal.importing/blobs")).unwrap();
    fs::write(place.data().join("journal.importing/db"), noise("half", 5000)).unwrap();
    restore(&place, &export).unwrap();
    assert_eq!(place.open().verify().unwrap().events, 5);
    assert!(!place.data().join("journal.importing").exists());
}

#[test]
fn a_full_disk_is_refused() {
    let (house, export) = exported(3);
    let place = empty_place(&house);
    let full = Options { minimum_free: u64::MAX, ..place.options() };
    let error = import(&full, &mut export.as_slice()).unwrap_err();
    assert!(matches!(error, ImportError::Open(OpenError::Journal(JournalError::NoSpace { .. }))), "{error}");
    restore(&place, &export).unwrap();
}

#[test]
fn an_event_that_there_is_not_cannot_be_the_last() {
    let house = House::new();
    let journal = house.open();
    append(&journal, 3);
    for at in [0, 5] {
        let error = journal.export(Some(Seq(at)), &mut io::sink()).unwrap_err();
        assert!(matches!(error, ExportError::NoSuchEvent { head: Seq(4), .. }), "{error}");
    }
}

#[test]
fn a_folder_that_no_daemon_has_open_is_exported_as_it_is() {
    let (house, online) = exported(7);
    let mut offline = Vec::new();
    let exported = export_folder(&house.options(), None, &mut offline).unwrap();
    assert_eq!((exported.seq, exported.documents), (Seq(8), 2));
    assert_eq!(offline, online);
    let _journal = house.open();
    let error = export_folder(&house.options(), None, &mut io::sink()).unwrap_err();
    assert!(matches!(error, ExportFolderError::Open(OpenError::Locked { .. })), "{error}");
}

#[test]
fn appends_go_on_meanwhile_and_are_left_to_the_next_export() {
    /// Appends whenever some of the export is taken.
    struct Taking<'a>(&'a SledJournal, Vec<u8>);
    impl Write for Taking<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            append(self.0, 1);
            self.0
                .put(vec![document(self.0, &noise(&self.1.len().to_string(), 100), false)])
                .map_err(io::Error::other)?;
            self.1.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let house = House::new();
    let journal = house.open();
    journal.put(vec![document(&journal, &noise("large", 2 << 20), false)]).unwrap();
    append(&journal, 30);
    let mut taking = Taking(&journal, Vec::new());
    let exported = journal.export(None, &mut taking).unwrap();
    let export = taking.1;
    assert_eq!(exported.seq, Seq(31));
    assert!(journal.head().seq > Seq(35));
    let place = empty_place(&house);
    assert_eq!(restore(&place, &export).unwrap().exported, exported);
    assert_eq!(place.open().verify().unwrap().events, 32);
}

#[test]
fn whoever_stops_taking_ends_the_export() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let house = House::new();
    let error = house.open().export(None, &mut Full).unwrap_err();
    assert!(matches!(error, ExportError::Write(_)), "{error}");
}

#[test]
fn a_journal_that_was_restored_twice_is_in_its_third_life() {
    let (house, export) = exported(3);
    let second = empty_place(&house);
    restore(&second, &export).unwrap();
    let mut again = Vec::new();
    export_folder(&second.options(), None, &mut again).unwrap();
    let third = empty_place(&house);
    let imported = restore(&third, &again).unwrap();
    assert_eq!((imported.from, imported.epoch), (Epoch(2), Epoch(3)));
    let journal = third.open();
    assert_eq!(journal.head().epoch, Epoch(3));
    let kinds: Vec<_> = events(&journal).iter().map(|event| event.event.envelope.id.clone()).collect();
    assert_eq!(kinds, ["1-1", "1-2", "1-3", "1-4", "2-5", "3-6"]);
}

#[test]
fn a_damaged_journal_gives_no_export() {
    let house = House::new();
    let journal = house.open();
    journal.put(vec![document(&journal, b"a plain one", false)]).unwrap();
    append(&journal, 3);
    drop(journal);
    house.tamper(|db| {
        let documents = db.open_tree("documents").unwrap();
        let (key, mut value) = documents.first().unwrap().unwrap();
        let last = value.len() - 1;
        value[last] ^= 1;
        documents.insert(key, value).unwrap();
    });
    let error = export_folder(&house.options(), None, &mut io::sink()).unwrap_err();
    assert!(matches!(error, ExportFolderError::Export(ExportError::Journal(JournalError::Document { .. }))), "{error}");
}

const CANARY: &[u8] = b"canary-7c01-the-password-of-production";

/// What `zstd -d` shows of it.
fn unpacked(export: &[u8]) -> Vec<u8> {
    zstd::stream::decode_all(export).unwrap()
}

fn holds(bytes: &[u8], trace: &[u8]) -> bool {
    bytes.windows(trace.len()).any(|window| window == trace)
}

#[test]
fn a_secret_and_the_key_are_nowhere_in_an_export() {
    let house = House::new();
    let journal = house.open();
    let secret = document(&journal, CANARY, true);
    journal.put(vec![secret.clone()]).unwrap();
    let mut export = Vec::new();
    let exported = journal.export(None, &mut export).unwrap();
    assert_eq!(exported.documents, 1);
    let key = fs::read(house.key()).unwrap();
    let raw = hex::decode(key.trim_ascii()).unwrap();
    for bytes in [&export, &unpacked(&export)] {
        for trace in [CANARY, &CANARY[..12], key.trim_ascii(), &raw] {
            assert!(!holds(bytes, trace), "{}", String::from_utf8_lossy(trace));
        }
    }
    assert!(holds(&unpacked(&export), format!("document {} ", secret.digest).as_bytes()));
    let place = empty_place(&house);
    restore(&place, &export).unwrap();
    assert_eq!(place.open().document(secret.digest).unwrap(), CANARY);
    assert!(!files(&place.data()).iter().any(|bytes| holds(bytes, &CANARY[..12])));
}

#[test]
fn the_search_would_find_one_that_is_not_confidential() {
    let house = House::new();
    let journal = house.open();
    journal.put(vec![document(&journal, CANARY, false)]).unwrap();
    let mut export = Vec::new();
    journal.export(None, &mut export).unwrap();
    assert!(holds(&unpacked(&export), &CANARY[..12]));
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { contents.extend(files(&path)) } else { contents.push(fs::read(&path).unwrap()) }
    }
    contents
}
