//! A cluster that is configured and not reached: everything that is asked of it fails in a way that is tried again.

use std::time::Duration;

use futures_util::StreamExt;
use taffrail_model::claim::Claimed;
use taffrail_model::configuration::ServiceTarget;
use taffrail_model::{ApiVersion, ApplicationName, Evidence, LiveObject, ObjectKey, Watch, WatchEvent};
use taffrail_ports::cluster::{
    Applied, Apply, Claim, Cluster, Comparison, Delete, Deleted, Examine, WriteError, WriteErrorKind,
};
use taffrail_ports::{BoxFuture, BoxStream};

const WHY: &str = "this daemon does not reach the cluster: it is not in its configuration";

/// See the module.
pub(super) struct Nowhere;

fn fails<T: Send + 'static>() -> BoxFuture<'static, Result<T, WriteError>> {
    let error = WriteError { kind: WriteErrorKind::Transient(None), message: WHY.to_owned() };
    Box::pin(std::future::ready(Err(error)))
}

impl Cluster for Nowhere {
    fn apply(&self, _: Apply) -> BoxFuture<'_, Result<Applied, WriteError>> {
        fails()
    }

    fn delete(&self, _: Delete) -> BoxFuture<'_, Result<Deleted, WriteError>> {
        fails()
    }

    fn watch(&self, _: Watch) -> BoxStream<'static, WatchEvent> {
        let lost = futures_util::stream::once(std::future::ready(WatchEvent::Lost(WHY.to_owned())));
        Box::pin(lost.chain(futures_util::stream::pending()))
    }

    fn look(&self, _: ObjectKey, _: ApiVersion) -> BoxFuture<'_, Result<Option<LiveObject>, WriteError>> {
        fails()
    }

    fn marked(
        &self,
        _: ApplicationName,
        _: Vec<(ApiVersion, String)>,
    ) -> BoxFuture<'_, Result<Vec<LiveObject>, WriteError>> {
        fails()
    }

    fn compare(&self, _: Apply) -> BoxFuture<'_, Result<Comparison, WriteError>> {
        fails()
    }

    fn probe(&self, _: ServiceTarget, _: Duration) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(std::future::ready(Err(WHY.to_owned())))
    }

    fn examine(&self, _: Examine) -> BoxFuture<'_, Vec<Evidence>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn claim(&self, _: Claim) -> BoxFuture<'_, Result<Claimed, WriteError>> {
        fails()
    }
}
