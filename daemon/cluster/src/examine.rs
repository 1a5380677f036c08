//! Finds out what the cluster tells of an object that is not healthy: the state of a container, warnings, a log.
//!
//! Always: what a program writes - its log, its last words, the output of its probes - is only told of a pod all of whose
//! Secrets are known, and known values are struck out of everything. What cannot be read is left out.

mod container;
mod secrets;
mod strike;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use taffrail_model::{Evidence, ObjectKey};
use taffrail_ports::cluster::Examine;

use self::container::{Trouble, trouble};
use self::strike::Strike;
use crate::address::{encoded, is_segment};
use crate::kube_cluster::Inner;
use crate::server::get;

const MOST_PODS: usize = 3;
const MOST_WARNINGS: usize = 5;
const MOST_LINES: u8 = 20;
/// Most bytes of a log: twenty lines, each as long as a runtime writes one.
const LARGEST_LOG: usize = 20 * (16 << 10);
/// Where the API server keeps what it tells of objects that are in no namespace.
const OF_THE_CLUSTER: &str = "default";

#[derive(Deserialize)]
struct Events {
    items: Vec<Value>,
}

/// What is found out.
pub(crate) async fn examine(inner: &Inner, examine: &Examine) -> Vec<Evidence> {
    let namespace = examine.object.namespace.as_deref().unwrap_or(OF_THE_CLUSTER);
    if !is_segment(namespace) {
        return Vec::new();
    }
    let known: BTreeSet<&str> = known_in(namespace, &examine.known_secrets);
    let looker = Looker { inner, namespace, known, strike: Strike::new(&examine.struck_out) };
    let evidence =
        |pod| Evidence { object: examine.object.clone(), pod, container: None, warnings: Vec::new(), log: Vec::new() };
    let mut found = Vec::new();
    if !examine.object.is("", "Pod") {
        let warnings = looker.warnings(&examine.uid.0, true).await;
        found.push(Evidence { warnings, ..evidence(None) });
    }
    for name in examine.pods.iter().filter(|name| is_segment(name)).take(MOST_PODS) {
        if let Some((container, warnings, log)) = looker.pod(name, examine.log_lines.min(MOST_LINES)).await {
            found.push(Evidence { container, warnings, log, ..evidence(Some(name.clone())) });
        }
    }
    found.retain(|evidence| evidence.container.is_some() || !evidence.warnings.is_empty() || !evidence.log.is_empty());
    found
}

fn known_in<'a>(namespace: &str, secrets: &'a [ObjectKey]) -> BTreeSet<&'a str> {
    let here = secrets.iter().filter(|secret| secret.is_secret() && secret.namespace.as_deref() == Some(namespace));
    here.map(|secret| secret.name.as_str()).collect()
}

struct Looker<'a> {
    inner: &'a Inner,
    namespace: &'a str,
    known: BTreeSet<&'a str>,
    strike: Strike,
}

impl Looker<'_> {
    /// State, warnings and log of a pod.
    async fn pod(&self, name: &str, log_lines: u8) -> Option<(Option<String>, Vec<String>, Vec<String>)> {
        let path = format!("/api/v1/namespaces/{}/pods/{}", encoded(self.namespace), encoded(name));
        let pod: Value = serde_json::from_slice(&self.read(path.clone()).await?).ok()?;
        let used = secrets::used(&pod["spec"]);
        let told = used.is_some_and(|names| names.iter().all(|name| self.known.contains(name.as_str())));
        let trouble = trouble(&pod, told);
        let log = match &trouble {
            Some(Trouble { container, previous: Some(previous), .. }) if told && log_lines > 0 => {
                self.log(&path, container, *previous, log_lines).await
            }
            _ => Vec::new(),
        };
        let warnings = self.warnings(pod["metadata"]["uid"].as_str()?, told).await;
        Some((trouble.map(|trouble| self.strike.out(&trouble.words)), warnings, log))
    }

    /// The newest warnings about the object with `uid`, the newest first.
    async fn warnings(&self, uid: &str, told: bool) -> Vec<String> {
        let selector = encoded(&format!("involvedObject.uid={uid},type=Warning"));
        let path = format!("/api/v1/namespaces/{}/events?limit=500&fieldSelector={selector}", encoded(self.namespace));
        let Some(answer) = self.read(path).await else { return Vec::new() };
        let Ok(Events { mut items }) = serde_json::from_slice::<Events>(&answer) else { return Vec::new() };
        items.sort_by_cached_key(|event| std::cmp::Reverse(last_seen(event)));
        items.iter().take(MOST_WARNINGS).map(|event| self.strike.out(&container::warning(event, told))).collect()
    }

    async fn log(&self, pod: &str, container: &str, previous: bool, lines: u8) -> Vec<String> {
        let container = encoded(container);
        let path =
            format!("{pod}/log?container={container}&previous={previous}&tailLines={lines}&limitBytes={LARGEST_LOG}");
        let Some(log) = self.read(path).await else { return Vec::new() };
        let text = String::from_utf8_lossy(&log);
        let mut all: Vec<&str> = text.lines().collect();
        if log.len() >= LARGEST_LOG {
            // It may end in the middle of a value, which then would not be known again.
            all.pop();
        }
        let first = all.len().saturating_sub(lines.into());
        all[first..].iter().map(|line| self.strike.out(line)).collect()
    }

    async fn read(&self, path: String) -> Option<Vec<u8>> {
        let answer = self.inner.server.ask("examine", get(path, "application/json, */*")).await.ok()?;
        answer.is_success().then_some(answer.body)
    }
}

/// When an event was last seen; RFC 3339 sorts as text.
fn last_seen(event: &Value) -> String {
    let times = ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/metadata/creationTimestamp"];
    times.iter().filter_map(|time| event.pointer(time)?.as_str()).max().unwrap_or_default().to_owned()
}
