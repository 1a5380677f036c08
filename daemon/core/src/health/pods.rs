//! Pods: whose they are, and what is wrong with their containers.
//!
//! Always: without those that are being deleted. A container's own words (its termination message) are never quoted.

use serde_json::Value;
use taffrail_model::health::DegradationCause;

use super::Neighbours;
use super::verdict::Finding;
use super::view::View;

/// Why an image is not there: kubernetes pkg/kubelet/images/types.go and cri-api pkg/errors. Every other reason for
/// which the kubelet cannot start a container ends in `Error` (pkg/kubelet/container/sync_result.go, kuberuntime).
const NO_IMAGE: [&str; 7] = [
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImageInspectError",
    "ImagePullBackOff",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];

/// Reasons of a termination whose message is the container runtime's, not the container's.
const NEVER_RAN: [&str; 2] = ["ContainerCannotRun", "StartError"];

/// The pods that the owner controls. By uid and not by selector: a pod that only matches is not the owner's, and one
/// that no longer matches is released.
pub fn of<'a>(owner: View<'_>, neighbours: &Neighbours<'a>) -> Vec<View<'a>> {
    controlled(owner, &neighbours.pods)
}

/// Those of the objects that the owner controls.
pub fn controlled<'a>(owner: View<'_>, objects: &[&'a Value]) -> Vec<View<'a>> {
    let Some(uid) = owner.text("/metadata/uid") else { return Vec::new() };
    objects
        .iter()
        .map(|object| View::new(object))
        .filter(|object| {
            let mut owners = object.list("/metadata/ownerReferences");
            owners.any(|owner| owner.text("/uid") == Some(uid) && owner.flag("/controller"))
        })
        .filter(|object| object.deletion().is_none())
        .collect()
}

/// Whether it has not ended. One that has, was evicted or is done: its owner replaces it and does not count it.
pub fn lives(pod: View<'_>) -> bool {
    !matches!(pod.text("/status/phase"), Some("Failed" | "Succeeded"))
}

/// What is wrong with each of the pods that live.
pub fn failures(pods: &[View<'_>]) -> Vec<Finding> {
    pods.iter().filter(|pod| lives(**pod)).filter_map(|pod| failure(*pod)).collect()
}

/// What is wrong with a pod: its worst container.
pub fn failure(pod: View<'_>) -> Option<Finding> {
    let of = |role: &'static str, statuses: &str, specs: &'static str| {
        pod.list(statuses).filter_map(move |status| container(pod, role, status, specs))
    };
    // Sidecars are init containers that go on.
    of("init container", "/status/initContainerStatuses", "/spec/initContainers")
        .chain(of("container", "/status/containerStatuses", "/spec/containers"))
        .min_by_key(Finding::rank)
}

/// What a pod that lives waits for, if it is not ready.
pub fn waiting(pod: View<'_>) -> Option<String> {
    if !lives(pod) {
        return None;
    }
    let (condition, what) = match (pod.fails("PodScheduled"), pod.fails("Ready")) {
        (Some(condition), _) => (condition, "is not scheduled"),
        (None, Some(condition)) => (condition, "is not ready"),
        (None, None) => return None,
    };
    let why = Some(condition.message()).filter(|message| !message.is_empty()).unwrap_or(condition.reason());
    Some(format!("pod {} {what}: {why}", pod.name()))
}

fn container(pod: View<'_>, role: &str, status: View<'_>, specs: &str) -> Option<Finding> {
    let name = status.text("/name").unwrap_or_default();
    let (cause, what) = trouble(pod, status)?;
    // The status names what the image resolved to; people know it as they wrote it.
    let spec = pod.list(specs).find(|spec| spec.text("/name") == Some(name));
    let image = spec.and_then(|spec| spec.text("/image")).or(status.text("/image")).unwrap_or_default();
    Some(Finding { cause, text: format!("pod {}: {role} {name} (image {image}) {what}", pod.name()) })
}

fn trouble(pod: View<'_>, status: View<'_>) -> Option<(DegradationCause, String)> {
    let waiting = status.text("/state/waiting/reason").unwrap_or_default();
    let restarts = u32::try_from(status.count("/restartCount").max(0)).unwrap_or(u32::MAX);
    if NO_IMAGE.contains(&waiting) || waiting.ends_with("Error") {
        let cause = if NO_IMAGE.contains(&waiting) { DegradationCause::ImagePull } else { DegradationCause::Other };
        let message = status.text("/state/waiting/message").map(|message| format!(": {message}"));
        return Some((cause, format!("waits in {waiting}{}", message.unwrap_or_default())));
    }
    let exit = exit(status);
    if waiting == "CrashLoopBackOff" {
        let exit = exit.unwrap_or_else(|| "is in CrashLoopBackOff".to_owned());
        return Some((DegradationCause::Restarts(restarts), format!("{exit}, restarts: {restarts}")));
    }
    let exit = exit.filter(|_| crashed(pod, status))?;
    Some((DegradationCause::Restarts(restarts), format!("{exit}, restarts: {restarts}")))
}

/// Whether it failed, and has not been ready since.
fn crashed(pod: View<'_>, status: View<'_>) -> bool {
    let failed = |state: &str| status.number(&format!("{state}/exitCode")).is_some_and(|code| code != 0);
    if status.flag("/ready") || !(failed("/state/terminated") || failed("/lastState/terminated")) {
        return false;
    }
    // A pod that stopped being ready after the container started was ready in between: a restart long ago does not
    // make a failing probe a crash. Times are RFC 3339 in UTC, and compare as text.
    let stopped = pod.fails("ContainersReady").and_then(|condition| condition.since());
    match (status.text("/state/running/startedAt"), stopped) {
        (Some(started), Some(stopped)) => stopped <= started,
        _ => true,
    }
}

/// How it last ended.
fn exit(status: View<'_>) -> Option<String> {
    let state = ["/state/terminated", "/lastState/terminated"]
        .into_iter()
        .find(|state| status.number(&format!("{state}/exitCode")).is_some())?;
    let code = status.count(&format!("{state}/exitCode"));
    let reason = status.text(&format!("{state}/reason")).unwrap_or_default();
    Some(match reason {
        "" | "Error" => format!("exited {code}"),
        _ if NEVER_RAN.contains(&reason) => {
            let message = status.text(&format!("{state}/message")).unwrap_or_default();
            format!("cannot start ({reason}: {message})")
        }
        _ => format!("exited {code} ({reason})"),
    })
}
