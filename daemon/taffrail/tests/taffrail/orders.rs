//! The commands that order something: what they send, and what they say of the answer.

use serde_json::{Value, json};

use crate::daemon::{Answer, Daemon};
use crate::program::{command, run};

fn taken() -> Vec<Answer> {
    vec![Answer::Whole(202, String::new(), json!({ "event": 57 }).to_string().into_bytes())]
}

#[test]
fn each_command_is_its_order() {
    for (arguments, path, body) in [
        (&["refresh", "shop"] as &[&str], "refresh", json!({})),
        (&["refresh", "shop", "--reason", "ticket 7"], "refresh", json!({ "reason": "ticket 7" })),
        (&["sync", "shop"], "sync", json!({})),
        (
            &["sync", "shop", "--only", "Deployment/api", "--only", "Job/x"],
            "sync",
            json!({ "only": ["Deployment/api", "Job/x"] }),
        ),
        (&["suspend", "shop", "--for", "90m"], "suspend", json!({ "for": "1h30m" })),
        (
            &["suspend", "shop", "--until", "2999-01-01T00:00:00Z"],
            "suspend",
            json!({ "until": "2999-01-01T00:00:00Z" }),
        ),
        (&["resume", "shop"], "resume", json!({})),
        (&["release", "shop"], "release", json!({})),
        (&["acknowledge", "shop", "--reason", "x"], "acknowledge", json!({ "reason": "x" })),
        (
            &["acknowledge", "shop", "Namespace:shop", "--reason", "x"],
            "acknowledge",
            json!({ "reason": "x", "objects": ["Namespace:shop"] }),
        ),
        (&["adopt", "shop", "--reason", "x"], "adopt", json!({ "reason": "x" })),
        (&["remove", "shop", "--prune", "--reason", "x"], "remove", json!({ "reason": "x", "choice": "prune" })),
        (&["remove", "shop", "--orphan", "--reason", "x"], "remove", json!({ "reason": "x", "choice": "orphan" })),
        (&["revert", "shop", "--reason", "x"], "revert", json!({ "reason": "x" })),
        (&["revert", "shop", "--to", "7", "--reason", "x"], "revert", json!({ "reason": "x", "to": 7 })),
    ] {
        let daemon = Daemon::new(taken());
        let ran = run(&[arguments, &["--server", &daemon.url]].concat());
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "recorded as event 57\n", ""), "{arguments:?}");
        let request = daemon.requests.recv().unwrap();
        assert_eq!((request.method.as_str(), request.target), ("POST", format!("/applications/shop/{path}")));
        assert!(request.headers.contains("content-type: application/json"), "{}", request.headers);
        assert_eq!(serde_json::from_str::<Value>(&request.body).unwrap(), body, "{arguments:?}");
    }
}

#[test]
fn a_refusal_is_told_in_the_daemons_words_with_1() {
    let refusal = json!({ "title": "Conflict", "status": 409, "detail": "shop is not suspended" });
    let daemon = Daemon::new(vec![Answer::Whole(409, String::new(), refusal.to_string().into_bytes())]);
    let ran = run(&["resume", "shop", "--server", &daemon.url]);
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (1, "", "error: shop is not suspended\n"));
}

#[test]
fn the_token_is_shown_and_else_the_users_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "taffrail_0123\n").unwrap();
    let file = file.to_str().unwrap();
    for (name, value, arguments, header) in [
        ("TAFFRAIL_TOKEN", "taffrail_4567", &[] as &[&str], "authorization: bearer taffrail_4567"),
        ("TAFFRAIL_TOKEN", "taffrail_4567", &["--token-file", file], "authorization: bearer taffrail_0123"),
        ("TAFFRAIL_TOKEN_FILE", file, &[], "authorization: bearer taffrail_0123"),
        ("USER", "anna", &[], "taffrail-user: anna"),
    ] {
        let daemon = Daemon::new(taken());
        let arguments = [&["refresh", "shop", "--server", &daemon.url], arguments].concat();
        let output = command(&arguments).env(name, value).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let headers = daemon.requests.recv().unwrap().headers;
        assert!(headers.contains(header), "{header}: {headers}");
    }
    let refusal = json!({ "title": "Unauthorized", "status": 401, "detail": "a token is needed" });
    let daemon = Daemon::new(vec![Answer::Whole(401, String::new(), refusal.to_string().into_bytes())]);
    let ran = run(&["status", "--server", &daemon.url]);
    assert!(ran.code == 1 && ran.err.contains("TAFFRAIL_TOKEN"), "{}", ran.err);
}

#[test]
fn a_new_token_comes_with_its_line() {
    let ran = run(&["token", "anna", "-o", "json"]);
    let answer: Value = serde_json::from_str(&ran.out).unwrap();
    let (token, line) = (answer["token"].as_str().unwrap(), answer["line"].as_str().unwrap());
    assert!(token.starts_with("taffrail_") && token.len() == 73, "{token}");
    assert!(line.starts_with("anna: sha256:") && line.len() == 13 + 64, "{line}");
    assert_ne!(run(&["token", "anna", "-o", "json"]).out, ran.out);
    let text = run(&["token", "anna"]);
    assert_eq!((text.code, text.out.lines().count()), (0, 4));
}
