//! What can be asked of a running daemon.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::manifests::config_map;
use taffrail_tests::runtime::block_on;
use taffrail_tests::scene::{SHOP, Scene};

fn synced(scene: &Scene) -> (Daemon, String) {
    let revision = scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    daemon.expect("SyncSucceeded");
    (daemon, revision)
}

#[test]
fn events_are_filtered_by_each_parameter() {
    let scene = Scene::new("filters");
    let (daemon, revision) = synced(&scene);
    let all = daemon.events();
    let sync = daemon.expect("SyncStarted").seq();
    let object = scene.object("ConfigMap:settings");
    let query = |query: &str| -> Vec<Value> {
        daemon.json(&format!("/events?{query}"))["events"].as_array().expect("a list of events").clone()
    };
    let seqs = |events: &[Value]| events.iter().map(|event| event["seq"].as_u64()).collect::<Vec<_>>();
    let like = |fits: &dyn Fn(&Event) -> bool| {
        all.iter().filter(|event| fits(event)).map(|event| Some(event.seq())).collect::<Vec<_>>()
    };
    assert_eq!(seqs(&query("application=shop")), like(&|event| event.0["subject"]["kind"] == "application"));
    assert_eq!(seqs(&query("repository=shop")), like(&|event| event.0["subject"]["kind"] == "repository"));
    assert_eq!(
        seqs(&query("kind=SyncStarted,GatePassed")),
        like(&|e| matches!(e.kind(), "SyncStarted" | "GatePassed"))
    );
    assert_eq!(seqs(&query(&format!("sync={sync}"))), like(&|event| event.sync() == Some(sync)));
    assert_eq!(seqs(&query(&format!("object={object}"))), like(&|event| event.object() == object));
    let of_revision = seqs(&query(&format!("revision={}", &revision[..10])));
    assert_eq!(of_revision, like(&|event| event.text("/revision") == revision));
    assert!(!seqs(&query("actor=taffrail")).is_empty());
    assert_eq!(seqs(&query("after=2&before=5")), [Some(3), Some(4)]);
    assert_eq!(seqs(&query("order=desc&limit=1")), [Some(daemon.newest())]);
    assert!(query("until=1h").is_empty());
    assert_eq!(query("since=1h").len(), all.len());
    let one = daemon.json(&format!("/events/{sync}"));
    assert_eq!((&one["kind"], one["hash"].as_str().map(str::len)), (&Value::from("SyncStarted"), Some(64)));
    let (status, said) = daemon.get("/events?kind=GatePasst");
    assert!(status == 400 && said.contains("GatePassed"), "{said}");
    assert_eq!(daemon.get("/events/100000").0, 404);
}

#[test]
fn a_stream_of_events_resumes_after_the_last_one_that_was_received() {
    let scene = Scene::new("stream");
    let (daemon, _) = synced(&scene);
    let newest = daemon.newest();
    let resumed = follow(&daemon, newest - 3, 3);
    assert_eq!(resumed, [newest - 2, newest - 1, newest]);

    // What happens while it is open comes by itself.
    let url = daemon.url("/events");
    let following = std::thread::spawn(move || follow_url(&url, newest, 5));
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    daemon.expect_after(newest, "SyncSucceeded");
    let seen = following.join().expect("the stream is read");
    assert_eq!(seen, (newest + 1..=newest + 5).collect::<Vec<_>>());
}

fn follow(daemon: &Daemon, after: u64, count: usize) -> Vec<u64> {
    follow_url(&daemon.url("/events"), after, count)
}

/// The numbers of the next `count` events of a stream.
fn follow_url(url: &str, after: u64, count: usize) -> Vec<u64> {
    let client = reqwest::Client::builder().no_proxy().build().expect("the TLS backend that is built in starts");
    let request = client.get(url).header("accept", "text/event-stream").header("last-event-id", after);
    let reading = async {
        let mut stream = request.send().await.expect("a stream").bytes_stream();
        let (mut text, mut seqs) = (String::new(), Vec::new());
        while seqs.len() < count {
            text += &String::from_utf8_lossy(&stream.next().await.expect("it goes on").expect("it is not cut"));
            while let Some(end) = text.find("\n\n") {
                let block: String = text.drain(..end + 2).collect();
                let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                if let Some(event) = data.map(|data| Event(serde_json::from_str(data).expect("JSON"))) {
                    seqs.push(event.seq());
                }
            }
        }
        seqs.truncate(count);
        seqs
    };
    block_on(async { tokio::time::timeout(Duration::from_secs(60), reading).await.expect("events come") })
}

#[test]
fn metrics_show_each_applications_status() {
    let scene = Scene::new("metrics");
    let (daemon, _) = synced(&scene);
    let (status, metrics) = daemon.get("/metrics");
    assert_eq!(status, 200);
    for line in [
        "taffrail_application_sync_status{application=\"shop\",status=\"Synced\"} 1",
        "taffrail_application_sync_status{application=\"shop\",status=\"OutOfSync\"} 0",
        "taffrail_application_health_status{application=\"shop\",status=\"Healthy\"} 1",
        "taffrail_events_total{kind=\"SyncSucceeded\"} 1",
        "taffrail_gate_seconds_count{outcome=\"passed\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "no {line} in\n{metrics}");
    }
    for name in [
        "taffrail_api_requests_total{",
        "taffrail_render_seconds_count{",
        "taffrail_append_seconds_count",
        "taffrail_apply_seconds_count",
    ] {
        assert!(metrics.contains(name), "no {name} in\n{metrics}");
    }
}

#[test]
fn the_command_line_reads_what_the_daemon_shows() {
    let scene = Scene::new("commands");
    let (daemon, _) = synced(&scene);
    for (arguments, part) in [
        (["status", "-o", "json"].as_slice(), "\"shop\""),
        (&["status", "shop", "-o", "json"], "ConfigMap:"),
        (&["events", "-o", "ndjson", "--kind", "SyncSucceeded"], "\"kind\":\"SyncSucceeded\""),
        (&["status"], SHOP),
    ] {
        let output = daemon.command(arguments);
        let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && out.contains(part), "{arguments:?}: {out} {said}");
    }
}
