//! What a server can do to somebody who fetches from it.

use taffrail_ports::repositories::RepositoryError;

use crate::evil::Evil;
use crate::https::{PASSWORD, fetch_error, login, serve};
use crate::support::World;

const ADVERTISEMENT: &str = "application/x-git-upload-pack-advertisement";

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let (mut world, _server) = serve(&[]);
    let folder = world.folder.path().join("server");
    let thief = Evil::start(&folder, |_| String::new());
    let target = thief.url.clone();
    let evil =
        Evil::start(&folder, move |_| answer("302 Found", "text/plain", &format!("Location: {target}/x\r\n"), ""));
    login(&mut world, "ada", PASSWORD);
    world.repository.url = format!("{}/shop.git", evil.url);
    let error = fetch_error(&world);
    assert!(error.contains(&format!("redirects to {}", thief.url)), "{error}");
    assert!(evil.requests.try_recv().unwrap().to_lowercase().contains("authorization: basic"));
    assert!(thief.requests.try_recv().is_err());
}

#[test]
fn a_redirect_on_the_same_host_is_followed_and_not_for_ever() {
    let (world, _server) = serve(&[]);
    let (world, evil) = visit(world, |head| {
        let to = if head.starts_with("GET /shop.git/") { "/moved" } else { "/gone" };
        answer("301 Moved Permanently", "text/plain", &format!("Location: {to}/info/refs\r\n"), "")
    });
    assert!(fetch_error(&world).contains("in circles"));
    assert!(evil.requests.try_iter().any(|head| head.starts_with("GET /moved/info/refs ")));
}

#[test]
fn a_page_for_people_is_no_repository() {
    let (world, _server) = serve(&[]);
    let (world, _evil) = visit(world, |_| answer("200 OK", "text/html", "", "<h1>Log in</h1>"));
    assert!(fetch_error(&world).contains("answers with text/html"));
}

#[test]
fn what_the_server_says_is_told_without_the_password() {
    let (mut world, _server) = serve(&[]);
    login(&mut world, "ada", PASSWORD);
    let (world, _evil) = visit(world, |_| {
        let body = packets(&["# service=git-upload-pack\n", "", &format!("ERR \x1b[2Jnot for {PASSWORD}")]);
        answer("200 OK", ADVERTISEMENT, "", &body)
    });
    let error = fetch_error(&world);
    assert!(error.contains("not for [redacted]") && !error.contains('\x1b'), "{error}");
}

#[test]
fn an_answer_that_is_cut_off_is_not_an_empty_one() {
    let start = packets(&["# service=git-upload-pack\n"]);
    let (mut world, _server) = serve(&[]);
    let known = world.fetch(None).unwrap().revision;
    for body in [format!("{start}0000"), start, String::new()] {
        for header in ["Content-Length: 5000\r\n", ""] {
            let body = body.clone();
            let evil;
            (world, evil) = visit(world, move |_| answer("200 OK", ADVERTISEMENT, header, &body));
            let error = world.fetch(Some(&known)).unwrap_err();
            assert!(matches!(error, RepositoryError::Fetch { .. }), "{header:?}: {error}");
            drop(evil);
        }
    }
    world.assert_reads(&known, "a", "one");
}

/// Lets `world` fetch from a server that answers so.
fn visit(mut world: World, answer: impl Fn(&str) -> String + Send + 'static) -> (World, Evil) {
    let evil = Evil::start(&world.folder.path().join("server"), answer);
    world.repository.url = format!("{}/shop.git", evil.url);
    (world, evil)
}

fn answer(status: &str, kind: &str, header: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nConnection: close\r\n{header}\r\n{body}")
}

/// Git's pkt-lines; an empty one is a flush.
fn packets(lines: &[&str]) -> String {
    let packet =
        |line: &&str| if line.is_empty() { "0000".to_owned() } else { format!("{:04x}{line}", line.len() + 4) };
    lines.iter().map(packet).collect()
}
