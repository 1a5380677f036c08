//! Deployments, ReplicaSets, StatefulSets, DaemonSets and Jobs.

use serde_json::{Value, json};

use super::{broken, check, crash_loop, no_image, pod, verdict, with};

const DEPLOYMENT: &str = "apps/Deployment:shop/api";
const STATEFUL_SET: &str = "apps/StatefulSet:shop/db";
const DAEMON_SET: &str = "apps/DaemonSet:shop/agent";
const JOB: &str = "batch/Job:shop/migrate";

fn deployment(changes: Value) -> Value {
    let whole = json!({
        "metadata": { "name": "api", "uid": "d", "generation": 2, "annotations": { "deployment.kubernetes.io/revision": "2" } },
        "spec": { "replicas": 3 },
        "status": {
            "observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "conditions": [
                { "type": "Available", "status": "True" },
                { "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable" },
            ],
        },
    });
    with(whole, changes)
}

fn replica_sets() -> [Value; 2] {
    ["1", "2"].map(|revision| {
        json!({ "metadata": {
            "name": format!("api-{revision}"), "uid": format!("r{revision}"),
            "annotations": { "deployment.kubernetes.io/revision": revision },
            "ownerReferences": [{ "uid": "d", "controller": true }],
        } })
    })
}

#[test]
fn deployments_by_their_status() {
    let conditions = |kind: &str, status: &str, reason: &str, message: &str| json!([{ "type": kind, "status": status, "reason": reason, "message": message }]);
    check(
        DEPLOYMENT,
        &[
            ("all of the newest revision and available", deployment(json!({})), "healthy"),
            (
                "older pods are still there",
                deployment(json!({ "status": { "replicas": 4 } })),
                "progressing: 1 of an older revision still there",
            ),
            (
                "not all are updated",
                deployment(json!({ "status": { "updatedReplicas": 1 } })),
                "progressing: 3 wanted, 1 updated",
            ),
            (
                "not all are ready",
                deployment(json!({ "status": { "readyReplicas": 2 } })),
                "progressing: 3 wanted, 2 ready",
            ),
            (
                "ready, for less than minReadySeconds",
                deployment(json!({ "status": { "availableReplicas": 2 } })),
                "progressing: 3 wanted, 2 available",
            ),
            ("being scaled down", deployment(json!({ "spec": { "replicas": 1 } })), "progressing: 1 wanted, 3 updated"),
            (
                "replicas default to one",
                deployment(json!({ "spec": { "replicas": null } })),
                "progressing: 1 wanted, 3 updated",
            ),
            (
                "counts of an older generation do not count",
                deployment(json!({ "metadata": { "generation": 3 } })),
                "progressing: its controller has seen generation 2, and 3 is the newest",
            ),
            (
                "no status says nothing",
                deployment(json!({ "status": null })),
                "progressing: its controller has not seen it yet",
            ),
            (
                "none wanted, not seen yet",
                deployment(json!({ "spec": { "replicas": 0 }, "status": null })),
                "progressing: its controller has not seen it yet",
            ),
            (
                "none wanted, none there",
                deployment(
                    json!({ "spec": { "replicas": 0 }, "status": { "replicas": null, "updatedReplicas": null, "readyReplicas": null, "availableReplicas": null } }),
                ),
                "healthy",
            ),
            (
                "paused",
                deployment(json!({ "spec": { "paused": true }, "status": { "updatedReplicas": 0 } })),
                "suspended",
            ),
            (
                "being deleted",
                deployment(
                    json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["foregroundDeletion"] } }),
                ),
                "progressing: it is being deleted, and waits for foregroundDeletion",
            ),
            ("numbers may be text", deployment(json!({ "status": { "updatedReplicas": "3" } })), "healthy"),
            (
                "the deadline has passed",
                deployment(
                    json!({ "status": { "conditions": conditions("Progressing", "False", "ProgressDeadlineExceeded", "timed out") } }),
                ),
                "degraded, Other: ProgressDeadlineExceeded: timed out",
            ),
            (
                "pods are refused",
                deployment(
                    json!({ "status": { "conditions": conditions("ReplicaFailure", "True", "FailedCreate", "exceeded quota") } }),
                ),
                "degraded, Other: FailedCreate: exceeded quota",
            ),
        ],
    );
}

