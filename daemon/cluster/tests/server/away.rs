//! The API server does not answer: writes that nobody waits for, and writes whose outcome is not known.

use std::sync::Arc;
use std::time::{Duration, Instant};

use taffrail_cluster::Options;
use taffrail_model::WatchEvent;
use taffrail_ports::cluster::{Cluster, WriteErrorKind};

use crate::world::{World, eventually};

#[tokio::test]
async fn a_write_goes_on_when_nobody_waits_for_it() {
    let world = Arc::new(World::new("dropped").await);
    let uid = world.apply(world.config_map("a", "one"), None).await.unwrap().uid;
    world.proxy.hold_requests();
    let write = tokio::spawn({
        let world = Arc::clone(&world);
        let request = world.request(world.config_map("a", "two"), Some(&uid));
        async move { world.cluster.apply(request).await }
    });
    eventually("the write is sent", async || world.proxy.holds_a_request().then_some(())).await;
    write.abort();
    assert!(write.await.unwrap_err().is_cancelled());
    world.proxy.release();
    eventually("the write arrives", async || {
        let live = world.read(&world.path("configmaps", "a")).await.unwrap();
        (live["data"]["key"] == "two").then_some(())
    })
    .await;
}

#[tokio::test]
async fn after_a_time_out_the_object_is_looked_at() {
    let options = Options { timeout: Duration::from_millis(1500), ..Options::default() };
    let world = World::with("timeout", options, |text| text).await;
    let uid = world.apply(world.config_map("a", "one"), None).await.unwrap().uid;
    world.proxy.hold_answers();
    let error = world.apply(world.config_map("a", "two"), Some(&uid)).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Unreachable);
    let expected =
        format!("did not answer within 1.5s; afterwards it was there, with uid {uid}, last written by us at 2");
    assert!(error.message.contains(&expected), "{}", error.message);
    assert_eq!(world.metrics.api_requests.with_label_values(&["apply", "0"]).get(), 1);
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_is_found_later() {
    let world = World::new("absent").await;
    world.proxy.close();
    let began = Instant::now();
    let error = world.apply(world.config_map("a", "one"), None).await.unwrap_err();
    assert_eq!(error.kind, WriteErrorKind::Unreachable, "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5));
    let mut events = world.watch("v1", "ConfigMap");
    assert!(matches!(events.next().await, WatchEvent::Lost(_)));
    world.proxy.open();
    eventually("a write passes", async || world.apply(world.config_map("a", "one"), None).await.ok()).await;
    events.until(|event| matches!(event, WatchEvent::Listed(_))).await;
}
