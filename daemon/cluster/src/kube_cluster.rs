//! The API server as the rest of the house sees it.
//!
//! Always: a write that began goes on in a task of its own; whoever asked for it may leave.

use std::sync::Arc;
use std::time::Duration;

use taffrail_model::claim::claim_on;
use taffrail_model::configuration::{ServiceAccount, ServiceTarget};
use taffrail_model::{
    ApiVersion, ApplicationName, ClusterName, Evidence, LiveObject, ObjectKey, WatchEvent, WatchScope,
};
use taffrail_ports::cluster::{
    Applied, Apply, Claim, Claimed, Cluster, Comparison, Delete, Deleted, Examine, Watch, WriteError, WriteErrorKind,
};
use taffrail_ports::metrics::Metrics;
use taffrail_ports::{BoxFuture, BoxStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::address::Resource;
use crate::apply::Terms;
use crate::connect::{ConnectError, Connection, Options, client};
use crate::discovery::{Discovery, NoKind};
use crate::place::Place;
use crate::prepare::{Prepared, placed};
use crate::refusal::{one_line, unreachable};
use crate::seen::seen;
use crate::server::{METADATA, NoAnswer, Server};
use crate::{apply, claim, compare, delete, examine, follow, marked, probe};

/// A Kubernetes API server. Cloning shares it.
#[derive(Clone)]
pub struct KubeCluster {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub server: Arc<Server>,
    pub discovery: Discovery,
    pub options: Options,
    writes: Arc<Semaphore>,
    runtime: Handle,
    impersonates: bool,
}

impl KubeCluster {
    /// Reads the configuration. The API server is first asked when something is asked of it; its tasks run on the
    /// runtime that this is called on.
    pub async fn connect(options: Options, metrics: Metrics) -> Result<Self, ConnectError> {
        let Connection { client, impersonates } = client(&options).await?;
        let server = Arc::new(Server { client, timeout: options.timeout, metrics });
        let inner = Inner {
            discovery: Discovery::new(Arc::clone(&server)),
            server,
            writes: Arc::new(Semaphore::new(options.in_flight.max(1))),
            runtime: Handle::current(),
            impersonates,
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Cluster for KubeCluster {
    fn apply(&self, apply: Apply) -> BoxFuture<'_, Result<Applied, WriteError>> {
        Box::pin(async move {
            let Apply { manifest, owner, uid, foreign, take, replicas, identity } = apply;
            let (api_version, kind) = (manifest.api_version(), manifest.key().kind);
            let found = self.inner.discovery.find(&api_version, &kind).await;
            let resource = found.map_err(|none| none.of_write(&api_version, &kind))?;
            let prepared = Prepared::new(manifest, &owner, &resource).map_err(refused)?;
            let place = self.place(resource, prepared.key.clone(), identity)?;
            let terms = Terms { owner, uid, foreign, take, replicas };
            self.carry_out(async move { apply::apply(&place, &prepared, &terms).await }).await
        })
    }

    fn delete(&self, delete: Delete) -> BoxFuture<'_, Result<Deleted, WriteError>> {
        Box::pin(async move {
            let Delete { object, api_version, owner, uid, wait, identity } = delete;
            let Some(place) = self.find(object, &api_version, identity).await? else { return Ok(Deleted::Absent) };
            let write = {
                let place = place.clone();
                async move { delete::delete(&place, &owner, uid).await }
            };
            let deleted = self.carry_out(write).await?;
            if let (Deleted::Gone(uid), true) = (&deleted, wait) {
                delete::gone(&place, uid).await?;
            }
            Ok(deleted)
        })
    }

    fn look(
        &self,
        object: ObjectKey,
        api_version: ApiVersion,
    ) -> BoxFuture<'_, Result<Option<LiveObject>, WriteError>> {
        Box::pin(async move {
            let Some(place) = self.find(object, &api_version, None).await? else { return Ok(None) };
            let Some(answer) = place.get(METADATA).await? else { return Ok(None) };
            let object = answer.json().map_err(|none| unreachable(&none))?;
            let read = Watch {
                cluster: ClusterName::default(),
                api_version,
                kind: place.object.kind,
                scope: WatchScope::Ours,
            };
            let nameless = || unreachable(&NoAnswer::Failed("an object without name, uid or version".to_owned()));
            seen(&read, object).map(Some).ok_or_else(nameless)
        })
    }

    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, WriteError>> {
        Box::pin(async move {
            let object = claim_on(&claim.application, &claim.namespace);
            let resource = Resource { api_version: "v1".into(), plural: "configmaps".to_owned(), namespaced: true };
            let object = placed(object, &resource).map_err(refused)?;
            let place = self.place(resource, object, None)?;
            self.carry_out(async move { claim::claim(&place, &claim).await }).await
        })
    }

    fn marked(
        &self,
        application: ApplicationName,
        kinds: Vec<(ApiVersion, String)>,
    ) -> BoxFuture<'_, Result<Vec<LiveObject>, WriteError>> {
        Box::pin(async move { marked::marked(&self.inner, &application, kinds).await })
    }

    fn compare(&self, apply: Apply) -> BoxFuture<'_, Result<Comparison, WriteError>> {
        Box::pin(async move {
            let Apply { manifest, owner, replicas, identity, .. } = apply;
            let (api_version, key) = (manifest.api_version(), manifest.key());
            if key.is_secret() {
                return Err(refused("a Secret is not compared, since its values would be shown".to_owned()));
            }
            let resource = match self.inner.discovery.find(&api_version, &key.kind).await {
                Ok(resource) => resource,
                // With the definition that brings the kind, nothing of it is there yet.
                Err(NoKind::Unknown) => return Ok(Comparison { live: None, after: manifest.into_value() }),
                Err(none) => return Err(none.of_write(&api_version, &key.kind)),
            };
            let prepared = Prepared::new(manifest, &owner, &resource).map_err(refused)?;
            let place = self.place(resource, prepared.key.clone(), identity)?;
            compare::compare(&place, &prepared, replicas).await
        })
    }

    fn probe(&self, target: ServiceTarget, timeout: Duration) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move { probe::probe(&self.inner.server, &target, timeout).await })
    }

    fn examine(&self, examine: Examine) -> BoxFuture<'_, Vec<Evidence>> {
        Box::pin(async move { examine::examine(&self.inner, &examine).await })
    }

    fn watch(&self, watch: Watch) -> BoxStream<'static, WatchEvent> {
        follow::watch(Arc::clone(&self.inner), watch, &self.inner.runtime)
    }
}

