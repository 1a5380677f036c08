//! `export` and `import`, and what a start says of a journal whose key is not there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use taffrail::configuration::{default_key_file, journal_folder};
use taffrail_journal::{OpenError, Options, SledJournal};
use taffrail_model::Digest;
use taffrail_ports::journal::Journal;

use crate::daemon::{Answer, Daemon};
use crate::program::{Ran, command, run};

/// A data folder with a journal, and room beside it.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { root: tempfile::tempdir().unwrap() };
        drop(place.open());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn data(&self) -> PathBuf {
        self.path("data")
    }

    fn options(&self) -> Options {
        Options { minimum_free: 0, ..Options::new(journal_folder(&self.data()), default_key_file(&self.data())) }
    }

    fn open(&self) -> SledJournal {
        // As in `offline`: a process that another test is just starting has a copy of the lock's file.
        let mut tries = (0..100).map(|_| SledJournal::open(&self.options()));
        let opened = tries.find(|opened| !matches!(opened, Err(OpenError::Locked { .. })));
        opened.expect("the lock was given back").unwrap().journal
    }

    fn export(&self, to: &Path, more: &[&str]) -> Ran {
        let data = self.data();
        let arguments = ["export", "--data", data.to_str().unwrap(), "--to", to.to_str().unwrap()];
        // As in `open`.
        let mut tries = (0..100).map(|_| run(&[&arguments, more].concat()));
        tries.find(|ran| !ran.err.contains("Connection refused")).expect("the lock was given back")
    }

    /// The same key under another name.
    fn key(&self) -> PathBuf {
        default_key_file(&self.data())
    }
}

fn import(export: &Path, data: &Path, key: &Path) -> Ran {
    let [export, data, key] = [export, data, key].map(|path| path.to_str().unwrap());
    run(&["import", export, "--data", data, "--key-file", key])
}

#[test]
fn an_export_becomes_a_journal_of_the_next_epoch() {
    let place = Place::new();
    let (file, data) = (place.path("export"), place.path("restored"));
    let ran = place.export(&file, &[]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("the journal up to event 1, whose hash is "), "{}", ran.out);
    assert!(ran.out.ends_with(&format!(", with 0 documents, is in {}\n", file.display())), "{}", ran.out);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let ran = import(&file, &data, &place.key());
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.ends_with(&format!("is restored in {}; epoch 2 begins\n", data.display())), "{}", ran.out);
    assert!(ran.err.contains("every application is paused") && ran.err.contains("`taffrail adopt APP`"), "{}", ran.err);
    let [data, key] = [&data, &place.key()].map(|path| path.to_str().unwrap().to_owned());
    let ran = run(&["verify", "--data", &data, "--key-file", &key]);
    assert!(ran.out.starts_with("the log is intact up to event 2, "), "{}{}", ran.out, ran.err);
}

#[test]
fn an_export_goes_through_a_pipe() {
    let place = Place::new();
    let (file, data, key) = (place.path("export"), place.data(), place.key());
    place.export(&file, &[]);
    let piped = command(&["export", "--data", data.to_str().unwrap(), "--to", "-"]).output().unwrap();
    assert_eq!(piped.stdout, fs::read(&file).unwrap());

    let restored = place.path("restored");
    let arguments = ["import", "-", "--data", restored.to_str().unwrap(), "--key-file", key.to_str().unwrap()];
    let input = Stdio::from(fs::File::open(&file).unwrap());
    let output = command(&arguments).stdin(input).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(restored.join("journal/db").exists());
}

