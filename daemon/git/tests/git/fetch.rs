//! What a fetch tells of a branch.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;

use taffrail_model::configuration::Credentials;
use taffrail_model::{Commit, Relation};
use taffrail_ports::repositories::{Entry, Repositories, RepositoryError};

use crate::support::{World, name, run};

#[test]
fn the_first_observation_names_the_head_only() {
    let world = World::new();
    world.write("a", "two");
    let head = world.commit("Second\n\nand why");
    let seen = world.fetch(None).unwrap();
    let commit = Commit { id: head.clone(), author: "Ada <ada@example.org>".into(), subject: "Second".into() };
    assert_eq!((seen.revision, seen.relation, seen.count), (head, Relation::First, 1));
    assert_eq!(seen.commits, [commit]);
    assert_eq!(fs::metadata(world.mirror()).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn new_commits_are_named_newest_first() {
    let world = World::new();
    let known = world.fetch(None).unwrap().revision;
    let (second, third) = (world.commit("Second"), world.commit("Third"));
    let seen = world.fetch(Some(&known)).unwrap();
    assert_eq!((seen.relation, seen.count), (Relation::Descendant, 2));
    assert_eq!(seen.commits.iter().map(|c| &c.id).collect::<Vec<_>>(), [&third, &second]);

    let seen = world.fetch(Some(&third)).unwrap();
    assert_eq!((seen.revision, seen.relation, seen.count), (third, Relation::Descendant, 0));
    assert!(seen.commits.is_empty());
}

#[test]
fn a_long_list_is_cut_and_counted() {
    let world = World::new();
    let known = world.fetch(None).unwrap().revision;
    let mut stream = String::new();
    for n in 1..=130 {
        let from = if n == 1 { "from refs/heads/main^0\n" } else { "" };
        write!(stream, "commit refs/heads/main\ncommitter A <a@b> {} +0000\ndata 1\nx\n{from}", 1_900_000_000 + n)
            .unwrap();
    }
    run(&world.work(), &["fast-import", "--quiet"], stream.as_bytes());
    let seen = world.fetch(Some(&known)).unwrap();
    assert_eq!((seen.relation, seen.count, seen.commits.len()), (Relation::Descendant, 130, 100));
    assert_eq!(seen.commits[0].id, seen.revision);
}

#[test]
fn a_force_push_is_seen_and_what_it_took_away_stays_readable() {
    let world = World::new();
    world.write("a", "bad");
    let known = world.commit("Bad");
    world.fetch(None).unwrap();
    world.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    world.write("a", "good");
    let head = world.commit("Good");
    world.git(&["reflog", "expire", "--expire=now", "--all"]);
    world.git(&["gc", "--quiet", "--prune=now"]);
    let seen = world.fetch(Some(&known)).unwrap();
    assert_eq!((&seen.revision, seen.relation, seen.count), (&head, Relation::Forced, 1));
    assert_eq!(seen.commits[0].subject, "Good");
    world.assert_reads(&known, "a", "bad");
    world.assert_reads(&head, "a", "good");

    let back = world.fetch(Some(&head)).unwrap();
    assert_eq!((back.relation, back.count), (Relation::Descendant, 0));
    let elsewhere = world.fetch(Some(&"0123456789".repeat(4).parse().unwrap())).unwrap();
    assert_eq!((elsewhere.relation, elsewhere.count), (Relation::Forced, 2));
    let sha256 = world.fetch(Some(&"01234567".repeat(8).parse().unwrap())).unwrap();
    assert_eq!(sha256.relation, Relation::Forced);
}

#[test]
fn another_url_with_another_history_is_a_force_push() {
    let mut world = World::new();
    let known = world.fetch(None).unwrap().revision;
    let other = World::new();
    other.write("b", "other");
    other.git(&["add", "b"]);
    other.git(&["commit", "--quiet", "--amend", "--message", "Another first"]);
    world.repository.url = other.repository.url.clone();
    let seen = world.fetch(Some(&known)).unwrap();
    assert_eq!((&seen.revision, seen.relation), (&other.head(), Relation::Forced));
    world.assert_reads(&seen.revision, "b", "other");
    world.assert_reads(&known, "a", "one");
}

#[test]
fn strange_words_are_told_tamely() {
    let world = World::new();
    let known = world.fetch(None).unwrap().revision;
    commit_raw(&world, b"author A\x07da <a@b> 1900000000 +0000", b"\n\x1b[2Jfix caf\xe9\nmore\n");
    world.commit(&"long ".repeat(100));
    let seen = world.fetch(Some(&known)).unwrap();
    assert_eq!(seen.count, 2);
    assert_eq!(seen.commits[0].subject.chars().count(), 199);
    assert_eq!(seen.commits[1].author, "Ada <a@b>");
    assert_eq!(seen.commits[1].subject, "[2Jfix caf\u{fffd}");
}

#[test]
fn a_malformed_commit_is_an_error_and_no_reason_to_clone_anew() {
    let world = World::new();
    let known = world.fetch(None).unwrap().revision;
    let inode = || fs::metadata(world.mirror()).unwrap().ino();
    let before = inode();
    commit_raw(&world, b"author nobody at all", b"Malformed");
    for _ in 0..2 {
        let error = world.fetch(Some(&known)).unwrap_err();
        assert!(error.to_string().contains("malformed") && error.to_string().contains("git fsck"), "{error}");
    }
    assert_eq!(inode(), before);
    world.assert_reads(&known, "a", "one");
}

fn commit_raw(world: &World, author: &[u8], message: &[u8]) {
    let (tree, parent) = (world.git(&["rev-parse", "HEAD^{tree}"]), world.head());
    let header = format!("tree {tree}\nparent {parent}\n");
    let commit = [header.as_bytes(), author, b"\ncommitter A <a@b> 1900000000 +0000\n\n", message].concat();
    let id = run(&world.work(), &["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], &commit);
    world.git(&["reset", "--quiet", "--hard", &id]);
}

#[test]
fn a_missing_branch_is_named() {
    let mut world = World::new();
    let head = world.fetch(None).unwrap().revision;
    for branch in ["gone", "a..b", "*", ""] {
        world.follow(branch);
        let error = world.fetch(Some(&head)).unwrap_err();
        assert!(matches!(&error, RepositoryError::NoReference { .. }), "{error}");
        assert!(error.to_string().ends_with(&format!("has no branch {branch:?}")), "{error}");
    }
    world.assert_reads(&head, "a", "one");
}

#[test]
fn a_repository_that_is_gone_costs_nothing_that_is_here() {
    let world = World::new();
    let head = world.fetch(None).unwrap().revision;
    fs::remove_dir_all(world.work()).unwrap();
    let error = world.fetch(Some(&head)).unwrap_err();
    assert!(matches!(error, RepositoryError::Fetch { .. }), "{error}");
    world.assert_reads(&head, "a", "one");
}

#[test]
fn a_repository_without_commits_has_no_branch() {
    let world = World::new();
    fs::remove_dir_all(world.work().join(".git")).unwrap();
    world.git(&["init", "--quiet", "--initial-branch=main"]);
    let error = world.fetch(None).unwrap_err();
    assert!(matches!(error, RepositoryError::NoReference { .. }), "{error}");
}

#[test]
fn credentials_that_cannot_be_read_are_named() {
    let mut world = World::new();
    world.repository.url = "https://127.0.0.1:1/shop.git".to_owned();
    let file = world.folder.path().join("token");
    let mut reason = |file: PathBuf| {
        world.repository.credentials = Some(Credentials::Token { token_file: file.clone() });
        match world.fetch(None).unwrap_err() {
            RepositoryError::File { path, reason } if path == file => reason,
            error => panic!("{error}"),
        }
    };
    assert!(reason(file.clone()).contains("No such file"));
    fs::write(&file, "\n").unwrap();
    assert_eq!(reason(file.clone()), "it is empty");
    fs::write(&file, "user\nsecret\n").unwrap();
    assert!(reason(file.clone()).starts_with("it has more than one line"));
    assert_eq!(reason("/dev/zero".into()), "it is not a file");
}

#[test]
fn a_url_with_a_password_is_refused_without_it() {
    let mut world = World::new();
    for url in ["https://ada:hunter2@127.0.0.1:1/shop.git?hunter2", "https://127.0.0.1:1/shop.git?token=hunter2"] {
        world.repository.url = url.to_owned();
        let error = world.fetch(None).unwrap_err();
        assert!(error.to_string().starts_with("cannot fetch https://127.0.0.1:1/shop.git: a url"), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    for url in ["ssh://git@127.0.0.1/shop.git", "http://127.0.0.1:1/shop.git", "shop.git"] {
        world.repository.url = url.to_owned();
        assert!(matches!(world.fetch(None), Err(RepositoryError::Fetch { .. })), "{url}");
    }
}

#[test]
fn many_fetches_leave_few_packs() {
    let world = World::new();
    let mut known = world.fetch(None).unwrap().revision;
    let first = known.clone();
    let open = world.mirrors.tree(&name(), &first).unwrap();
    for n in 0..60 {
        world.write("a", n.to_string());
        world.commit("Next");
        known = world.fetch(Some(&known)).unwrap().revision;
    }
    let files = fs::read_dir(world.mirror().join("objects/pack")).unwrap().count();
    assert!(files < 40, "{files}");
    assert_eq!(open.entry("a").unwrap(), Some(Entry::File(b"one".to_vec())), "opened before its pack went");
    world.assert_reads(&first, "a", "one");
    world.assert_reads(&known, "a", "59");
    run(&world.mirror(), &["fsck", "--strict"], b"");
}