impl KubeCluster {
    fn place(
        &self,
        resource: Resource,
        object: ObjectKey,
        identity: Option<ServiceAccount>,
    ) -> Result<Place, WriteError> {
        // The client's own headers, which come last, would take the place of ours.
        if let (Some(ServiceAccount { namespace, name }), true) = (&identity, self.inner.impersonates) {
            let whom = format!("the service account {namespace}/{name}");
            return Err(refused(format!(
                "it cannot be written as {whom}, since the kubeconfig acts as somebody itself"
            )));
        }
        Ok(Place { inner: Arc::clone(&self.inner), resource, object, identity })
    }

    /// Where `object` is; none when the cluster does not know its kind, with which its objects went.
    async fn find(
        &self,
        object: ObjectKey,
        api_version: &ApiVersion,
        identity: Option<ServiceAccount>,
    ) -> Result<Option<Place>, WriteError> {
        let resource = match self.inner.discovery.find(api_version, &object.kind).await {
            Ok(resource) => resource,
            Err(NoKind::Unknown) => match self.inner.discovery.in_any_version(&object.group, &object.kind) {
                Some(resource) => resource,
                None => return Ok(None),
            },
            Err(none) => return Err(none.of_write(api_version, &object.kind)),
        };
        let object = placed(object, &resource).map_err(refused)?;
        self.place(resource, object, identity).map(Some)
    }

    /// Runs `write` to its end, also when this future is dropped once it began.
    async fn carry_out<T: Send + 'static>(
        &self,
        write: impl Future<Output = Result<T, WriteError>> + Send + 'static,
    ) -> Result<T, WriteError> {
        let permit = Arc::clone(&self.inner.writes).acquire_owned().await.expect("the semaphore is never closed");
        let task = self.inner.runtime.spawn(async move {
            let _permit = permit;
            write.await
        });
        let stopped = |_| WriteError {
            kind: WriteErrorKind::Unreachable,
            message: "the write was cut short, since the daemon stops".to_owned(),
        };
        task.await.map_err(stopped)?
    }
}

fn refused(message: String) -> WriteError {
    WriteError { kind: WriteErrorKind::Refused, message: one_line(&message) }
}
