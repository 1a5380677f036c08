//! What is found out about pods that fail, and what is not told of them.

use serde_json::{Value, json};
use taffrail_model::{Evidence, ObjectKey, Uid};
use taffrail_ports::cluster::{Cluster, Examine};

use crate::world::{World, eventually};

const CANARY: &str = "kanarienvogel-7";

/// A Deployment whose pods write what they should not, and crash.
async fn leaky(world: &World) -> (ObjectKey, Uid, Vec<String>) {
    let secret = json!({ "metadata": { "name": "password" }, "stringData": { "password": CANARY } });
    world.admin("POST", &world.path("secrets", ""), secret).await.unwrap();
    let from = json!({ "secretKeyRef": { "name": "password", "key": "password" } });
    let log = format!("starting\nlogin with {CANARY}\nAuthorization: {}\ngiving up", encoded());
    let template = json!({
        "metadata": {
            "labels": { "a": "b" },
            "annotations": {
                "sim/crashloop": "true", "sim/crash-period": "500ms", "sim/exit-code": "3", "sim/log": log,
                "sim/exit-message": format!("cannot log in with {CANARY}"),
            },
        },
        "spec": { "containers": [{ "name": "api", "image": "x", "env": [{ "name": "PASSWORD", "valueFrom": from }] }] },
    });
    let spec = json!({ "replicas": 1, "selector": { "matchLabels": { "a": "b" } }, "template": template });
    let deployment = world.object("apps/v1", "Deployment", "api", json!({ "spec": spec }));
    let uid = world.apply(deployment, None).await.unwrap().uid;
    let pods = eventually("a pod crashed twice", async || {
        let pods = world.read(&world.path("pods", "")).await.unwrap();
        let pod = &pods["items"][0];
        let restarts = pod["status"]["containerStatuses"][0]["restartCount"].as_u64()?;
        (restarts > 1).then(|| vec![pod["metadata"]["name"].as_str().unwrap().to_owned()])
    });
    (format!("apps/Deployment:{}/api", world.namespace).parse().unwrap(), uid, pods.await)
}

fn encoded() -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(format!("user:{CANARY}"))
}

async fn warn(world: &World, kind: &str, name: &str, uid: &str, reason: &str, message: &str, at: &str) {
    let event = json!({
        "metadata": { "generateName": "e-" }, "reason": reason, "message": message, "type": "Warning",
        "firstTimestamp": at, "lastTimestamp": at, "count": 1, "source": { "component": "test" },
        "involvedObject": { "kind": kind, "name": name, "namespace": world.namespace, "uid": uid },
    });
    world.admin("POST", &world.path("events", ""), event).await.unwrap();
}

fn of<'a>(evidence: &'a [Evidence], pod: Option<&str>) -> &'a Evidence {
    evidence.iter().find(|evidence| evidence.pod.as_deref() == pod).unwrap()
}

