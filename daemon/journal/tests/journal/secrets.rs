//! A Secret's value is in no file of the data folder, and its name cannot be guessed at.

use std::fs;
use std::path::Path;

use taffrail_model::Digest;
use taffrail_ports::journal::Journal;

use crate::support::{House, append, document};

const CANARY: &[u8] = b"canary-3f9a-the-password-of-production";

#[test]
fn a_secret_is_nowhere_in_the_files() {
    let house = House::new();
    let journal = house.open();
    let secret = document(&journal, CANARY, true);
    journal.put(vec![secret.clone()]).unwrap();
    append(&journal, 3);
    assert_eq!(journal.document(secret.digest).unwrap(), CANARY);
    drop(journal);
    let unkeyed = Digest::of(CANARY);
    assert_ne!(secret.digest, unkeyed);
    for trace in [CANARY, &CANARY[..12], unkeyed.as_bytes(), unkeyed.to_string().as_bytes()] {
        assert!(!holds(&house.data(), trace), "{}", String::from_utf8_lossy(trace));
    }
    let key = fs::read(house.key()).unwrap();
    assert!(!holds(&house.data(), key.trim_ascii()));
    assert!(!holds(&house.data(), &hex::decode(key.trim_ascii()).unwrap()));
}

#[test]
fn the_search_would_find_one_that_is_not_confidential() {
    let house = House::new();
    let journal = house.open();
    journal.put(vec![document(&journal, CANARY, false)]).unwrap();
    drop(journal);
    assert!(holds(&house.data(), &CANARY[..12]));
}

#[test]
fn another_installation_gives_the_same_secret_another_name() {
    let [one, other] = [House::new(), House::new()].map(|house| house.open().digest(CANARY, true));
    assert_ne!(one, other);
}

fn holds(folder: &Path, trace: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, trace);
        }
        fs::read(&path).unwrap().windows(trace.len()).any(|window| window == trace)
    })
}
