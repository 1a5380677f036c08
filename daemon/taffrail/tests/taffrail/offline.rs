//! `verify --data`: a journal on disk, free and in use.

use std::path::Path;

use taffrail::configuration::{default_key_file, journal_folder};
use taffrail_journal::{Options, SledJournal};

use crate::program::{Ran, run};

fn verify(data: &Path) -> Ran {
    run(&["verify", "--data", data.to_str().unwrap()])
}

#[test]
fn a_journal_that_is_free_is_checked_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let options = Options { minimum_free: 0, ..Options::new(journal_folder(&data), default_key_file(&data)) };

    let journal = SledJournal::open(&options).unwrap();
    let ran = verify(&data);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("is open in a running daemon\nhint: verify through that daemon"), "{}", ran.err);

    drop(journal);
    // A process that another test is just starting has a copy of every open file, the lock's too, until it is the new
    // program.
    let mut tries = (0..100).map(|_| verify(&data));
    let ran = tries.find(|ran| !ran.err.contains("is open in a running daemon")).expect("the lock was given back");
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("the log is intact up to event 1, whose hash is "), "{}", ran.out);

    let elsewhere = folder.path().join("elsewhere");
    std::fs::rename(default_key_file(&data), &elsewhere).unwrap();
    let ran = verify(&data);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("\nhint: --key-file names the key"), "{}", ran.err);
    let ran = run(&["verify", "--data", data.to_str().unwrap(), "--key-file", elsewhere.to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
}

#[test]
fn a_folder_without_a_journal_is_a_mistake_of_the_caller() {
    let folder = tempfile::tempdir().unwrap();
    let ran = verify(folder.path());
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.starts_with("error: there is no journal at "), "{}", ran.err);
}
