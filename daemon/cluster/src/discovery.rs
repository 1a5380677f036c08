//! Which kinds the API server serves, learned when the first is asked for and again when one is not known.
//!
//! Always: all who ask share one refresh, and at most one is made in [`PAUSE`]. A refresh that fails, and an API group
//! whose server does not answer, take nothing away from what is known.

mod document;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use taffrail_model::ApiVersion;
use taffrail_ports::cluster::{WriteError, WriteErrorKind};
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

use self::document::{PlainList, PlainResource, Root};
use crate::address::{Resource, group_version_path};
use crate::refusal::{Refusal, one_line, unreachable};
use crate::server::{Server, get};

/// Shortest time between two refreshes.
const PAUSE: Duration = Duration::from_secs(2);

/// Aggregated discovery: all groups of a root in one answer. A server that does not know it takes the last, plain form.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";

/// The kinds that the API server serves.
pub(crate) struct Discovery {
    server: Arc<Server>,
    kinds: watch::Sender<Kinds>,
    refreshed: Mutex<Option<Refreshed>>,
}

/// Why a kind is not found.
pub(crate) enum NoKind {
    /// The server does not serve it.
    Unknown,
    /// Its API group does not answer.
    Silent,
    /// The server was not to be asked.
    Failed(WriteError),
}

struct Refreshed {
    at: Instant,
    outcome: Result<(), WriteError>,
}

type Kinds = BTreeMap<ApiVersion, Group>;

/// One version of an API group.
#[derive(Clone, Default)]
struct Group {
    kinds: HashMap<String, Resource>,
    /// Its server did not answer the API server: the kinds are those that were known before.
    silent: bool,
}

impl Discovery {
    pub fn new(server: Arc<Server>) -> Self {
        Self { server, kinds: watch::Sender::new(Kinds::new()), refreshed: Mutex::new(None) }
    }

    /// How `kind` is served in `api_version`.
    pub async fn find(&self, api_version: &ApiVersion, kind: &str) -> Result<Resource, NoKind> {
        let asked = Instant::now();
        if let Some(resource) = self.known(api_version, kind) {
            return Ok(resource);
        }
        self.refresh(asked).await.map_err(NoKind::Failed)?;
        let silent = || self.kinds.borrow().get(api_version).is_some_and(|group| group.silent);
        self.known(api_version, kind).ok_or_else(|| if silent() { NoKind::Silent } else { NoKind::Unknown })
    }

    /// How `kind` is served in any version of its group: an object can be deleted in each.
    pub fn in_any_version(&self, group: &str, kind: &str) -> Option<Resource> {
        let kinds = self.kinds.borrow();
        kinds.iter().filter(|(version, _)| version.group == group).find_map(|(_, group)| group.kinds.get(kind).cloned())
    }

    /// What was known of `kind` proved wrong.
    pub fn forget(&self, api_version: &ApiVersion, kind: &str) {
        self.kinds.send_modify(|kinds| {
            if let Some(group) = kinds.get_mut(api_version) {
                group.kinds.remove(kind);
            }
        });
    }

    /// Waits until somebody's refresh shows `kind`, for at most `patience`.
    pub async fn appears(&self, api_version: &ApiVersion, kind: &str, patience: Duration) {
        let shows = |kinds: &Kinds| kinds.get(api_version).is_some_and(|group| group.kinds.contains_key(kind));
        let mut kinds = self.kinds.subscribe();
        // An error is the time-out: the sender lives as long as `self`.
        let _ = tokio::time::timeout(patience, kinds.wait_for(shows)).await;
    }

    fn known(&self, api_version: &ApiVersion, kind: &str) -> Option<Resource> {
        self.kinds.borrow().get(api_version)?.kinds.get(kind).cloned()
    }

    /// Learns anew, unless somebody did since `asked`.
    async fn refresh(&self, asked: Instant) -> Result<(), WriteError> {
        let mut refreshed = self.refreshed.lock().await;
        if let Some(last) = &*refreshed {
            if last.at >= asked {
                return last.outcome.clone();
            }
            tokio::time::sleep_until(last.at + PAUSE).await;
        }
        let outcome = self.learn().await;
        *refreshed = Some(Refreshed { at: Instant::now(), outcome: outcome.clone() });
        outcome
    }

    async fn learn(&self) -> Result<(), WriteError> {
        let mut kinds = Kinds::new();
        for root in ["/api", "/apis"] {
            match self.read(root).await? {
                Root::Aggregated(document) => kinds.extend(document.into_kinds()),
                Root::Plain(versions) => {
                    for version in versions {
                        let group = self.plain(&version).await;
                        kinds.insert(version, group);
                    }
                }
            }
        }
        self.kinds.send_modify(|known| {
            for (version, group) in kinds.iter_mut().filter(|(_, group)| group.silent) {
                let before = known.remove(version).unwrap_or_default();
                group.kinds = before.kinds.into_iter().chain(group.kinds.drain()).collect();
            }
            *known = kinds;
        });
        Ok(())
    }

    async fn read(&self, path: &str) -> Result<Root, WriteError> {
        let answer =
            self.server.ask("discover", get(path.to_owned(), AGGREGATED)).await.map_err(|e| unreachable(&e))?;
        if !answer.is_success() {
            let refusal = Refusal::read(&answer);
            let message = one_line(&format!("the kinds of the cluster cannot be read: {}", refusal.words(false)));
            return Err(WriteError { kind: WriteErrorKind::Transient(refusal.retry_after()), message });
        }
        answer.json().map(Root::of).map_err(|e| unreachable(&e))
    }

    async fn plain(&self, version: &ApiVersion) -> Group {
        let path = group_version_path(version);
        let answer = self.server.ask("discover", get(path, "application/json")).await;
        let list = answer.ok().filter(|answer| answer.is_success()).and_then(|answer| answer.json::<PlainList>().ok());
        let Some(list) = list else { return Group { silent: true, ..Group::default() } };
        let mut group = Group::default();
        // A name with a slash is a subresource.
        for PlainResource { name, kind, namespaced } in list.resources.into_iter().filter(|r| !r.name.contains('/')) {
            group.add(version, kind, name, namespaced);
        }
        group
    }
}

impl NoKind {
    /// As the error of a write.
    pub fn of_write(self, api_version: &ApiVersion, kind: &str) -> WriteError {
        let message = match self {
            Self::Failed(error) => return error,
            Self::Unknown => format!(
                "the cluster knows no kind {kind} in {api_version}; a CustomResourceDefinition that brings it is not \
                 established yet"
            ),
            Self::Silent => format!("the server of {api_version} does not answer: see its APIService"),
        };
        WriteError { kind: WriteErrorKind::Transient(None), message }
    }
}

impl Group {
    fn add(&mut self, version: &ApiVersion, kind: String, plural: String, namespaced: bool) {
        let resource = Resource { api_version: version.clone(), plural, namespaced };
        self.kinds.entry(kind).or_insert(resource);
    }
}
