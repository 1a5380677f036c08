//! Which revisions are taken when every commit must be signed.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::HashAlg;
use russh::keys::ssh_key::{LineEnding, SshSig};
use taffrail_model::configuration::Verify;
use taffrail_model::{CommitId, Reference, Refusal};
use taffrail_ports::repositories::{Fetched, Observation, RepositoryError};

use crate::ssh_server::key;
use crate::support::{World, run};

const ADA: u8 = 11;
const MALLORY: u8 = 12;

/// A world where only Ada may sign, with one commit by her.
fn guarded() -> World {
    let mut world = World::new();
    allow(&world, &format!("ada@example.org namespaces=\"git\" {}", public(ADA)));
    world.repository.verify =
        Some(Verify { allowed_signers: Some(world.folder.path().join("allowed")), pgp_keys: None });
    sign(&world, ADA);
    world
}

fn public(seed: u8) -> String {
    key(seed).public_key().to_openssh().unwrap()
}

fn allow(world: &World, lines: &str) {
    fs::write(world.folder.path().join("allowed"), lines).unwrap();
}

fn armor(seed: u8, payload: &str) -> String {
    let signature = SshSig::sign(&key(seed), "git", HashAlg::Sha512, payload.as_bytes()).unwrap();
    signature.to_pem(LineEnding::LF).unwrap().trim_end().to_owned()
}

/// Signs the head anew; `change` is done to the commit after it was signed.
fn sign_and(world: &World, seed: u8, change: impl Fn(String) -> String) -> CommitId {
    let raw = world.git(&["cat-file", "commit", "HEAD"]) + "\n";
    let (headers, message) = raw.split_once("\n\n").unwrap();
    let signature = armor(seed, &raw).replace('\n', "\n ");
    let signed = change(format!("{headers}\ngpgsig {signature}\n\n{message}"));
    let id = run(&world.work(), &["hash-object", "-t", "commit", "-w", "--stdin"], signed.as_bytes());
    world.git(&["reset", "--quiet", "--hard", &id]);
    id.parse().unwrap()
}

fn sign(world: &World, seed: u8) -> CommitId {
    sign_and(world, seed, |signed| signed)
}

/// A commit by Ada that she signed.
fn commit(world: &World, message: &str) -> CommitId {
    world.commit(message);
    sign(world, ADA)
}

fn taken(world: &World, known: Option<&CommitId>) -> Observation {
    match world.look(known, None).unwrap() {
        Fetched::Taken(observation) => observation,
        Fetched::Refused(refusal) => panic!("{refusal:?}"),
    }
}

fn refused(world: &World, known: Option<&CommitId>) -> Refusal {
    match world.look(known, None).unwrap() {
        Fetched::Taken(observation) => panic!("it is taken: {observation:?}"),
        Fetched::Refused(refusal) => refusal,
    }
}

#[test]
fn what_is_signed_well_is_taken() {
    let world = guarded();
    let first = taken(&world, None).revision;
    let (_, head) = (commit(&world, "Second"), commit(&world, "Third"));
    let seen = taken(&world, Some(&first));
    assert_eq!((seen.revision, seen.count), (head, 2));
}

#[test]
fn an_unsigned_commit_in_the_middle_refuses_what_comes_after_it() {
    let world = guarded();
    let first = taken(&world, None).revision;
    commit(&world, "Second");
    let bad = world.commit("Unsigned");
    world.commit("Unsigned as well");
    sign(&world, ADA);
    let head = commit(&world, "Fourth");
    let refusal = refused(&world, Some(&first));
    assert_eq!((refusal.revision, &refusal.commit.id), (head, &bad));
    assert_eq!((refusal.commit.subject.as_str(), refusal.reason.as_str()), ("Unsigned", "it is not signed"));
    assert_eq!(refusal.commit.author, "Ada <ada@example.org>");
}

#[test]
fn the_first_revision_is_judged_by_its_head_alone() {
    let world = guarded();
    world.commit("Unsigned");
    let head = commit(&world, "Signed");
    assert_eq!(taken(&world, None).revision, head);
    let unsigned = world.commit("Unsigned head");
    assert_eq!(refused(&world, None).commit.id, unsigned);
}

