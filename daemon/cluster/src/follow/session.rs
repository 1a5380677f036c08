//! One connection of a watch, from finding the kind to the end of the stream.

use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING};
use http::{Request, Response};
use kube::client::Body;
use kube::core::Status;
use serde::Deserialize;
use serde_json::Value;
use taffrail_model::{LiveObject, WatchEvent, WatchScope};
use taffrail_ports::cluster::APPLICATION_LABEL;

use super::{End, Follower};
use crate::address::{Resource, encoded};
use crate::discovery::NoKind;
use crate::jitter;
use crate::lines::Lines;
use crate::list::{METADATA_LIST, NoList, list};
use crate::refusal::{Refusal, one_line};
use crate::seen::{is_metadata_only, seen};
use crate::server::{Answer, NoAnswer};

/// A server that went on from too old a version says so at once: a resumed watch that says nothing for so long stands.
const SETTLED: Duration = Duration::from_millis(500);
/// Most objects of one watch: a bound, far beyond what an API server lists in its time-out.
const MOST_OBJECTS: usize = 1_000_000;

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

impl Follower {
    pub(super) async fn session(&mut self) -> End {
        let (api_version, kind) = (&self.watch.api_version, self.watch.kind.as_str());
        let resource = match self.inner.discovery.find(api_version, kind).await {
            Ok(resource) => resource,
            Err(NoKind::Unknown) => return End::Absent,
            Err(none) => return End::Failed(none.of_write(api_version, kind).message, None),
        };
        self.absent = false;
        if self.seen.is_none()
            && !self.streams_lists
            && let Err(end) = self.list(&resource).await
        {
            return end;
        }
        match self.open(&resource).await {
            Ok(response) => self.follow(Lines::new(response.into_body())).await,
            Err(end) => end,
        }
    }

    /// Lists in pages, for a server that does not stream lists.
    async fn list(&mut self, resource: &Resource) -> Result<(), End> {
        let accept = if is_metadata_only(&self.watch) { METADATA_LIST } else { "application/json" };
        let mut objects = Vec::new();
        let take = |page: Vec<Value>| objects.extend(page.into_iter().filter_map(|object| seen(&self.watch, object)));
        let listed = list(&self.inner.server, &self.path(resource), &self.selector(), accept, take).await;
        let resource_version = match listed {
            Ok(version) => version,
            Err(NoList::NoAnswer(none)) => return Err(failed(&none)),
            Err(NoList::Refused(answer)) => return Err(self.refused(&answer)),
        };
        self.seen = Some(resource_version);
        self.tell(WatchEvent::Listed(objects)).await;
        Ok(())
    }

    async fn open(&mut self, resource: &Resource) -> Result<Response<Body>, End> {
        let from = match &self.seen {
            Some(version) => format!("resourceVersion={}", encoded(version)),
            None => "sendInitialEvents=true&resourceVersionMatch=NotOlderThan".to_owned(),
        };
        // Between 5 and 10 minutes, as client-go does, so that watches spread over the servers.
        let end = Duration::from_secs(300) + jitter::below(Duration::from_secs(300));
        let query =
            format!("watch=true&allowWatchBookmarks=true&timeoutSeconds={}&{from}{}", end.as_secs(), self.selector());
        let accept = if is_metadata_only(&self.watch) { crate::server::METADATA } else { "application/json" };
        let request = Request::get(format!("{}?{query}", self.path(resource)))
            .header(ACCEPT, accept)
            .header(ACCEPT_ENCODING, "identity")
            .body(Vec::new())
            .expect("paths and queries are encoded");
        let response = self.inner.server.open("watch", request).await.map_err(|none| failed(&none))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let answer = self.inner.server.timed(Answer::refusal(response)).await.map_err(|none| failed(&none))?;
        Err(self.refused(&answer))
    }

