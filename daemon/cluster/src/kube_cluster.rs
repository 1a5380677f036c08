//! The API server as the rest of the house sees it.
//!
//! Always: a write that began goes on in a task of its own; whoever asked for it may leave.

use std::sync::Arc;

use taffrail_model::{ObjectKey, WatchEvent};
use taffrail_ports::cluster::{Applied, Apply, Cluster, Delete, Deleted, Watch, WriteError, WriteErrorKind};
use taffrail_ports::metrics::Metrics;
use taffrail_ports::{BoxFuture, BoxStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use crate::address::Resource;
use crate::connect::{ConnectError, Options, client};
use crate::discovery::{Discovery, NoKind};
use crate::prepare::{Prepared, placed};
use crate::refusal::{Refusal, one_line};
use crate::server::Server;
use crate::{apply, delete, follow};

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
}

impl KubeCluster {
    /// Reads the configuration. The API server is first asked when something is asked of it; its tasks run on the
    /// runtime that this is called on.
    pub async fn connect(options: Options, metrics: Metrics) -> Result<Self, ConnectError> {
        let server = Arc::new(Server { client: client(&options).await?, timeout: options.timeout, metrics });
        let inner = Inner {
            discovery: Discovery::new(Arc::clone(&server)),
            server,
            writes: Arc::new(Semaphore::new(options.in_flight.max(1))),
            runtime: Handle::current(),
            options,
        };
        Ok(Self { inner: Arc::new(inner) })
    }
}

impl Cluster for KubeCluster {
    fn apply(&self, apply: Apply) -> BoxFuture<'_, Result<Applied, WriteError>> {
        Box::pin(async move {
            let Apply { manifest, owner, uid, .. } = apply;
            let (api_version, kind) = (manifest.api_version(), manifest.key().kind);
            let found = self.inner.discovery.find(&api_version, &kind).await;
            let resource = found.map_err(|none| none.of_write(&api_version, &kind))?;
            let prepared = Prepared::new(manifest, &owner, &resource).map_err(refused)?;
            let inner = Arc::clone(&self.inner);
            self.carry_out(async move { apply::apply(&inner, &resource, &prepared, uid).await }).await
        })
    }

    fn delete(&self, delete: Delete) -> BoxFuture<'_, Result<Deleted, WriteError>> {
        Box::pin(async move {
            let Delete { object, api_version, owner, uid, wait, .. } = delete;
            let resource = match self.inner.discovery.find(&api_version, &object.kind).await {
                Ok(resource) => resource,
                Err(NoKind::Unknown) => match self.inner.discovery.in_any_version(&object.group, &object.kind) {
                    Some(resource) => resource,
                    // With the kind went its objects.
                    None => return Ok(Deleted::Absent),
                },
                Err(none) => return Err(none.of_write(&api_version, &object.kind)),
            };
            let object = placed(object, &resource).map_err(refused)?;
            let mark = owner.mark(&object);
            let write = {
                let (inner, object, resource) = (Arc::clone(&self.inner), object.clone(), resource.clone());
                async move { delete::delete(&inner, &resource, &object, &mark, uid).await }
            };
            let deleted = self.carry_out(write).await?;
            if let (Deleted::Gone(uid), true) = (&deleted, wait) {
                delete::gone(&self.inner, &resource, &object, uid).await?;
            }
            Ok(deleted)
        })
    }

    fn watch(&self, watch: Watch) -> BoxStream<'static, WatchEvent> {
        follow::watch(Arc::clone(&self.inner), watch, &self.inner.runtime)
    }
}

impl KubeCluster {
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

impl Inner {
    /// Forgets a kind that the server says it does not serve, so that the next one to ask makes discovery look.
    pub fn learn_from(&self, refusal: &Refusal, resource: &Resource, object: &ObjectKey) {
        if refusal.is_unknown_kind() {
            self.discovery.forget(&resource.api_version, &object.kind);
        }
    }
}

fn refused(message: String) -> WriteError {
    WriteError { kind: WriteErrorKind::Refused, message: one_line(&message) }
}