#[test]
fn a_signature_of_somebody_else_refuses() {
    let world = guarded();
    let first = taken(&world, None).revision;
    world.commit("By Mallory");
    sign(&world, MALLORY);
    let reason = refused(&world, Some(&first)).reason;
    let fingerprint = key(MALLORY).public_key().fingerprint(HashAlg::Sha256).to_string();
    assert!(reason.contains(&fingerprint) && reason.contains("of no allowed signer"), "{reason}");
    allow(&world, &format!("a {}\nm {}", public(ADA), public(MALLORY)));
    assert_eq!(taken(&world, Some(&first)).count, 1, "the file is read again at every poll");
}

#[test]
fn a_commit_that_was_changed_after_it_was_signed_refuses() {
    let world = guarded();
    let first = taken(&world, None).revision;
    for (change, with) in [("Harmless", "Harmful"), ("author Ada", "author Eve"), ("gpgsig", "encoding x\ngpgsig")] {
        world.git(&["reset", "--quiet", "--hard", first.as_str()]);
        world.write("a", change);
        world.commit("Harmless");
        let bad = sign_and(&world, ADA, |signed| signed.replacen(change, with, 1));
        let refusal = refused(&world, Some(&first));
        assert!(refusal.commit.id == bad && refusal.reason.contains("is not good"), "{change}: {}", refusal.reason);
    }
}

#[test]
fn a_key_that_is_not_valid_any_more_refuses() {
    let world = guarded();
    let first = taken(&world, None).revision;
    commit(&world, "Second");
    let yesterday = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed() - 86_400;
    let date = jiff::Timestamp::from_second(yesterday).unwrap().strftime("%Y%m%d").to_string();
    allow(&world, &format!("ada valid-before=\"{date}\" {}", public(ADA)));
    let reason = refused(&world, Some(&first)).reason;
    assert!(reason.contains("of ada is not valid any more"), "{reason}");
    allow(&world, &format!("ada valid-after=\"{date}\" {}", public(ADA)));
    taken(&world, Some(&first));
}

#[test]
fn a_merge_of_an_unsigned_branch_refuses() {
    let world = guarded();
    let first = taken(&world, None).revision;
    world.git(&["checkout", "--quiet", "-b", "feature"]);
    world.write("b", "new");
    let bad = world.commit("Unsigned on a branch");
    world.git(&["checkout", "--quiet", "main"]);
    commit(&world, "On main");
    world.git(&["merge", "--quiet", "--no-ff", "--message", "Merge", "feature"]);
    sign(&world, ADA);
    assert_eq!(refused(&world, Some(&first)).commit.id, bad);

    world.git(&["reset", "--quiet", "--hard", first.as_str()]);
    world.git(&["checkout", "--quiet", "-B", "feature"]);
    world.write("b", "new");
    commit(&world, "Signed on a branch");
    world.git(&["checkout", "--quiet", "main"]);
    world.git(&["merge", "--quiet", "--no-ff", "--message", "Merge", "feature"]);
    let merge = world.head();
    assert_eq!(refused(&world, Some(&first)).commit.id, merge, "the merge itself is signed by nobody");
    let merge = sign(&world, ADA);
    assert_eq!(taken(&world, Some(&first)).revision, merge);
}

#[test]
fn a_force_push_to_what_is_not_signed_refuses_and_one_back_is_taken() {
    let world = guarded();
    let first = taken(&world, None).revision;
    let second = commit(&world, "Second");
    assert_eq!(taken(&world, Some(&first)).revision, second);
    world.git(&["reset", "--quiet", "--hard", first.as_str()]);
    let bad = world.commit("Instead");
    assert_eq!(refused(&world, Some(&second)).commit.id, bad);
    world.git(&["reset", "--quiet", "--hard", second.as_str()]);
    assert_eq!(taken(&world, Some(&second)).count, 0);
    world.assert_reads(&second, "a", "one");
}