    async fn follow(&mut self, mut lines: Lines) -> End {
        let mut listing = self.seen.is_none().then(Vec::new);
        loop {
            let resuming = listing.is_none() && self.lost.is_some();
            let patience = match (&listing, resuming) {
                (Some(_), _) => self.inner.options.timeout,
                (None, true) => SETTLED,
                (None, false) => self.inner.options.silence,
            };
            let line = match tokio::time::timeout(patience, lines.next()).await {
                Ok(Some(Ok(line))) => line,
                Ok(Some(Err(reason))) => return End::Failed(format!("the watch broke: {reason}"), None),
                Ok(None) => return End::Closed,
                Err(_) if resuming => {
                    self.tell(WatchEvent::Resumed).await;
                    continue;
                }
                Err(_) if listing.is_some() => {
                    // Servers that do not know the option ignore it: no bookmark ends the list.
                    self.streams_lists = false;
                    return End::Failed(format!("the list did not come within {patience:?}"), None);
                }
                Err(_) => return End::Silent,
            };
            // The error would quote the line.
            let Ok(line) = serde_json::from_slice::<Line>(&line) else {
                return End::Failed("the watch sent a line that is no event".to_owned(), None);
            };
            if line.kind == "ERROR" {
                return self.error(line.object);
            }
            if resuming {
                self.tell(WatchEvent::Resumed).await;
            }
            if let Err(end) = self.take(line, &mut listing).await {
                return end;
            }
        }
    }

    /// Takes one event in.
    async fn take(&mut self, line: Line, listing: &mut Option<Vec<LiveObject>>) -> Result<(), End> {
        let metadata = &line.object["metadata"];
        let version = metadata["resourceVersion"].as_str().unwrap_or_default().to_owned();
        if listing.is_none() && self.went_back(&version) {
            return Err(End::Expired);
        }
        if line.kind == "BOOKMARK" {
            self.bookmarks = true;
            if metadata["annotations"]["k8s.io/initial-events-end"] == "true"
                && let Some(objects) = listing.take()
            {
                self.tell(WatchEvent::Listed(objects)).await;
            }
        } else {
            let Some(object) = seen(&self.watch, line.object) else {
                return Err(End::Failed("the watch sent an object without name, uid or version".to_owned(), None));
            };
            match listing {
                Some(objects) => {
                    objects.push(object);
                    within_bounds(objects)?;
                }
                None if line.kind == "DELETED" => self.tell(WatchEvent::Removed(object.key)).await,
                None => self.tell(WatchEvent::Changed(object)).await,
            }
        }
        if listing.is_none() {
            self.seen = Some(version);
        }
        Ok(())
    }

    /// Whether the server is behind what was seen: its store was restored from a backup.
    fn went_back(&self, version: &str) -> bool {
        let number = |text: &str| text.parse::<u64>().ok();
        let seen = self.seen.as_deref().and_then(number);
        seen.zip(number(version)).is_some_and(|(seen, now)| now < seen)
    }

    /// What an event of type ERROR ends the session with.
    fn error(&self, object: Value) -> End {
        let status = serde_json::from_value::<Status>(object).unwrap_or_default();
        match status.code {
            410 => End::Expired,
            code => End::Failed(one_line(&format!("the watch was ended: {code} {}", status.message)), None),
        }
    }

    /// What an answer other than success ends the session with.
    fn refused(&mut self, answer: &Answer) -> End {
        let refusal = Refusal::read(answer);
        match refusal.code {
            // A list's `continue` grows old too.
            410 => End::Expired,
            404 => {
                self.inner.discovery.forget(&self.watch.api_version, &self.watch.kind);
                End::Absent
            }
            // Streaming lists are off by default in 1.33, and then refused.
            400 | 422 if self.seen.is_none() && self.streams_lists => {
                self.streams_lists = false;
                End::Closed
            }
            _ => End::Failed(refusal.words(false), refusal.retry_after()),
        }
    }

    fn path(&self, resource: &Resource) -> String {
        match &self.watch.scope {
            WatchScope::Namespace(namespace) if resource.namespaced => resource.path(Some(namespace)),
            _ => resource.path(None),
        }
    }

    fn selector(&self) -> String {
        match self.watch.scope {
            WatchScope::Ours => format!("&labelSelector={}", encoded(APPLICATION_LABEL)),
            WatchScope::Namespace(_) => String::new(),
        }
    }
}

fn failed(none: &NoAnswer) -> End {
    End::Failed(one_line(&none.to_string()), None)
}

fn within_bounds(objects: &[LiveObject]) -> Result<(), End> {
    if objects.len() <= MOST_OBJECTS {
        return Ok(());
    }
    Err(End::Failed(format!("there are more than {MOST_OBJECTS} objects"), None))
}
