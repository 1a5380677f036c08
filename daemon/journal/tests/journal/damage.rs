//! Damage is noticed, or nothing is different.

use std::fs;
use std::panic::{self, AssertUnwindSafe};

use taffrail_journal::{OpenError, SledJournal, verify_folder};
use taffrail_model::{Digest, Event, Seq};
use taffrail_ports::journal::{EventQuery, Journal, JournalError, StoredEvent};

use crate::support::{House, append, document, noise, object};

#[test]
fn verify_names_the_event_with_a_flipped_byte() {
    let house = House::new();
    append(&house.open(), 20);
    let key = [9_u64.to_be_bytes().as_slice(), &[0, 0]].concat();
    house.tamper(|db| {
        let events = db.open_tree("events").unwrap();
        let mut value = events.get(&key).unwrap().unwrap().to_vec();
        let at = value.len() / 2;
        value[at] ^= 1;
        events.insert(&key, value).unwrap();
    });
    damaged_at(&house, 9);
}

#[test]
fn verify_names_an_event_that_was_forged_with_a_good_hash() {
    let house = House::new();
    let journal = house.open();
    append(&journal, 20);
    let stored = journal.event(Seq(9)).unwrap().unwrap().event;
    drop(journal);
    let mut forged = stored.envelope;
    forged.actor.name = "somebody else".to_owned();
    let (forged, bytes) = Event::seal(forged, stored.previous);
    house.tamper(|db| {
        let length = (32 + bytes.len() as u32).to_be_bytes();
        let value = [length.as_slice(), forged.hash.as_bytes(), &bytes].concat();
        db.open_tree("events").unwrap().insert([9_u64.to_be_bytes().as_slice(), &[0, 0]].concat(), value).unwrap();
    });
    // The forged event is whole; it is the next one that does not follow from it.
    damaged_at(&house, 10);
}

#[test]
fn verify_names_a_missing_event() {
    let house = House::new();
    append(&house.open(), 20);
    house.tamper(|db| {
        db.open_tree("events").unwrap().remove([9_u64.to_be_bytes().as_slice(), &[0, 0]].concat()).unwrap();
    });
    damaged_at(&house, 9);
}

fn damaged_at(house: &House, bad: u64) {
    let is_named =
        |error: &OpenError| matches!(error, OpenError::Journal(JournalError::Damaged { seq, .. }) if seq.0 == bad);
    let error = verify_folder(&house.options()).unwrap_err();
    assert!(is_named(&error), "{error}");
    let error = house.refused();
    assert!(is_named(&error), "{error}");
}

#[test]
fn verify_names_a_damaged_document() {
    let house = House::new();
    let journal = house.open();
    let documents = [document(&journal, &noise("a", 100_000), false), document(&journal, b"hidden", true)];
    journal.put(documents.to_vec()).unwrap();
    drop(journal);
    for document in &documents {
        let mut good = Vec::new();
        let key = [document.digest.as_bytes().as_slice(), &[0, 0]].concat();
        house.tamper(|db| {
            let stored = db.open_tree("documents").unwrap();
            good = stored.get(&key).unwrap().unwrap().to_vec();
            let mut bad = good.clone();
            *bad.last_mut().unwrap() ^= 1;
            stored.insert(&key, bad).unwrap();
        });
        match verify_folder(&house.options()) {
            Err(OpenError::Journal(JournalError::Document { digest, .. })) => assert_eq!(digest, document.digest),
            other => panic!("{other:?}"),
        }
        let journal = house.open();
        assert!(matches!(journal.verify(), Err(JournalError::Document { .. })));
        assert!(matches!(journal.document(document.digest), Err(JournalError::Document { .. })));
        drop(journal);
        house.tamper(|db| drop(db.open_tree("documents").unwrap().insert(&key, good).unwrap()));
    }
    assert_eq!(verify_folder(&house.options()).unwrap().documents, 2);
}

/// All that can be read.
#[derive(Debug, PartialEq)]
struct Everything {
    events: Vec<Event>,
    documents: Vec<Vec<u8>>,
    answers: Vec<StoredEvent>,
}

fn everything(journal: &SledJournal, documents: &[Digest]) -> Result<Everything, JournalError> {
    journal.verify()?;
    let query = EventQuery { object: Some(object(3)), limit: 1000, ..EventQuery::default() };
    Ok(Everything {
        events: journal.events(Seq(0), 10_000)?,
        documents: documents.iter().map(|digest| journal.document(*digest)).collect::<Result<_, _>>()?,
        answers: journal.query(&query)?.events,
    })
}

#[test]
fn a_flipped_byte_of_the_file_is_noticed_or_changes_nothing() {
    let house = House::new();
    let journal = house.open();
    for _ in 0..5 {
        append(&journal, 40);
    }
    let documents = [document(&journal, &noise("a", 60_000), false), document(&journal, b"hidden", true)];
    journal.put(documents.to_vec()).unwrap();
    let documents = documents.map(|document| document.digest);
    let before = everything(&journal, &documents).unwrap();
    drop(journal);
    let file = house.folder().join("db");
    let good: Vec<_> = fs::read_dir(house.folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    let head = fs::read(house.data().join("journal.head")).unwrap();
    let bytes = fs::read(&file).unwrap();
    let places = noise("places", 8 * FLIPS);
    let mut noticed = 0;
    for place in places.chunks(8) {
        let place = u64::from_be_bytes(place.try_into().unwrap()) as usize % bytes.len();
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        for entry in fs::read_dir(house.folder()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
        good.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        fs::write(&file, flipped).unwrap();
        fs::write(house.data().join("journal.head"), &head).unwrap();
        // sled panics on some damage: that is noticing it too, if not in our own words.
        let result = panic::catch_unwind(AssertUnwindSafe(|| {
            let opened = SledJournal::open(&house.options()).map_err(|e| e.to_string())?;
            everything(&opened.journal, &documents).map_err(|e| e.to_string())
        }));
        match result {
            Ok(Ok(after)) => assert_eq!(after, before, "byte {place}"),
            Ok(Err(_)) => noticed += 1,
            Err(_) => panic!("a panic got out at byte {place}"),
        }
    }
    assert!(noticed > 0, "no flip hit anything that lives");
}

const FLIPS: usize = 60;
