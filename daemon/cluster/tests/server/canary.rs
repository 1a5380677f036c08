//! No log and no error holds what a Secret holds, also at the finest level and also kube's.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use taffrail_model::WatchEvent;
use tracing_subscriber::filter::LevelFilter;

use crate::world::{World, eventually};

const CANARY: &str = "kanarienvogel";
const ENCODED: &str = "a2FuYXJpZW52b2dlbA==";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

#[tokio::test]
async fn a_secret_is_in_no_log_and_no_error() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone()).finish();
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");

    let world = World::new("canary").await;
    let secret = |rest: Value| world.object("v1", "Secret", "a", rest);
    let mut events = world.watch("v1", "Secret");
    assert!(matches!(events.next().await, WatchEvent::Listed(_)));
    let uid = world.apply(secret(json!({ "stringData": { "key": CANARY } })), None).await.unwrap().uid;
    let (_, seen) = events.until(|event| matches!(event, WatchEvent::Changed(_))).await;
    assert!(!format!("{seen:?}").contains(CANARY));

    let edit = json!({ "stringData": { "key": format!("{CANARY}2") } });
    world.admin("PATCH", &world.path("secrets", "a"), edit).await.unwrap();
    let quota = world.object("v1", "ResourceQuota", "q", json!({ "spec": { "hard": { "secrets": "1" } } }));
    world.admin("POST", &world.path("resourcequotas", ""), quota).await.unwrap();
    let mut second = secret(json!({ "data": { "key": ENCODED } }));
    second["metadata"]["name"] = "b".into();
    let refusals = [
        (secret(json!({ "data": { "key": ENCODED } })), Some(&uid), "kubectl-edit"),
        (secret(json!({ "data": { "key": ENCODED }, "type": "kubernetes.io/tls" })), Some(&uid), "kubectl-edit"),
        (secret(json!({ "other": { "key": CANARY } })), Some(&uid), "500"),
        (secret(json!({ "immutable": { "key": CANARY } })), Some(&uid), "500"),
        (secret(json!({ "data": { "key": CANARY } })), Some(&uid), "not base64"),
        (second, None, "exceeded quota"),
    ];
    for (object, uid, word) in refusals {
        // The quota controller takes a moment until the quota is in force.
        eventually(word, async || {
            let message = world.apply(object.clone(), uid).await.err()?.message;
            assert!(!message.contains(CANARY) && !message.contains(ENCODED), "{message}");
            message.contains(word).then_some(())
        })
        .await;
    }

    let text = log.text();
    assert!(text.contains("requesting"), "kube's own log is caught");
    for canary in [CANARY, ENCODED, &ENCODED[..16]] {
        assert!(!text.contains(canary), "a log shows {canary}");
    }
    tracing::trace!(planted = CANARY);
    assert!(log.text().contains(CANARY), "it would have been noticed");
}