#[test]
fn a_folder_in_use_is_exported_by_its_daemon() {
    let place = Place::new();
    let (whole, file) = (place.path("whole"), place.path("export"));
    place.export(&whole, &[]);
    let bytes = fs::read(&whole).unwrap();
    let journal = place.open();
    let hash = journal.head().hash;
    let event = |hash: Digest| Answer::Whole(200, String::new(), format!(r#"{{"hash":"{hash}"}}"#).into_bytes());

    let daemon = Daemon::new(vec![event(hash), Answer::Whole(200, String::new(), bytes.clone())]);
    let ran = place.export(&file, &["--server", &daemon.url, "--at", "1"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(fs::read(&file).unwrap(), bytes);
    let asked: Vec<_> = daemon.requests.iter().take(2).map(|request| request.target).collect();
    assert_eq!(asked, ["/events/1", "/export?at=1"]);

    // What is there stays when there is nothing whole to take its place.
    let cut = bytes[..bytes.len() - 1].to_vec();
    for (answers, says) in [
        (vec![event(Digest::of(b"another"))], "the daemon that was asked keeps another journal"),
        (vec![event(hash), Answer::Cut(String::new(), bytes.clone())], " was cut off: "),
        (vec![event(hash), Answer::Whole(200, String::new(), cut)], "the export is damaged or was cut off: "),
        (vec![event(hash), Answer::Whole(503, String::new(), b"busy".to_vec())], "status 503: busy"),
    ] {
        let daemon = Daemon::new(answers);
        let ran = place.export(&file, &["--server", &daemon.url]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{says}");
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
        assert_eq!(fs::read(&file).unwrap(), bytes);
        assert!(!place.path("export.new").exists());
    }
}

#[test]
fn the_daemon_is_found_by_its_configuration() {
    let place = Place::new();
    let hash = place.open().head().hash;
    let file = place.path("export");
    place.export(&file, &[]);
    let bytes = fs::read(&file).unwrap();
    let event = format!(r#"{{"hash":"{hash}"}}"#).into_bytes();
    let daemon =
        Daemon::new(vec![Answer::Whole(200, String::new(), event), Answer::Whole(200, String::new(), bytes.clone())]);
    let port = daemon.url.rsplit_once(':').unwrap().1;
    let configuration = place.path("taffrail.yaml");
    fs::write(&configuration, format!("data: data\nlisten: 127.0.0.1:{port}\n")).unwrap();
    let _journal = place.open();
    let ran =
        run(&["export", "--config", configuration.to_str().unwrap(), "--to", place.path("again").to_str().unwrap()]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(fs::read(place.path("again")).unwrap(), bytes);
}

#[test]
fn mistakes_are_named() {
    let place = Place::new();
    let (file, restored) = (place.path("export"), place.path("restored"));
    let ran = place.export(&file, &["--at", "9"]);
    assert_eq!((ran.code, ran.err.as_str()), (2, "error: there is no event 9: the newest is 1\n"));
    assert!(!file.exists() && !place.path("export.new").exists());
    place.export(&file, &[]);

    let ran = import(&file, &place.data(), &place.key());
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains(" is not empty: it holds ") && ran.err.contains("hint: move what is there"),
        "{}",
        ran.err
    );

    let other = Place::new();
    for key in [other.key(), place.path("nowhere")] {
        let ran = import(&file, &restored, &key);
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("\nhint: --key-file names the key that the exported journal had"), "{}", ran.err);
    }
    let bytes = fs::read(&file).unwrap();
    fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let ran = import(&file, &restored, &place.key());
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: the export is damaged or was cut off: "), "{}", ran.err);
    assert!(!restored.join("journal").exists());
    assert_eq!(import(&place.path("nowhere"), &restored, &place.key()).code, 2);
}

#[test]
fn a_daemon_does_not_start_on_a_journal_without_its_key() {
    let place = Place::new();
    let configuration = place.path("taffrail.yaml");
    fs::write(&configuration, "data: data\nlisten: 127.0.0.1:0\n").unwrap();
    let start = || run(&["run", "--config", configuration.to_str().unwrap()]);
    let (key, kept) = (place.key(), place.path("kept"));
    fs::rename(&key, &kept).unwrap();
    let ran = start();
    assert_eq!(ran.code, 1);
    let says =
        format!("the key of the Secrets at {} is missing, and the journal is not empty: put the key", key.display());
    assert!(ran.err.contains(&says), "{}", ran.err);
    assert!(!key.exists(), "none was made");

    fs::write(&key, [7; 32]).unwrap();
    let ran = start();
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains(" is not the one that this journal was made with: put that one back"), "{}", ran.err);
    fs::rename(&kept, &key).unwrap();
    assert_eq!(place.open().head().seq.0, 1, "nothing was recorded");
}
