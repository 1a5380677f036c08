//! Fetching over HTTPS from the test Git server.

use std::fs;
use std::time::{Duration, Instant};

use taffrail_model::Relation;
use taffrail_model::configuration::Credentials;
use taffrail_ports::repositories::RepositoryError;

use crate::server::Server;
use crate::support::{World, run};

pub const PASSWORD: &str = "correct-horse-battery";

#[test]
fn commits_come_over_https() {
    let (world, _server) = serve(&[]);
    let first = world.fetch(None).unwrap().revision;
    world.assert_reads(&first, "a", "one");
    world.write("a", "two");
    world.commit("Second");
    push(&world, &["main"]);
    let seen = world.fetch(Some(&first)).unwrap();
    assert_eq!((&seen.revision, seen.relation, seen.count), (&world.head(), Relation::Descendant, 1));
    world.assert_reads(&seen.revision, "a", "two");
    assert_eq!(world.fetch(Some(&seen.revision)).unwrap().count, 0);

    world.git(&["reset", "--quiet", "--hard", "HEAD^"]);
    world.commit("Other");
    push(&world, &["--force", "main"]);
    assert_eq!(world.fetch(Some(&seen.revision)).unwrap().relation, Relation::Forced);
    world.assert_reads(&seen.revision, "a", "two");
}

#[test]
fn only_what_is_new_is_sent() {
    let (world, server) = serve(&[]);
    let mut noise = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        noise.to_be_bytes()[0]
    })
    .take(1 << 20)
    .collect();
    world.write("noise", noise);
    world.commit("Noise");
    push(&world, &["main"]);
    let known = world.fetch(None).unwrap().revision;
    world.commit("Second");
    push(&world, &["main"]);
    world.fetch(Some(&known)).unwrap();
    let packs =
        fs::read_dir(world.mirror().join("objects/pack")).unwrap().map(|e| e.unwrap().metadata().unwrap().len());
    assert!(packs.sum::<u64>() < 3 << 19, "the noise was sent twice");
    assert!(server.log.try_iter().count() > 0);
}

#[test]
fn only_the_branch_is_sent() {
    let (mut world, _server) = serve(&[]);
    world.git(&["checkout", "--quiet", "-b", "other"]);
    let other = world.commit("Other");
    world.git(&["tag", "v1"]);
    push(&world, &["--tags", "other"]);
    world.fetch(None).unwrap();
    assert!(world.entry(&other, "a").unwrap_err().to_string().contains("is not in it"));
    let references = run(&world.mirror(), &["for-each-ref", "--format=%(refname)"], b"");
    assert_eq!(references, "refs/taffrail/fetched\nrefs/taffrail/head");

    world.follow("other");
    assert_eq!(world.fetch(None).unwrap().revision, other);
}

#[test]
fn a_password_and_a_missing_one() {
    let (mut world, _server) = serve(&["--user", "ada", "--password", PASSWORD]);
    let error = fetch_error(&world);
    assert!(error.contains("wants credentials (401"), "{error}");
    login(&mut world, "ada", PASSWORD);
    world.fetch(None).unwrap();
}

#[test]
fn a_token_is_read_at_every_fetch() {
    let (mut world, _server) = serve(&["--user", "git", "--password", PASSWORD]);
    let file = world.folder.path().join("token");
    world.repository.credentials = Some(Credentials::Token { token_file: file.clone() });
    fs::write(&file, "old").unwrap();
    assert!(fetch_error(&world).contains("401"));
    fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    world.fetch(None).unwrap();
}

#[test]
fn a_wrong_password_is_refused_and_not_told() {
    let (mut world, _server) = serve(&["--user", "ada", "--password", PASSWORD]);
    login(&mut world, "ada", "hunter2");
    let error = fetch_error(&world);
    assert!(error.contains("refuses the credentials in") && error.contains("password"), "{error}");
    assert!(!error.contains("hunter2") && !error.contains(PASSWORD), "{error}");
}

