//! Fetching over ssh, from a server in this process.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use russh::keys::ssh_key::LineEnding;
use russh::keys::{HashAlg, PrivateKey};
use taffrail_model::configuration::{Credentials, SshKey};
use taffrail_model::{Reference, Relation};
use taffrail_ports::repositories::RepositoryError;

use crate::ssh_server::{Manner, SshServer, key};
use crate::support::{World, run};

const HOST: u8 = 1;
const CLIENT: u8 = 2;

/// A world whose repository is reached by ssh.
fn serve(manner: Manner) -> (World, SshServer) {
    let mut world = World::new();
    let root = world.folder.path().join("root");
    fs::create_dir(&root).unwrap();
    run(&root, &["clone", "--quiet", "--bare", &world.repository.url, "shop.git"], b"");
    let server = SshServer::start(vec![key(HOST)], key(CLIENT).public_key(), root, manner);
    let (host, port) = (server.address.ip(), server.address.port());
    world.repository.url = format!("ssh://git@{host}:{port}/shop.git");
    world.repository.credentials = Some(Credentials::Ssh(SshKey {
        ssh_key_file: write_key(&world, &key(CLIENT)),
        passphrase_file: None,
        known_hosts_file: world.folder.path().join("known_hosts"),
    }));
    know(&world, &format!("[{host}]:{port}"), &key(HOST));
    (world, server)
}

fn know(world: &World, host: &str, key: &PrivateKey) {
    let line = format!("{host} {}\n", key.public_key().to_openssh().unwrap());
    fs::write(world.folder.path().join("known_hosts"), line).unwrap();
}

fn write_key(world: &World, key: &PrivateKey) -> std::path::PathBuf {
    let path = world.folder.path().join("key");
    fs::write(&path, key.to_openssh(LineEnding::LF).unwrap().as_bytes()).unwrap();
    path
}

fn files(world: &mut World) -> &mut SshKey {
    match &mut world.repository.credentials {
        Some(Credentials::Ssh(files)) => files,
        _ => unreachable!("`serve` set it"),
    }
}

fn push(world: &World, arguments: &[&str]) {
    world.git(&[&["push", "--quiet", "../root/shop.git"], arguments].concat());
}

fn fetch_error(world: &World) -> String {
    match world.fetch(None).unwrap_err() {
        RepositoryError::Fetch { url, reason } => {
            assert_eq!(url, world.repository.url);
            reason
        }
        error => panic!("{error}"),
    }
}

#[test]
fn commits_come_over_ssh() {
    let (world, server) = serve(Manner::Serve);
    let first = world.fetch(None).unwrap().revision;
    world.assert_reads(&first, "a", "one");
    world.write("a", "two".repeat(1 << 20));
    world.commit("Second");
    push(&world, &["main"]);
    let seen = world.fetch(Some(&first)).unwrap();
    assert_eq!((&seen.revision, seen.relation, seen.count), (&world.head(), Relation::Descendant, 1));
    assert_eq!(world.fetch(Some(&seen.revision)).unwrap().count, 0);
    let commands = server.commands.lock().unwrap().clone();
    assert_eq!(commands, ["git-upload-pack '/shop.git'"; 3]);
}

#[test]
fn tags_come_over_ssh() {
    let (mut world, _server) = serve(Manner::Serve);
    world.git(&["checkout", "--quiet", "--detach"]);
    let head = world.commit("Tagged");
    world.git(&["tag", "--annotate", "--message", "x", "v1.10"]);
    world.git(&["tag", "v1.9", "HEAD^"]);
    push(&world, &["--tags"]);
    world.repository.reference = Reference::Semver("^1".parse().unwrap());
    let seen = world.fetch(None).unwrap();
    assert_eq!((seen.revision, seen.tag.as_deref()), (head, Some("v1.10")));
}

#[test]
fn a_host_that_is_not_known_is_refused_before_anything_is_sent() {
    let (world, server) = serve(Manner::Serve);
    know(&world, "other.example.org", &key(HOST));
    let reason = fetch_error(&world);
    let host = format!("[127.0.0.1]:{}", server.address.port());
    let fingerprint = key(HOST).public_key().fingerprint(HashAlg::Sha256).to_string();
    for part in [&host, &fingerprint, "known_hosts", "has none of this host"] {
        assert!(reason.contains(part), "{part}: {reason}");
    }
    assert!(server.commands.lock().unwrap().is_empty());
}