#[test]
fn deployments_by_their_newest_pods() {
    let rolling = deployment(json!({ "status": { "replicas": 4, "updatedReplicas": 1 } }));
    let judged = |pods: &[Value]| verdict(DEPLOYMENT, &rolling, pods, &replica_sets());

    let bad = broken("api-2-a", "r2", crash_loop(4));
    let crash = "degraded, Restarts(4): pod api-2-a: container app (image shop/app:2) exited 1, restarts: 4";
    assert_eq!(judged(std::slice::from_ref(&bad)), crash, "a pod of the newest ReplicaSet crash-loops");
    assert_eq!(verdict(DEPLOYMENT, &deployment(json!({})), &[bad], &replica_sets()), crash, "before the counts follow");
    assert_eq!(
        judged(&[broken("api-1-a", "r1", crash_loop(4))]),
        "progressing: 3 wanted, 1 updated",
        "an old pod may crash: it is on its way out"
    );
    assert_eq!(
        judged(&[broken("api-2-a", "other", crash_loop(4))]),
        "progressing: 3 wanted, 1 updated",
        "somebody else's pod"
    );
    let owner = json!({ "metadata": { "ownerReferences": [{ "uid": "r2" }] } });
    assert_eq!(
        judged(&[with(broken("api-2-a", "r2", crash_loop(4)), owner)]),
        "progressing: 3 wanted, 1 updated",
        "an owner that does not control"
    );
    let leaving = json!({ "metadata": { "deletionTimestamp": "2026-01-01T00:00:00Z" } });
    assert_eq!(
        judged(&[with(broken("api-2-a", "r2", crash_loop(4)), leaving)]),
        "progressing: 3 wanted, 1 updated",
        "a pod that is being deleted"
    );
    let evicted = json!({ "status": { "phase": "Failed", "reason": "Evicted" } });
    assert_eq!(
        judged(&[with(broken("api-2-a", "r2", crash_loop(4)), evicted)]),
        "progressing: 3 wanted, 1 updated",
        "an evicted pod is replaced"
    );
    assert_eq!(
        judged(&[broken("api-2-a", "r2", json!({ "state": { "running": {} } }))]),
        "progressing: 3 wanted, 1 updated; pod api-2-a is not ready: containers with unready status: [app]",
        "a pod that is not ready yet explains the wait"
    );
    assert_eq!(
        judged(&[broken("api-2-b", "r2", crash_loop(4)), broken("api-2-a", "r2", no_image())]),
        "degraded, ImagePull: pod api-2-a: container app (image shop/app:2) waits in ImagePullBackOff: Back-off pulling \
         image; pod api-2-b: container app (image shop/app:2) exited 1, restarts: 4",
        "what has a time limit comes before restarts"
    );
}

#[test]
fn a_passed_deadline_outranks_restarts_and_names_the_pod() {
    let late = deployment(json!({ "status": { "updatedReplicas": 1, "conditions": [
        { "type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded" },
    ] } }));
    assert_eq!(
        verdict(DEPLOYMENT, &late, &[broken("api-2-a", "r2", crash_loop(1))], &replica_sets()),
        "degraded, Other: ProgressDeadlineExceeded; pod api-2-a: container app (image shop/app:2) exited 1, restarts: 1"
    );
}

