//! `status`: the table, one application, the forms for programs, and what is said when there is nothing.

use serde_json::json;

use crate::daemon::{Answer, Daemon};
use crate::program::run;

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

fn staging() -> serde_json::Value {
    let state = |revision: &str| {
        let digest = "ab".repeat(32);
        json!({ "digest": digest, "revision": revision, "seq": 7, "time": "2026-11-21T08:00:00Z" })
    };
    json!({
        "name": "shop-staging", "repository": "shop", "path": "overlays/staging",
        "sync": "OutOfSync", "health": "Progressing", "observedRevision": REVISION,
        "desired": state(REVISION), "live": state(&"f".repeat(40)),
        "activity": {
            "kind": "sync", "sync": 9, "phase": "gate", "desired": "ab".repeat(32),
            "waitingFor": ["apps/Deployment:shop/api: 1 of 2 ready", "apps/Deployment:shop/web: 0 of 1 ready"],
        },
    })
}

fn daemon(answer: &serde_json::Value) -> Daemon {
    Daemon::new(vec![Answer::Whole(200, String::new(), answer.to_string().into_bytes())])
}

#[test]
fn all_applications_in_a_table() {
    let held = json!({ "name": "a", "repository": "shop", "path": "a", "sync": "Unknown", "health": "Missing",
        "hold": "this state failed its gate before" });
    let daemon = daemon(&json!({ "applications": [held, staging()] }));
    let ran = run(&["status", "--server", &daemon.url]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "APPLICATION   SYNC       HEALTH       REVISION                      WAITS FOR\n\
         a             Unknown    Missing      -                             this state failed its gate before\n\
         shop-staging  OutOfSync  Progressing  ffffffffffff -> 0123456789ab  \
         sync, gate: apps/Deployment:shop/api: 1 of 2 ready (and 1 more)\n"
    );
    assert_eq!(daemon.requests.recv().unwrap().target, "/applications");
}

#[test]
fn one_application_with_its_objects() {
    let mut status = staging();
    status["objects"] = json!([
        { "object": "ConfigMap:shop/settings", "health": "Healthy", "synced": true },
        { "object": "apps/Deployment:shop/api", "health": "Degraded", "reason": "exits\n1", "synced": false },
    ]);
    let daemon = daemon(&status);
    let ran = run(&["status", "shop-staging", "--server", &daemon.url]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(
        ran.out,
        "application  shop-staging\n\
         source       shop overlays/staging\n\
         sync         OutOfSync\n\
         health       Progressing\n\
         observed     0123456789ab\n\
         desired      0123456789ab at 2026-11-21T08:00:00Z (event 7)\n\
         live         ffffffffffff at 2026-11-21T08:00:00Z (event 7)\n\
         passed       -\n\
         doing        sync 9, gate\n\
         waits for    apps/Deployment:shop/api: 1 of 2 ready\n\
         waits for    apps/Deployment:shop/web: 0 of 1 ready\n\
         \n\
         OBJECT                    HEALTH    SYNCED  REASON\n\
         ConfigMap:shop/settings   Healthy   yes\n\
         apps/Deployment:shop/api  Degraded  no      exits\\n1\n"
    );
    assert_eq!(daemon.requests.recv().unwrap().target, "/applications/shop-staging");
}

#[test]
fn programs_get_the_answer_as_it_is() {
    let answer = json!({ "applications": [staging()], "of a newer daemon": 1 });
    let ran = run(&["status", "-o", "json", "--server", &daemon(&answer).url]);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&ran.out).unwrap(), answer);
    let ran = run(&["status", "-o", "yaml", "--server", &daemon(&answer).url]);
    assert!(ran.out.contains("  name: shop-staging\n"), "{}", ran.out);
}

#[test]
fn an_unknown_application_is_said_to_be_so() {
    let detail = "there is no application shop; the nearest is shop-staging";
    let body = json!({ "title": "Not Found", "detail": detail, "status": 404 }).to_string().into_bytes();
    let daemon = Daemon::new(vec![Answer::Whole(404, String::new(), body)]);
    let ran = run(&["status", "shop", "--server", &daemon.url]);
    assert_eq!((ran.code, ran.err), (1, format!("error: {detail}\n")));
}

#[test]
fn an_absent_daemon_gives_a_hint() {
    // A port that was just free and that nothing listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let ran = run(&["status", "--server", &format!("http://127.0.0.1:{port}")]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.starts_with(&format!("error: cannot reach http://127.0.0.1:{port}/: ")), "{}", ran.err);
    assert!(ran.err.contains("\nhint: is the daemon running?"), "{}", ran.err);
}

#[test]
fn what_is_no_daemon_is_no_crash() {
    for body in ["[]", "7", "\"x\"", "<html>", "", "{}", "{\"applications\":[{}]}"] {
        let daemon = Daemon::new(vec![Answer::Whole(200, String::new(), body.into())]);
        let ran = run(&["status", "--server", &daemon.url]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{body}: {}", ran.err);
    }
}