#[test]
fn a_host_with_another_key_is_refused() {
    let (world, server) = serve(Manner::Serve);
    know(&world, &format!("[127.0.0.1]:{}", server.address.port()), &key(9));
    let reason = fetch_error(&world);
    let fingerprint = key(HOST).public_key().fingerprint(HashAlg::Sha256).to_string();
    assert!(reason.contains("is not the one in") && reason.contains(&fingerprint), "{reason}");
    assert!(server.commands.lock().unwrap().is_empty());
}

#[test]
fn a_key_that_the_server_does_not_let_in_is_named_by_its_file() {
    let (mut world, _server) = serve(Manner::Serve);
    files(&mut world).ssh_key_file = write_key(&world, &key(9));
    let reason = fetch_error(&world);
    assert!(reason.contains("does not let git in with the key in") && reason.ends_with("/key"), "{reason}");
}

#[test]
fn a_key_may_have_a_passphrase() {
    let (mut world, _server) = serve(Manner::Serve);
    // Fast, as no key of a person should be.
    let kdf = russh::keys::ssh_key::Kdf::Bcrypt { salt: vec![1; 16], rounds: 1 };
    let encrypted = key(CLIENT).encrypt_with(russh::keys::ssh_key::Cipher::Aes256Ctr, kdf, 7, "open sesame").unwrap();
    write_key(&world, &encrypted);
    let error = world.fetch(None).unwrap_err().to_string();
    assert!(error.ends_with("/key: it is encrypted: set `passphraseFile`"), "{error}");
    let passphrase = world.folder.path().join("passphrase");
    fs::write(&passphrase, "wrong\n").unwrap();
    files(&mut world).passphrase_file = Some(passphrase.clone());
    let error = world.fetch(None).unwrap_err().to_string();
    assert!(error.contains("the passphrase is not its") && !error.contains("wrong"), "{error}");
    fs::write(&passphrase, "open sesame\n").unwrap();
    world.fetch(None).unwrap();
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let (mut world, _server) = serve(Manner::Serve);
    let key = files(&mut world).ssh_key_file.clone();
    fs::write(&key, "hunter2").unwrap();
    let error = world.fetch(None).unwrap_err().to_string();
    assert!(error.contains("/key: it is no private key") && !error.contains("hunter2"), "{error}");
    write_key(&world, &crate::ssh_server::key(CLIENT));
    files(&mut world).known_hosts_file = Path::new("/nowhere/known_hosts").into();
    let error = world.fetch(None).unwrap_err().to_string();
    assert!(error.starts_with("cannot read /nowhere/known_hosts: "), "{error}");
}

#[test]
fn a_repository_that_is_not_there_is_told_in_the_servers_words() {
    let (mut world, _server) = serve(Manner::Serve);
    world.repository.url = world.repository.url.replace("shop.git", "none.git");
    let reason = fetch_error(&world);
    assert!(reason.contains("does not appear to be a git repository"), "{reason}");
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_for_ever() {
    let (mut world, _server) = serve(Manner::Silent);
    world.repository.timeout = Duration::from_millis(300);
    let began = Instant::now();
    let reason = fetch_error(&world);
    assert!(reason.contains("the server said nothing for 300ms (`timeout`)"), "{reason}");

    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    world.repository.url = format!("ssh://git@{}/shop.git", mute.local_addr().unwrap());
    let reason = fetch_error(&world);
    assert!(reason.contains("the server said nothing for 300ms (`timeout`)"), "{reason}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn something_else_than_ssh_is_told_apart() {
    let (mut world, _server) = serve(Manner::Serve);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    world.repository.url = format!("ssh://git@{}/shop.git", other.local_addr().unwrap());
    let answer = std::thread::spawn(move || {
        let (mut stream, _) = other.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
    });
    let reason = fetch_error(&world);
    answer.join().unwrap();
    assert!(!reason.is_empty() && !reason.contains("timeout"), "{reason}");
}