#[test]
fn replica_sets_and_replication_controllers() {
    let set = |changes| {
        with(
            json!({
                "metadata": { "uid": "r" }, "spec": { "replicas": 1 },
                "status": { "observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1 },
            }),
            changes,
        )
    };
    for key in ["apps/ReplicaSet:shop/x", "ReplicationController:shop/x"] {
        check(
            key,
            &[
                ("all available", set(json!({})), "healthy"),
                ("not all ready", set(json!({ "status": { "readyReplicas": 0 } })), "progressing: 1 wanted, 0 ready"),
                (
                    "pods are refused",
                    set(
                        json!({ "status": { "conditions": [{ "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate" }] } }),
                    ),
                    "degraded, Other: FailedCreate",
                ),
            ],
        );
        let pods = [broken("x-1", "r", crash_loop(2))];
        assert!(verdict(key, &set(json!({})), &pods, &[]).starts_with("degraded, Restarts(2): pod x-1"), "{key}");
    }
}

fn stateful_set(changes: Value) -> Value {
    let whole = json!({
        "metadata": { "name": "db", "uid": "s", "generation": 2 },
        "spec": { "replicas": 3, "updateStrategy": { "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } } },
        "status": {
            "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "currentReplicas": 3, "updatedReplicas": 3, "currentRevision": "new", "updateRevision": "new",
        },
    });
    with(whole, changes)
}

fn of_revision(pod: Value, revision: &str) -> Value {
    with(pod, json!({ "metadata": { "labels": { "controller-revision-hash": revision } } }))
}

#[test]
fn stateful_sets_by_their_status() {
    check(
        STATEFUL_SET,
        &[
            ("all of the newest revision and available", stateful_set(json!({})), "healthy"),
            (
                "not all are updated",
                stateful_set(json!({ "status": { "updatedReplicas": 1, "currentRevision": "old" } })),
                "progressing: 3 to be updated, 1 updated",
            ),
            (
                "the last step is not made",
                stateful_set(json!({ "status": { "currentRevision": "old" } })),
                "progressing: revision new is being rolled out",
            ),
            (
                "not all are ready",
                stateful_set(json!({ "status": { "readyReplicas": 2 } })),
                "progressing: 3 wanted, 2 ready",
            ),
            (
                "not all are available",
                stateful_set(json!({ "status": { "availableReplicas": 2 } })),
                "progressing: 3 wanted, 2 available",
            ),
            (
                "servers before 1.22 do not count what is available",
                stateful_set(json!({ "status": { "availableReplicas": null } })),
                "healthy",
            ),
            (
                "a partition keeps the rest at the older revision",
                stateful_set(
                    json!({ "spec": { "updateStrategy": { "rollingUpdate": { "partition": 2 } } }, "status": { "updatedReplicas": 1, "currentRevision": "old" } }),
                ),
                "healthy",
            ),
            (
                "a partition that is not reached yet",
                stateful_set(
                    json!({ "spec": { "updateStrategy": { "rollingUpdate": { "partition": 1 } } }, "status": { "updatedReplicas": 1, "currentRevision": "old" } }),
                ),
                "progressing: 2 to be updated, 1 updated",
            ),
            (
                "a partition beyond the replicas updates nothing",
                stateful_set(
                    json!({ "spec": { "updateStrategy": { "rollingUpdate": { "partition": 9 } } }, "status": { "updatedReplicas": 0, "currentRevision": "old" } }),
                ),
                "healthy",
            ),
            (
                "OnDelete waits for nobody's deletions",
                stateful_set(
                    json!({ "spec": { "updateStrategy": { "type": "OnDelete" } }, "status": { "updatedReplicas": 0, "currentRevision": "old" } }),
                ),
                "healthy",
            ),
            ("being scaled down", stateful_set(json!({ "spec": { "replicas": 1 } })), "progressing: 1 wanted, 3 made"),
            (
                "no status says nothing",
                stateful_set(json!({ "spec": { "replicas": 0 }, "status": null })),
                "progressing: its controller has not seen it yet",
            ),
        ],
    );
}

#[test]
fn stateful_sets_by_their_pods() {
    let rolling = |changes| {
        with(
            stateful_set(json!({ "status": { "updatedReplicas": 1, "readyReplicas": 2, "currentRevision": "old" } })),
            changes,
        )
    };
    let bad = |revision| [of_revision(broken("db-2", "s", crash_loop(3)), revision)];
    assert_eq!(
        verdict(STATEFUL_SET, &rolling(json!({})), &bad("new"), &[]),
        "degraded, Restarts(3): pod db-2: container app (image shop/app:2) exited 1, restarts: 3",
        "a pod of the newest revision crash-loops"
    );
    assert_eq!(
        verdict(STATEFUL_SET, &rolling(json!({})), &bad("old"), &[]),
        "progressing: the update waits for broken pods of an older revision, which may have to be deleted: pod db-2: \
         container app (image shop/app:2) exited 1, restarts: 3",
        "an ordered update waits for a broken pod of an older revision"
    );
    for (rule, spec) in [
        ("a parallel update does not wait for it", json!({ "podManagementPolicy": "Parallel" })),
        ("nor does OnDelete", json!({ "updateStrategy": { "type": "OnDelete" } })),
    ] {
        let judged = verdict(STATEFUL_SET, &rolling(json!({ "spec": spec })), &bad("old"), &[]);
        assert!(judged.starts_with("progressing: 3 "), "{rule}: {judged}");
    }
}

fn daemon_set(changes: Value) -> Value {
    let whole = json!({
        "metadata": { "name": "agent", "uid": "n", "generation": 2, "annotations": { "deprecated.daemonset.template.generation": "2" } },
        "status": {
            "observedGeneration": 2, "desiredNumberScheduled": 3, "currentNumberScheduled": 3,
            "updatedNumberScheduled": 3, "numberReady": 3, "numberAvailable": 3,
        },
    });
    with(whole, changes)
}

#[test]
fn daemon_sets() {
    check(
        DAEMON_SET,
        &[
            ("updated and available on every node", daemon_set(json!({})), "healthy"),
            (
                "not all are updated",
                daemon_set(json!({ "status": { "updatedNumberScheduled": 1 } })),
                "progressing: 3 wanted, 1 updated",
            ),
            (
                "not all are available",
                daemon_set(json!({ "status": { "numberAvailable": null } })),
                "progressing: 3 wanted, 0 available",
            ),
            (
                "OnDelete waits for nobody's deletions",
                daemon_set(
                    json!({ "spec": { "updateStrategy": { "type": "OnDelete" } }, "status": { "updatedNumberScheduled": 0 } }),
                ),
                "healthy",
            ),
            (
                "no node wants it",
                daemon_set(
                    json!({ "status": { "desiredNumberScheduled": 0, "updatedNumberScheduled": null, "numberReady": 0, "numberAvailable": null } }),
                ),
                "healthy",
            ),
            (
                "no status says nothing",
                daemon_set(json!({ "status": null })),
                "progressing: its controller has not seen it yet",
            ),
        ],
    );
    let rolling = daemon_set(json!({ "status": { "updatedNumberScheduled": 1, "numberReady": 2 } }));
    let bad = |generation| {
        let label = json!({ "metadata": { "labels": { "pod-template-generation": generation } } });
        verdict(DAEMON_SET, &rolling, &[with(broken("agent-a", "n", crash_loop(3)), label)], &[])
    };
    assert!(
        bad(json!("2")).starts_with("degraded, Restarts(3): pod agent-a"),
        "a pod of the newest template crash-loops"
    );
    assert!(bad(json!(null)).starts_with("degraded, Restarts(3): pod agent-a"), "a pod that cannot be dated counts");
    assert_eq!(bad(json!("1")), "progressing: 3 wanted, 1 updated", "an old pod may crash");
}

#[test]
fn jobs() {
    let job = |conditions: Value| {
        json!({
            "metadata": { "uid": "j" }, "spec": { "completions": 2 },
            "status": { "active": 1, "succeeded": 1, "failed": 3, "conditions": conditions },
        })
    };
    let running = job(json!([]));
    check(
        JOB,
        &[
            ("complete", job(json!([{ "type": "Complete", "status": "True" }])), "healthy"),
            ("running", running.clone(), "progressing: 1 of 2 completed, 1 running, 3 failed"),
            ("not begun", json!({}), "progressing: 0 of 1 completed, 0 running, 0 failed"),
            (
                "about to be complete",
                job(json!([{ "type": "SuccessCriteriaMet", "status": "True" }])),
                "progressing: 1 of 2 completed, 1 running, 3 failed",
            ),
            (
                "failed",
                job(json!([{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }])),
                "degraded, Final: BackoffLimitExceeded",
            ),
            (
                "about to be failed",
                job(
                    json!([{ "type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "too late" }]),
                ),
                "degraded, Final: DeadlineExceeded: too late",
            ),
            ("suspended", with(running.clone(), json!({ "spec": { "suspend": true } })), "suspended"),
        ],
    );

    let ended = json!({ "state": { "terminated": { "exitCode": 137, "reason": "OOMKilled" } } });
    let ended = with(broken("migrate-a", "j", ended), json!({ "status": { "phase": "Failed" } }));
    assert_eq!(
        verdict(
            JOB,
            &job(json!([{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }])),
            std::slice::from_ref(&ended),
            &[]
        ),
        "degraded, Final: BackoffLimitExceeded; pod migrate-a: container app (image shop/app:2) exited 137 (OOMKilled), restarts: 0",
        "the pods of a failed Job say why"
    );
    assert_eq!(
        verdict(JOB, &running, &[ended, broken("migrate-b", "j", crash_loop(5))], &[]),
        "progressing: 1 of 2 completed, 1 running, 3 failed; pod migrate-b: container app (image shop/app:2) exited 1, \
         restarts: 5; pod migrate-a: container app (image shop/app:2) exited 137 (OOMKilled), restarts: 0; pod migrate-b \
         is not ready: containers with unready status: [app]",
        "retries are the Job's own business"
    );
    assert_eq!(
        verdict(JOB, &running, &[broken("migrate-b", "j", no_image())], &[]),
        "degraded, ImagePull: pod migrate-b: container app (image shop/app:2) waits in ImagePullBackOff: Back-off pulling image",
        "no backoffLimit ends the wait for an image"
    );
    assert_eq!(
        verdict(JOB, &running, &[pod("migrate-c", "j")], &[]),
        "progressing: 1 of 2 completed, 1 running, 3 failed"
    );
}