#[test]
fn a_server_that_repeats_the_password_does_not_bring_it_into_an_error() {
    let (mut world, _server) = serve(&["--user", "ada", "--password", PASSWORD]);
    login(&mut world, "ada", PASSWORD);
    world.repository.url = world.repository.url.replace("shop.git", &format!("{PASSWORD}.git"));
    world.follow("main");
    let RepositoryError::Fetch { reason, .. } = world.fetch(None).unwrap_err() else { panic!() };
    assert!(!reason.contains(PASSWORD) && reason.contains("404"), "{reason}");
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let (mut world, server) = serve(&[]);
    let trusted = world.repository.ca_file.take();
    let error = fetch_error(&world);
    assert!(error.contains("certificate is not trusted") && error.contains("caFile"), "{error}");

    let (other, _other) = serve(&[]);
    world.repository.ca_file = other.repository.ca_file.clone();
    assert!(fetch_error(&world).contains("certificate is not trusted"));
    // One repository's authority is not another's, in one process.
    other.fetch(None).unwrap();
    assert!(fetch_error(&world).contains("certificate is not trusted"));
    assert_eq!(server.log.try_iter().filter(|line| line.contains("allowed")).count(), 0);

    world.repository.ca_file = trusted;
    world.fetch(None).unwrap();
}

#[test]
fn a_file_of_certificates_must_be_one() {
    let (mut world, _server) = serve(&[]);
    let file = world.folder.path().join("ca.pem");
    world.repository.ca_file = Some(file.clone());
    for content in [None, Some(""), Some("hello"), Some("-----BEGIN CERTIFICATE-----\nhello\n")] {
        if let Some(content) = content {
            fs::write(&file, content).unwrap();
        }
        let error = world.fetch(None).unwrap_err();
        assert!(matches!(&error, RepositoryError::File { path, .. } if *path == file), "{content:?}: {error}");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let (mut world, _server) = serve(&["--hang"]);
    world.repository.timeout = Duration::from_millis(300);
    let start = Instant::now();
    let error = fetch_error(&world);
    assert!(error.contains("said nothing for 300ms"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn an_answer_that_comes_too_late_is_given_up() {
    let (mut world, _server) = serve(&["--delay", "1m"]);
    world.repository.timeout = Duration::from_millis(300);
    assert!(fetch_error(&world).contains("said nothing for 300ms"));
}

#[test]
fn a_host_or_repository_that_is_not_there() {
    let (mut world, server) = serve(&[]);
    let url = world.repository.url.clone();
    let mut error = |url: String| {
        world.repository.url = url;
        fetch_error(&world)
    };
    assert!(error(url.replace("shop", "gone")).contains("no such repository, or it wants `credentials` (404"));
    assert!(error("https://taffrail.invalid/shop.git".to_owned()).contains("the host is not found"));
    drop(server);
    assert!(error(url).contains("refused"));
}

#[test]
fn a_missing_branch_is_named_over_https() {
    let (mut world, _server) = serve(&[]);
    world.follow("gone");
    assert!(matches!(world.fetch(None), Err(RepositoryError::NoReference { .. })));
}

#[test]
fn a_fetch_runs_on_a_blocking_thread_of_tokio() {
    let (world, _server) = serve(&[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let fetched = runtime.block_on(async { tokio::task::spawn_blocking(move || world.fetch(None)).await });
    assert_eq!(fetched.unwrap().unwrap().relation, Relation::First);
}

/// A world whose repository is fetched from a server.
pub fn serve(flags: &[&str]) -> (World, Server) {
    let mut world = World::new();
    let (root, folder) = (world.folder.path().join("root"), world.folder.path().join("server"));
    fs::create_dir(&root).unwrap();
    fs::create_dir(&folder).unwrap();
    run(&root, &["clone", "--quiet", "--bare", &world.repository.url, "shop.git"], b"");
    let server = Server::start(&root, &folder, flags);
    world.repository.url = format!("{}/shop.git", server.url);
    world.repository.ca_file = Some(folder.join("ca.crt"));
    (world, server)
}

pub fn push(world: &World, arguments: &[&str]) {
    world.git(&[&["push", "--quiet", "../root/shop.git"], arguments].concat());
}

pub fn login(world: &mut World, user: &str, password: &str) {
    let file = world.folder.path().join("password");
    fs::write(&file, password).unwrap();
    world.repository.credentials = Some(Credentials::Basic { user: user.to_owned(), password_file: file });
}

/// Also asserts that it is the server's fault.
pub fn fetch_error(world: &World) -> String {
    match world.fetch(None).unwrap_err() {
        RepositoryError::Fetch { url, reason } => format!("{url}: {reason}"),
        error => panic!("{error}"),
    }
}
