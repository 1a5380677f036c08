//! Gates in full: checks of a Service through the API server's proxy, a gate that keeps judging, and why it failed.

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, deployment, healthy, service, yaml};
use taffrail_tests::scene::Scene;
use taffrail_tests::wait;

#[test]
fn a_check_of_a_service_goes_through_the_api_servers_proxy() {
    let scene = Scene::new("service-check");
    let deploy = |annotations: &[(&str, &str)], image: &str| {
        let files = [("api.yaml", deployment("api", image, annotations)), ("service.yaml", service("api", 80))];
        scene.deploy(&files, image)
    };
    deploy(&[], GOOD_IMAGE);
    let check = json!([{ "http": {
        "service": { "name": "api", "port": 80, "path": "/actuator/health/readiness" },
        "interval": "200ms", "timeout": "2s",
    } }]);
    let daemon = Daemon::start(&scene.settings().with("gate/checks", check).with("gate/timeout", "8s"));
    let first = daemon.expect("SyncSucceeded");

    deploy(&[("sim/http-status", "503")], BETTER_IMAGE);
    let failed = daemon.expect_after(first.seq(), "GateFailed");
    assert!(failed.text("/verdict").contains("503"), "{failed:?}");
    daemon.expect_after(failed.seq(), "Reverted");
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
}

#[test]
fn a_gate_that_keeps_judging_reverts_what_breaks_after_it_passed() {
    let scene = Scene::new("watched");
    scene.deploy(&[("api.yaml", healthy("api", GOOD_IMAGE))], "good");
    let daemon = Daemon::start(&scene.settings().with("gate/watch", "5m"));
    let first = daemon.expect("SyncSucceeded");
    scene.deploy(&[("api.yaml", healthy("api", BETTER_IMAGE))], "breaks later");
    let second = daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.image_of("api"), BETTER_IMAGE);

    // Its pods crash from here on: the annotation of a pod steers the simulated kubelet.
    let crash = json!({ "metadata": { "annotations": { "sim/crashloop": "true", "sim/crash-period": "1s" } } });
    wait::soon("its pod crashes", || {
        let pods = scene.cluster.list("Pod", Some(scene.namespace.name()));
        for pod in pods.iter().filter(|pod| pod["spec"]["containers"][0]["image"] == BETTER_IMAGE) {
            let name = pod["metadata"]["name"].as_str().expect("a name");
            scene.cluster.patch(&scene.object(&format!("Pod:{name}")), &crash);
        }
        daemon.events().iter().any(|event| event.seq() > second.seq() && event.kind() == "GateFailed").then_some(())
    });
    let failed = daemon.expect_after(second.seq(), "GateFailed");
    let started = daemon.expect_after(failed.seq(), "RevertStarted");
    assert_eq!(started.text("/to"), first.text("/desired"), "the state that broke is not one to go back to");
    daemon.expect_after(started.seq(), "Reverted");
    assert_eq!(scene.image_of("api"), GOOD_IMAGE);
}

const CANARY: &str = "hunter2-c4n4ry";

/// A Deployment that crashes, and whose container writes a Secret's value into its log.
fn leaking(secret: &str) -> String {
    let log = format!("connecting\npassword is {CANARY}\ncannot connect");
    let annotations = json!({
        "sim/crashloop": "true", "sim/crash-period": "1s", "sim/exit-code": "137", "sim/log": log,
    });
    yaml(&json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "api" },
        "spec": {
            "selector": { "matchLabels": { "app": "api" } },
            "template": {
                "metadata": { "labels": { "app": "api" }, "annotations": annotations },
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "main", "image": GOOD_IMAGE,
                        "envFrom": [{ "secretRef": { "name": secret } }],
                    }],
                },
            },
        },
    }))
}

fn secret() -> String {
    yaml(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "login" }, "stringData": { "password": CANARY },
    }))
}

#[test]
fn a_failed_gate_tells_the_container_its_exit_code_and_its_last_words_without_the_secrets_in_them() {
    let scene = Scene::new("evidence");
    scene.deploy(&[("api.yaml", leaking("login")), ("secret.yaml", secret())], "crashes");
    let daemon = Daemon::start(&scene.settings());
    let failed = daemon.expect("GateFailed");
    let evidence = failed.field("/evidence").to_string();
    assert!(evidence.contains("main") && evidence.contains("137"), "container and exit code: {evidence}");
    assert!(evidence.contains("cannot connect") && evidence.contains("password is "), "its last words: {evidence}");
    assert!(failed.field("/evidence/0/warnings").as_array().is_some_and(|all| !all.is_empty()), "{evidence}");
    assert!(!daemon.export().contains(CANARY) && !daemon.log().contains(CANARY), "no value of a Secret is told");
}

#[test]
fn the_log_of_a_pod_that_uses_a_secret_of_somebody_else_is_not_read() {
    let scene = Scene::new("evidence-unknown");
    let theirs = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "theirs", "namespace": scene.namespace.name() },
        "stringData": { "password": CANARY },
    });
    scene.cluster.create(&theirs).expect("made by somebody else");
    scene.deploy(&[("api.yaml", leaking("theirs"))], "crashes");
    let daemon = Daemon::start(&scene.settings());
    let failed = daemon.expect("GateFailed");
    let evidence = failed.field("/evidence").to_string();
    assert!(evidence.contains("137"), "the exit code is no secret: {evidence}");
    assert!(!evidence.contains("cannot connect"), "{evidence}");
    assert!(!daemon.export().contains(CANARY) && !daemon.log().contains(CANARY), "no value of a Secret is told");
}
