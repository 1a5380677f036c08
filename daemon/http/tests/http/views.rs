//! The applications, the metrics and the state of the daemon.

use taffrail_http::Options;
use taffrail_ports::status::{ApplicationStatus, HealthStatus, ObjectStatus, SyncStatus};

use crate::fake::{FakeJournal, FakeStatus, history};
use crate::server::Server;

pub fn application(name: &str) -> ApplicationStatus {
    ApplicationStatus {
        name: name.parse().unwrap(),
        repository: "shop".parse().unwrap(),
        path: "overlays/staging".to_owned(),
        sync: SyncStatus::Synced,
        health: HealthStatus::Degraded,
        observed_revision: None,
        refused_revision: None,
        rendered_revision: None,
        desired: None,
        live: None,
        passed: None,
        activity: None,
        hold: None,
        unseen: None,
        suspended: None,
        drift: Vec::new(),
        removed: None,
        held: Vec::new(),
        errors: Vec::new(),
        objects: vec![ObjectStatus {
            object: "apps/Deployment:shop/api".parse().unwrap(),
            uid: None,
            health: HealthStatus::Degraded,
            reason: Some("container api exits 1".to_owned()),
            synced: true,
            drift: Vec::new(),
        }],
    }
}

async fn server() -> Server {
    let status =
        FakeStatus { applications: vec![application("shop-staging"), application("web")], ..FakeStatus::default() };
    Server::with(FakeJournal::new(history(3)), status, Options::default()).await
}

#[tokio::test]
async fn applications_are_listed_without_and_shown_with_their_objects() {
    let server = server().await;
    let list = server.get("/applications").await.json();
    assert_eq!(list["applications"][0]["name"], "shop-staging");
    assert_eq!(list["applications"][1]["health"], "Degraded");
    assert!(list["applications"][0].get("objects").is_none());
    let one = server.get("/applications/shop-staging").await;
    let read: ApplicationStatus = serde_json::from_slice(&one.body).unwrap();
    assert_eq!(read, application("shop-staging"));
    assert!(server.get("/applications/shop-stagin").await.problem(404).contains("the nearest is shop-staging"));
}

#[tokio::test]
async fn no_application_is_denied_before_any_is_known() {
    let status = FakeStatus::default();
    let server = Server::with(FakeJournal::new(history(3)), status, Options::default()).await;
    assert!(server.get("/applications/shop").await.problem(404).contains("there are none"));
    *server.status.missing.lock().unwrap() = vec!["the journal is still being folded".to_owned()];
    assert!(server.get("/applications/shop").await.problem(503).contains("still being folded"));
}

#[tokio::test]
async fn readiness_tells_what_is_missing() {
    let server = server().await;
    assert_eq!(server.get("/livez").await.text(), "ok\n");
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.text()), (200, "{\"missing\":[]}"));
    *server.status.missing.lock().unwrap() = vec!["the journal's disk is full".to_owned()];
    let unready = server.get("/readyz").await;
    assert_eq!((unready.status, unready.text()), (503, "{\"missing\":[\"the journal's disk is full\"]}"));
    assert_eq!(server.get("/livez").await.status, 200);
}

#[tokio::test]
async fn metrics_are_in_prometheus_text_format() {
    let server = server().await;
    server.metrics.events.with_label_values(&["GatePassed"]).inc_by(3);
    server.metrics.sync_status.with_label_values(&["shop-staging", "Synced"]).set(1);
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    for line in [
        "# TYPE taffrail_events_total counter",
        "taffrail_events_total{kind=\"GatePassed\"} 3",
        "taffrail_application_sync_status{application=\"shop-staging\",status=\"Synced\"} 1",
    ] {
        assert!(metrics.text().lines().any(|have| have == line), "{line} is not in {}", metrics.text());
    }
}

#[tokio::test]
async fn the_interface_describes_itself() {
    let server = server().await;
    let document = server.get("/openapi.json").await.json();
    let index = server.get("/").await;
    for (path, item) in document["paths"].as_object().unwrap() {
        assert!(index.text().lines().any(|line| line.split_whitespace().next() == Some(path)), "{path}");
        if item.get("get").is_none() {
            continue;
        }
        let concrete = path.replace("{name}", "web").replace("{seq}", "1");
        assert_eq!(server.get(&concrete).await.status, 200, "{path}");
    }
}
