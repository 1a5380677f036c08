//! Which container of a pod is in trouble, in words.

use serde_json::Value;

/// Reasons to wait that are no trouble yet.
const PATIENT: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// Reasons whose messages are all the kubelet's and the scheduler's own. Others may quote what a program wrote, or its
/// arguments, into which values of Secrets may be put.
const OWN_WORDS: [&str; 10] = [
    "BackOff",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "ErrImagePull",
    "FailedAttachVolume",
    "FailedCreatePodSandBox",
    "FailedMount",
    "FailedScheduling",
    "ImagePullBackOff",
    "InvalidImageName",
];

/// A container that is in trouble.
pub(super) struct Trouble {
    pub container: String,
    /// Its state, its last state and exit codes.
    pub words: String,
    /// Whether the log of its previous run tells more than that of this one; none when it has none.
    pub previous: Option<bool>,
}

/// The container that is in the greatest trouble. What programs wrote is in the words if it may be `told`.
pub(super) fn trouble(pod: &Value, told: bool) -> Option<Trouble> {
    let all = ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .flat_map(|statuses| pod["status"][statuses].as_array().into_iter().flatten());
    let worst = all.filter_map(|status| Some((rank(status)?, status))).min_by_key(|(rank, _)| *rank)?.1;
    let (state, last) = (&worst["state"], &worst["lastState"]["terminated"]);
    let restarts = worst["restartCount"].as_u64().unwrap_or_default();
    let container = worst["name"].as_str()?.to_owned();
    let mut words = if let Some(waiting) = state.get("waiting") {
        format!("{container} waits{}", why(waiting, told))
    } else if let Some(ended) = state.get("terminated") {
        format!("{container} {}", end(ended, told))
    } else {
        format!("{container} runs and is not ready")
    };
    if last.is_object() {
        words += &format!("; before, it {}", end(last, told));
    }
    match restarts {
        0 => {}
        1 => words += "; restarted once",
        more => words += &format!("; restarted {more} times"),
    }
    let previous = match (state.get("waiting"), state.get("terminated")) {
        (_, Some(_)) => Some(false),
        (Some(_), None) if restarts == 0 => None,
        _ => Some(restarts > 0),
    };
    Some(Trouble { container, words, previous })
}

/// How great the trouble is, the greatest first; none when there is none.
fn rank(status: &Value) -> Option<u8> {
    let failed = |ended: &Value| ended["exitCode"].as_i64().is_some_and(|code| code != 0);
    let waits_for = status["state"]["waiting"]["reason"].as_str();
    if waits_for.is_some_and(|reason| !PATIENT.contains(&reason)) {
        return Some(0);
    }
    if failed(&status["state"]["terminated"]) {
        return Some(1);
    }
    match (status["ready"].as_bool(), &status["state"]["running"]) {
        (Some(true), _) => None,
        _ if failed(&status["lastState"]["terminated"]) => Some(2),
        (_, running) => running.is_object().then_some(3),
    }
}

fn end(ended: &Value, told: bool) -> String {
    let code = ended["exitCode"].as_i64().unwrap_or_default();
    format!("ended with exit code {code}{}", why(ended, told))
}

/// ` (REASON: message)`
fn why(state: &Value, told: bool) -> String {
    let text = |field: &str| state[field].as_str().map(str::trim).filter(|text| !text.is_empty());
    let reason = text("reason").unwrap_or_default();
    match text("message").filter(|_| told || OWN_WORDS.contains(&reason)) {
        Some(message) => format!(" ({reason}: {message})"),
        None if reason.is_empty() => String::new(),
        None => format!(" ({reason})"),
    }
}

/// A warning event in words.
pub(super) fn warning(event: &Value, told: bool) -> String {
    let text = |field: &str| event[field].as_str().unwrap_or_default().trim();
    let (reason, message) = (text("reason"), text("message"));
    let own = OWN_WORDS.contains(&reason) || reason == "Failed" && is_of_pull(message);
    let count = event.pointer("/series/count").or(event.get("count")).and_then(Value::as_u64).unwrap_or(1);
    let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
    if told || own {
        format!("{reason}: {message}{times}")
    } else {
        format!("{reason}{times}; the message is left out, since the pod uses Secrets that are not known here")
    }
}

fn is_of_pull(message: &str) -> bool {
    message.starts_with("Failed to pull image") || OWN_WORDS.iter().any(|own| message == format!("Error: {own}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(statuses: Value, told: bool) -> Option<(String, Option<bool>)> {
        let pod = json!({ "status": { "containerStatuses": statuses } });
        trouble(&pod, told).map(|trouble| (trouble.words, trouble.previous))
    }

    #[test]
    fn the_container_in_the_greatest_trouble_is_named_with_its_end() {
        let ended = json!({ "terminated": { "exitCode": 3, "reason": "Error", "message": "canary\n" } });
        let looping = json!({
            "name": "api", "ready": false, "restartCount": 4, "lastState": ended,
            "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 10s" } },
        });
        let well = json!({ "name": "proxy", "ready": true, "restartCount": 0, "state": { "running": {} } });
        let expected = "api waits (CrashLoopBackOff: back-off 10s); before, it ended with exit code 3 (Error: canary); \
                        restarted 4 times";
        let told = words(json!([well, looping]), true).unwrap();
        assert_eq!((told.0.as_str(), told.1), (expected, Some(true)));
        let untold = words(json!([well, looping]), false).unwrap().0;
        assert_eq!(untold, expected.replace(": canary", ""));

        let failed = json!({ "name": "job", "restartCount": 0, "state": ended });
        assert_eq!(
            words(json!([failed]), false).unwrap(),
            ("job ended with exit code 3 (Error)".to_owned(), Some(false))
        );
        let image = json!({ "name": "a", "state": { "waiting": { "reason": "ImagePullBackOff" } } });
        assert_eq!(words(json!([failed, image]), false).unwrap(), ("a waits (ImagePullBackOff)".to_owned(), None));
        let unready = json!({ "name": "a", "ready": false, "restartCount": 0, "state": { "running": {} } });
        assert_eq!(words(json!([unready]), true).unwrap(), ("a runs and is not ready".to_owned(), Some(false)));
        let starting = json!({ "name": "a", "state": { "waiting": { "reason": "ContainerCreating" } } });
        assert_eq!(words(json!([well, starting]), true), None);
    }

    #[test]
    fn what_a_program_wrote_is_left_out_of_warnings_of_pods_with_unknown_secrets() {
        let event = |reason: &str, message: &str| json!({ "reason": reason, "message": message, "count": 2 });
        for (reason, message, own) in [
            ("FailedScheduling", "0/1 nodes are available", true),
            ("Failed", "Failed to pull image \"x\": not found", true),
            ("Failed", "Error: ErrImagePull", true),
            ("Failed", "Error: failed to start container: exec: \"canary\"", false),
            ("Unhealthy", "Readiness probe failed: canary", false),
        ] {
            assert_eq!(warning(&event(reason, message), true), format!("{reason}: {message} (2 times)"));
            assert_eq!(warning(&event(reason, message), false).contains(message), own, "{reason} {message}");
        }
    }
}
