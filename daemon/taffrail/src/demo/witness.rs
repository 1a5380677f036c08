//! What is seen from outside: the daemon's events, and the API server asked directly.

use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::Value;
use taffrail_model::{Event, Seq};
use tokio::time::{Instant, timeout_at};

use crate::client::Client;
use crate::output::Output;
use crate::{Failure, text};

/// Kinds that are not told one by one: there is one an object.
const QUIET: [&str; 1] = ["ObjectApplied"];

/// Follows the events and looks at the cluster.
pub(super) struct Witness {
    client: Client,
    cluster: kube::Client,
    seen: Seq,
    quiet: usize,
}

impl Witness {
    pub(super) async fn new(server: &str, kubeconfig: &Path) -> Result<Self, Failure> {
        let client = Client::new(&server.parse().map_err(Failure::new)?, None)?;
        let kubeconfig = Kubeconfig::read_from(kubeconfig).map_err(Failure::new)?;
        let options = KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(Failure::new)?;
        let cluster = kube::Client::try_from(config).map_err(Failure::new)?;
        Ok(Self { client, cluster, seen: Seq(0), quiet: 0 })
    }

    /// Tells the events that come, until there was one of this kind of each of these applications; the last of them.
    pub(super) async fn until(
        &mut self,
        output: &mut Output,
        time: Duration,
        applications: &[&str],
        kind: &str,
    ) -> Result<Event, Failure> {
        let mut missing: Vec<&str> = applications.to_vec();
        let deadline = Instant::now() + time;
        let mut messages = self.client.messages(&["events"], &Vec::new(), &self.seen.to_string()).await?;
        loop {
            let late = |_| {
                let seconds = time.as_secs();
                Failure::new(format!("a step was not seen: {kind} of {} within {seconds} s", missing.join(", ")))
            };
            let message = timeout_at(deadline, messages.next()).await.map_err(late)??;
            let Some(message) = message else { return Err(Failure::new("the daemon ended the stream of events")) };
            let Some(bytes) = message.event else { continue };
            let event = Event::from_bytes(&bytes).map_err(Failure::new)?;
            self.seen = event.seq();
            self.tell(output, &event, &bytes)?;
            if event.envelope.fact.kind() == kind {
                let of = event.envelope.subject.application().map(|name| name.as_str());
                missing.retain(|name| Some(*name) != of);
                if missing.is_empty() {
                    return Ok(event);
                }
            }
        }
    }

    fn tell(&mut self, output: &mut Output, event: &Event, bytes: &[u8]) -> Result<(), Failure> {
        if QUIET.contains(&event.envelope.fact.kind()) {
            self.quiet += 1;
            return Ok(());
        }
        if self.quiet > 0 {
            output.line(&format!("  ... {} objects written", std::mem::take(&mut self.quiet)))?;
        }
        let line = text::line(bytes, output);
        output.line(&format!("  {line}"))?;
        Ok(output.flush()?)
    }

    /// The image of the first container of a live Deployment.
    pub(super) async fn image(&self, namespace: &str, deployment: &str) -> Result<String, Failure> {
        let live = self.deployment(namespace, deployment).await?;
        let image = live.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
        image.map(str::to_owned).ok_or_else(|| Failure::new(format!("a step was not seen: {deployment} has an image")))
    }

    /// How many replicas a live Deployment asks for.
    pub(super) async fn replicas(&self, namespace: &str, deployment: &str) -> Result<u64, Failure> {
        let live = self.deployment(namespace, deployment).await?;
        let replicas = live.pointer("/spec/replicas").and_then(Value::as_u64);
        replicas.ok_or_else(|| Failure::new(format!("a step was not seen: {deployment} has replicas")))
    }

    /// As `kubectl scale` does.
    pub(super) async fn scale(&self, namespace: &str, deployment: &str, replicas: u64) -> Result<(), Failure> {
        let path = format!("{}/scale?fieldManager=kubectl", path(namespace, deployment));
        let patch = serde_json::json!({ "spec": { "replicas": replicas } }).to_string().into_bytes();
        let request = http::Request::patch(path).header(http::header::CONTENT_TYPE, "application/merge-patch+json");
        let request = request.body(patch).map_err(Failure::new)?;
        self.cluster.request::<Value>(request).await.map(drop).map_err(Failure::new)
    }

    async fn deployment(&self, namespace: &str, deployment: &str) -> Result<Value, Failure> {
        let request = http::Request::get(path(namespace, deployment)).body(Vec::new()).map_err(Failure::new)?;
        self.cluster.request(request).await.map_err(Failure::new)
    }

    /// The event before `before` that matches.
    pub(super) async fn find(&self, before: &Event, wanted: impl Fn(&Event) -> bool) -> Result<Event, Failure> {
        let query = vec![("before", before.seq().to_string()), ("order", "desc".to_owned())];
        let mut lines = self.client.lines(&["events"], &query).await?;
        while let Some(line) = lines.next().await? {
            let event = Event::from_bytes(&line).map_err(Failure::new)?;
            if wanted(&event) {
                return Ok(event);
            }
        }
        Err(Failure::new(format!("no such event before {}", before.seq())))
    }

    /// The event that led to this one.
    pub(super) async fn cause(&self, event: &Event) -> Result<Option<Event>, Failure> {
        let Some(cause) = event.envelope.cause else { return Ok(None) };
        let bytes = self.bytes(cause).await?;
        Event::from_bytes(&bytes).map(Some).map_err(Failure::new)
    }

    /// The stored bytes of an event.
    pub(super) async fn stored(&self, event: &Event) -> Result<Vec<u8>, Failure> {
        self.bytes(event.seq()).await
    }

    async fn bytes(&self, seq: Seq) -> Result<Vec<u8>, Failure> {
        let query = vec![("after", (seq.0 - 1).to_string()), ("limit", "1".to_owned())];
        let line = self.client.lines(&["events"], &query).await?.next().await?;
        line.ok_or_else(|| Failure::new(format!("/events does not show event {seq}")))
    }
}

fn path(namespace: &str, deployment: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/deployments/{deployment}")
}