#[tokio::test]
async fn a_failing_pod_tells_its_end_and_its_log_without_what_is_secret() {
    let world = World::new("evidence").await;
    let (object, uid, pods) = leaky(&world).await;
    let pod = world.read(&world.path("pods", &pods[0])).await.unwrap();
    let pod_uid = pod["metadata"]["uid"].as_str().unwrap();
    let output = format!("Readiness probe failed: {CANARY}");
    warn(&world, "Pod", &pods[0], pod_uid, "Unhealthy", &output, "2099-01-01T00:00:00Z").await;
    for day in 1..=7 {
        let at = format!("2099-01-0{day}T00:00:00Z");
        warn(&world, "Deployment", "api", &uid.0, "Odd", &format!("day {day}\n\u{1b}[1m!"), &at).await;
    }
    let known = vec![format!("Secret:{}/password", world.namespace).parse().unwrap()];
    let request = Examine {
        object,
        uid,
        pods: pods.clone(),
        log_lines: 20,
        known_secrets: known,
        struck_out: vec![CANARY.to_owned()],
    };
    let told = world.cluster.examine(request.clone()).await;
    let days: Vec<_> = [7, 6, 5, 4, 3].map(|day| format!("Odd: day {day} !")).into();
    assert_eq!(of(&told, None).warnings, days, "the newest five, the newest first");
    let of_pod = of(&told, Some(&pods[0]));
    let container = of_pod.container.as_deref().unwrap();
    assert!(container.starts_with("api waits (CrashLoopBackOff"), "{container}");
    assert!(container.contains("ended with exit code 3 (Error: cannot log in with ***)"), "{container}");
    assert!(container.contains("; restarted "), "{container}");
    assert_eq!(of_pod.warnings[0], "Unhealthy: Readiness probe failed: ***");
    let log = &of_pod.log;
    assert_eq!((log[0].as_str(), log[1].as_str(), log[3].as_str()), ("starting", "login with ***", "giving up"));
    assert!(log[2].starts_with("Authorization: ") && log[2].contains("***"), "{}", log[2]);
    assert!(!format!("{told:?}").contains("kanarien") && !format!("{told:?}").contains(&encoded()[8..20]));

    let last = Examine { log_lines: 1, ..request.clone() };
    assert_eq!(of(&world.cluster.examine(last).await, Some(&pods[0])).log, ["giving up"]);
    let none = Examine { log_lines: 0, ..request.clone() };
    assert!(of(&world.cluster.examine(none).await, Some(&pods[0])).log.is_empty());

    // Of a pod with a Secret that is not known, nothing is told that a program wrote.
    for known_secrets in [Vec::new(), vec!["Secret:elsewhere/password".parse().unwrap()]] {
        let blind = Examine { known_secrets, struck_out: Vec::new(), ..request.clone() };
        let told = world.cluster.examine(blind).await;
        let of_pod = of(&told, Some(&pods[0]));
        assert!(of_pod.log.is_empty());
        assert!(of_pod.container.as_deref().unwrap().contains("ended with exit code 3 (Error)"), "{of_pod:?}");
        assert!(of_pod.warnings[0].starts_with("Unhealthy; the message is left out"), "{of_pod:?}");
        assert!(!format!("{told:?}").contains("kanarien"), "{told:?}");
    }
}

#[tokio::test]
async fn what_may_not_be_read_is_left_out() {
    let world = World::new("evidence-rights").await;
    let (object, uid, pods) = leaky(&world).await;
    let rules = json!([{ "apiGroups": [""], "verbs": ["get"], "resources": ["pods"] }]);
    let account = world.as_account("reader", rules).await;
    let known = vec![format!("Secret:{}/password", world.namespace).parse().unwrap()];
    let struck_out = vec![CANARY.to_owned()];
    let pod = pods[0].clone();
    let request = Examine { object, uid, pods, log_lines: 20, known_secrets: known, struck_out };
    let told = eventually("the pod may be read", async || {
        let told = account.examine(request.clone()).await;
        (!told.is_empty()).then_some(told)
    })
    .await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].pod.as_ref(), told[0].container.is_some()), (Some(&pod), true));
    assert!(told[0].warnings.is_empty() && told[0].log.is_empty(), "neither events nor logs: {told:?}");
    let gone = Examine { pods: vec!["gone".to_owned(), "../secrets".to_owned()], ..request };
    assert_eq!(account.examine(gone).await, Vec::<Evidence>::new());
}

#[tokio::test]
async fn an_object_without_a_namespace_is_examined_too() {
    let world = World::new("evidence-cluster").await;
    let object = format!("Namespace:{}", world.namespace).parse().unwrap();
    let live: Value = world.read(&format!("/api/v1/namespaces/{}", world.namespace)).await.unwrap();
    let uid = Uid(live["metadata"]["uid"].as_str().unwrap().to_owned());
    let request =
        Examine { object, uid, pods: Vec::new(), log_lines: 20, known_secrets: Vec::new(), struck_out: Vec::new() };
    assert_eq!(world.cluster.examine(request).await, Vec::<Evidence>::new(), "nothing is wrong with it");
}
