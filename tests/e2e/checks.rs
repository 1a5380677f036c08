//! HTTP checks of a gate.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::wait;

/// Answers 503 until it is told that all is well.
struct Health {
    url: String,
    well: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
}

impl Health {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}/actuator/health/readiness", listener.local_addr().expect("it listens"));
        let health = Self { url, well: Arc::default(), asked: Arc::default() };
        let (well, asked) = (health.well.clone(), health.asked.clone());
        // It ends with the process: a listener costs nothing.
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let _ = stream.read(&mut [0; 4096]);
                asked.fetch_add(1, Ordering::SeqCst);
                let status = if well.load(Ordering::SeqCst) { "200 OK" } else { "503 Service Unavailable" };
                let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        health
    }
}

#[test]
fn a_gate_passes_once_its_http_check_does() {
    let health = Health::start();
    let scene = Scene::new("check");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let check = json!([{ "http": { "url": health.url, "interval": "200ms", "timeout": "2s" } }]);
    let daemon = Daemon::start(&scene.settings().with("gate/checks", check));
    let opened = daemon.expect("GateOpened");
    wait::soon("it asks again and again", || (health.asked.load(Ordering::SeqCst) >= 5).then_some(()));
    assert_eq!(daemon.newest(), opened.seq());
    let waiting = daemon.application(SHOP)["activity"]["waitingFor"].to_string();
    assert!(waiting.contains("503"), "{waiting}");
    health.well.store(true, Ordering::SeqCst);
    daemon.expect_after(opened.seq(), "GatePassed");
    daemon.expect_after(opened.seq(), "SyncSucceeded");
    let asked = health.asked.load(Ordering::SeqCst);
    wait::throughout(Duration::from_secs(1), || {
        assert!(health.asked.load(Ordering::SeqCst) <= asked + 1, "nobody asks once the gate is closed");
    });
}

#[test]
fn a_check_that_never_passes_fails_the_gate_and_is_named() {
    let health = Health::start();
    health.well.store(true, Ordering::SeqCst);
    let scene = Scene::new("check-fails");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let check = json!([{ "http": { "url": health.url, "interval": "200ms" } }]);
    let daemon = Daemon::start(&scene.settings().with("gate/checks", check).with("gate/timeout", "3s"));
    let first = daemon.expect("SyncSucceeded");
    health.well.store(false, Ordering::SeqCst);
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    let failed = daemon.expect_after(first.seq(), "GateFailed");
    assert!(failed.text("/verdict").contains("503"), "{}", failed.text("/verdict"));
    health.well.store(true, Ordering::SeqCst);
    daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));
}
