//! A Kubernetes API server.
//!
//! Always: a write has a time-out of its own and is never given up before; a message about a Secret holds none of its
//! values.

use std::time::Duration;

use taffrail_model::{ApiVersion, ApplicationName, Manifest, ObjectKey, Uid};
pub use taffrail_model::{Watch, WatchEvent, WatchScope};

use crate::{BoxFuture, BoxStream};

/// Annotation that says whose an object is: `INSTALLATION/APPLICATION:GROUP/KIND:NAMESPACE/NAME`.
pub const OWNER_ANNOTATION: &str = "taffrail.dev/owner";
/// Label by which watches find our objects. It is a filter and proves nothing: EndpointSlices inherit it.
pub const APPLICATION_LABEL: &str = "taffrail.dev/application";
/// Field manager of all our writes.
pub const FIELD_MANAGER: &str = "taffrail";

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// This installation.
    pub installation: String,
    /// The application.
    pub application: ApplicationName,
}

impl Owner {
    /// The value of [`OWNER_ANNOTATION`] on `object`.
    pub fn mark(&self, object: &ObjectKey) -> String {
        format!("{}/{}:{object}", self.installation, self.application)
    }
}

/// One server-side apply.
#[derive(Clone, Debug)]
pub struct Apply {
    /// What to write; label and annotation of the owner are added to it.
    pub manifest: Manifest,
    /// Whose it is.
    pub owner: Owner,
    /// The uid that the object must have. Without one the object is looked up first: absent or ours is written,
    /// anything else refused.
    pub uid: Option<Uid>,
}

/// What an apply did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The object's uid.
    pub uid: Uid,
    /// Whether it was not there before.
    pub created: bool,
    /// The server's resourceVersion after it.
    pub resource_version: String,
}

/// One delete, with `propagationPolicy: Background`.
#[derive(Clone, Debug)]
pub struct Delete {
    /// The object.
    pub object: ObjectKey,
    /// The apiVersion to delete it in.
    pub api_version: ApiVersion,
    /// Whose it is.
    pub owner: Owner,
    /// The uid that it must have. Without one the object is looked up first, and only deleted if it is ours.
    pub uid: Option<Uid>,
    /// Whether to wait until it is gone.
    pub wait: bool,
}

/// What a delete did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// The object with this uid is deleted, or was already being deleted.
    Gone(Uid),
    /// There was nothing of ours to delete.
    Absent,
}

/// Why a write failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteError {
    /// What can be done about it.
    pub kind: WriteErrorKind,
    /// The server's words, redacted.
    pub message: String,
}

/// What can be done about a failed write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteErrorKind {
    /// It may pass by itself: a busy server, a webhook, a quota, a namespace or kind that does not exist yet. Tried
    /// again, not before this long.
    Transient(Option<Duration>),
    /// The server cannot be reached, or did not answer in time: whether the write happened is not known.
    Unreachable,
    /// The object with the expected uid is gone, or another has its name.
    Gone,
    /// Fields that may not change would.
    Immutable,
    /// Nothing but another manifest helps.
    Refused,
}

/// A Kubernetes API server.
pub trait Cluster: Send + Sync + 'static {
    /// Writes an object.
    fn apply(&self, apply: Apply) -> BoxFuture<'_, Result<Applied, WriteError>>;

    /// Deletes an object.
    fn delete(&self, delete: Delete) -> BoxFuture<'_, Result<Deleted, WriteError>>;

    /// Watches objects.
    fn watch(&self, watch: Watch) -> BoxStream<'static, WatchEvent>;
}
