//! Pods that stand alone, and what is said of containers.

use serde_json::{Value, json};

use super::{broken, check, crash_loop, no_image, pod, verdict, with};

const POD: &str = "Pod:shop/p";

#[test]
fn pods_by_their_phase() {
    let phase = |phase: &str| json!({ "status": { "phase": phase } });
    check(
        POD,
        &[
            ("ready", pod("p", ""), "healthy"),
            ("done", phase("Succeeded"), "healthy"),
            (
                "not scheduled",
                with(
                    phase("Pending"),
                    json!({ "metadata": { "name": "p" }, "status": { "conditions": [{ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes are available" }] } }),
                ),
                "progressing: pod p is not scheduled: 0/2 nodes are available",
            ),
            ("pending", phase("Pending"), "progressing: it is Pending"),
            ("no status", json!({}), "progressing: it is not seen by a node yet"),
            ("failed", phase("Failed"), "degraded, Final: its containers failed"),
            (
                "evicted",
                json!({ "status": { "phase": "Failed", "reason": "Evicted", "message": "The node was low on memory" } }),
                "degraded, Final: Evicted: The node was low on memory",
            ),
            (
                "a change of its resources is not seen",
                with(pod("p", ""), json!({ "metadata": { "generation": 2 }, "status": { "observedGeneration": 1 } })),
                "progressing: its controller has seen generation 1, and 2 is the newest",
            ),
        ],
    );
}

/// The verdict on a pod whose container is in this status.
fn said(container: Value) -> String {
    verdict(POD, &broken("p", "", container), &[], &[])
}

#[test]
fn what_keeps_a_container_from_starting() {
    let waits = |reason: &str| said(json!({ "state": { "waiting": { "reason": reason, "message": "why" } } }));
    for reason in ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"] {
        let expected = format!("degraded, ImagePull: pod p: container app (image shop/app:2) waits in {reason}: why");
        assert_eq!(waits(reason), expected);
    }
    for reason in ["CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PostStartHookError"] {
        let expected = format!("degraded, Other: pod p: container app (image shop/app:2) waits in {reason}: why");
        assert_eq!(waits(reason), expected);
    }
    for reason in ["ContainerCreating", "PodInitializing", "SomethingNew"] {
        let expected = "progressing: pod p is not ready: containers with unready status: [app]";
        assert_eq!(waits(reason), expected, "{reason} may pass");
    }
}

#[test]
fn what_ended_a_container() {
    let last = |code: i64, reason: &str, message: &str| json!({ "terminated": { "exitCode": code, "reason": reason, "message": message } });
    let rows = [
        ("in a crash loop", crash_loop(7), "Restarts(7)", "exited 1, restarts: 7"),
        (
            "in a crash loop of successes",
            json!({ "restartCount": 2, "state": { "waiting": { "reason": "CrashLoopBackOff" } }, "lastState": last(0, "Completed", "") }),
            "Restarts(2)",
            "exited 0 (Completed), restarts: 2",
        ),
        (
            "in a crash loop, ends unknown",
            json!({ "restartCount": 2, "state": { "waiting": { "reason": "CrashLoopBackOff" } } }),
            "Restarts(2)",
            "is in CrashLoopBackOff, restarts: 2",
        ),
        ("between crash and restart", json!({ "state": last(2, "Error", "") }), "Restarts(0)", "exited 2, restarts: 0"),
        (
            "restarted, and not ready since",
            json!({ "restartCount": 1, "state": { "running": {} }, "lastState": last(137, "OOMKilled", "") }),
            "Restarts(1)",
            "exited 137 (OOMKilled), restarts: 1",
        ),
        (
            "the runtime's message is quoted",
            json!({ "restartCount": 1, "state": last(128, "StartError", "exec: \"serve\": not found") }),
            "Restarts(1)",
            "cannot start (StartError: exec: \"serve\": not found), restarts: 1",
        ),
    ];
    for (rule, container, cause, what) in rows {
        let expected = format!("degraded, {cause}: pod p: container app (image shop/app:2) {what}");
        assert_eq!(said(container), expected, "{rule}");
    }
}

#[test]
fn a_container_that_ended_well_once_has_not_crashed() {
    let container =
        json!({ "restartCount": 1, "state": { "running": {} }, "lastState": { "terminated": { "exitCode": 0 } } });
    assert!(said(container).starts_with("progressing"));
}

#[test]
fn what_a_container_wrote_is_never_quoted() {
    assert!(!said(crash_loop(1)).contains("hunter2"));
}

#[test]
fn a_restart_long_ago_does_not_make_a_failing_probe_a_crash() {
    let since = |stopped: &str| {
        let container = json!({
            "restartCount": 9,
            "state": { "running": { "startedAt": "2026-01-01T10:00:00Z" } },
            "lastState": { "terminated": { "exitCode": 1 } },
        });
        let conditions = json!([
            { "type": "Ready", "status": "False", "reason": "ContainersNotReady" },
            { "type": "ContainersReady", "status": "False", "lastTransitionTime": stopped },
        ]);
        verdict(POD, &with(broken("p", "", container), json!({ "status": { "conditions": conditions } })), &[], &[])
    };
    assert!(since("2026-01-01T09:59:58Z").starts_with("degraded, Restarts(9)"), "not ready since the crash");
    assert_eq!(
        since("2026-03-01T10:00:00Z"),
        "progressing: pod p is not ready: ContainersNotReady",
        "ready in between"
    );
}

#[test]
fn init_containers_and_sidecars_count_and_the_worst_container_speaks() {
    let status = |container: Value| with(json!({ "name": "wait", "ready": false }), container);
    let judged = |init: Value, container: Value| {
        let changes = json!({
            "spec": { "initContainers": [{ "name": "wait", "image": "shop/wait:1" }] },
            "status": { "phase": "Pending", "initContainerStatuses": [status(init)] },
        });
        verdict(POD, &with(broken("p", "", container), changes), &[], &[])
    };
    let creating = || json!({ "state": { "waiting": { "reason": "PodInitializing" } } });
    assert_eq!(
        judged(crash_loop(3), creating()),
        "degraded, Restarts(3): pod p: init container wait (image shop/wait:1) exited 1, restarts: 3"
    );
    assert!(judged(crash_loop(3), no_image()).starts_with("degraded, ImagePull: pod p: container app"));
    let done = json!({ "ready": true, "restartCount": 2, "state": { "terminated": { "exitCode": 0 } }, "lastState": { "terminated": { "exitCode": 1 } } });
    assert!(judged(done, creating()).starts_with("progressing"), "an init container that got there in the end");
}