#[test]
fn what_is_accepted_already_is_not_looked_at_again() {
    let world = guarded();
    let unsigned = world.commit("From before anybody had to sign");
    assert_eq!(taken(&world, Some(&unsigned)).revision, unsigned);
    let head = commit(&world, "Signed");
    assert_eq!(taken(&world, Some(&unsigned)).revision, head);
}

#[test]
fn a_tag_is_signed_for_itself_and_so_are_its_commits() {
    let mut world = guarded();
    world.repository.reference = Reference::Tag("v*".parse().unwrap());
    let first = world.head();
    world.git(&["tag", "v1"]);
    assert_eq!(taken(&world, None).tag.as_deref(), Some("v1"), "a tag without a message has nothing to sign");

    let tag = |name: &str, inner: &str, seed: Option<u8>| {
        let head = world.git(&["rev-parse", "HEAD"]);
        let raw = format!(
            "object {head}\ntype commit\ntag {inner}\ntagger Ada <ada@example.org> 1767225600 +0000\n\nA release\n"
        );
        let signature = seed.map_or_else(String::new, |seed| armor(seed, &raw) + "\n");
        let id = run(&world.work(), &["hash-object", "-t", "tag", "-w", "--stdin"], (raw + &signature).as_bytes());
        world.git(&["update-ref", &format!("refs/tags/{name}"), &id]);
    };
    commit(&world, "Second");
    tag("v2", "v2", Some(ADA));
    assert_eq!(taken(&world, Some(&first)).tag.as_deref(), Some("v2"));

    for (inner, seed, expected) in [
        ("v3", None, "the tag \"v3\": it is not signed"),
        ("v3", Some(MALLORY), "of no allowed signer"),
        ("v2", Some(ADA), "made and signed under another name"),
    ] {
        tag("v3", inner, seed);
        let refusal = refused(&world, Some(&first));
        assert!(refusal.reason.contains(expected) && refusal.tag.as_deref() == Some("v3"), "{}", refusal.reason);
    }
    let bad = world.commit("Unsigned");
    tag("v3", "v3", Some(ADA));
    let refusal = refused(&world, Some(&first));
    assert_eq!((&refusal.commit.id, refusal.reason.as_str()), (&bad, "it is not signed"));
}

#[test]
fn a_commit_signed_with_pgp_is_taken() {
    let mut world = guarded();
    let keys = world.folder.path().join("keys.asc");
    fs::write(&keys, include_str!("../fixtures/pgp/keys.asc")).unwrap();
    run(&world.work(), &["hash-object", "-t", "tree", "-w", "--stdin"], b"");
    let raw = include_str!("../fixtures/pgp/commit");
    let write = |raw: &str| {
        let id = run(&world.work(), &["hash-object", "-t", "commit", "-w", "--stdin"], raw.as_bytes());
        world.git(&["update-ref", "refs/heads/main", &id]);
    };
    write(raw);
    let reason = refused(&world, None).reason;
    assert_eq!(reason, "it is signed with PGP, and there are no `pgpKeys`");
    world.repository.verify.as_mut().unwrap().pgp_keys = Some(keys);
    taken(&world, None);
    let write = |raw: &str| {
        let id = run(&world.work(), &["hash-object", "-t", "commit", "-w", "--stdin"], raw.as_bytes());
        world.git(&["update-ref", "refs/heads/main", &id]);
    };
    write(&raw.replace("Signed with PGP", "Changed"));
    let reason = refused(&world, None).reason;
    assert!(reason.contains("is not good"), "{reason}");
}

#[test]
fn files_that_cannot_be_used_take_nothing_and_are_named() {
    let mut world = guarded();
    allow(&world, "ada");
    let error = world.look(None, None).unwrap_err();
    assert!(matches!(&error, RepositoryError::File { .. }), "{error}");
    assert!(error.to_string().ends_with("/allowed: line 1: it has no key that can be read"), "{error}");
    world.repository.verify = Some(Verify { allowed_signers: None, pgp_keys: Some("/nowhere/keys".into()) });
    assert!(world.look(None, None).unwrap_err().to_string().starts_with("cannot read /nowhere/keys: "));
}
