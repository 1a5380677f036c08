//! A Kubernetes API server.
//!
//! Always: a write has a time-out of its own and is never given up before; a message about a Secret holds none of its
//! values.

use std::time::Duration;

use serde_json::Value;
use taffrail_model::claim::owner_mark;
pub use taffrail_model::claim::{Claimed, OWNER_ANNOTATION};
use taffrail_model::configuration::{ForeignPolicy, ServiceAccount, ServiceTarget};
pub use taffrail_model::fields::FIELD_MANAGER;
use taffrail_model::{
    ApiVersion, ApplicationName, Evidence, FieldSet, ForeignField, Holder, LiveObject, Manifest, ObjectKey, Uid,
};
pub use taffrail_model::{Replicas, Take, Watch, WatchEvent, WatchScope};

use crate::{BoxFuture, BoxStream};

/// Label by which watches find our objects. It is a filter and proves nothing: EndpointSlices inherit it.
pub const APPLICATION_LABEL: &str = "taffrail.dev/application";
/// Field manager that `spec.replicas` is handed to when an autoscaler sets it.
pub const SEED_MANAGER: &str = "taffrail-seed";

/// Whose an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// This installation.
    pub installation: String,
    /// The application.
    pub application: ApplicationName,
    /// Earlier installations whose marks count as ours, since somebody said `adopt`.
    pub predecessors: Vec<String>,
}

impl Owner {
    /// The value of [`OWNER_ANNOTATION`] on `object`.
    pub fn mark(&self, object: &ObjectKey) -> String {
        owner_mark(&self.installation, &self.application, object)
    }

    /// Whether `found` on `object` says that it is ours.
    pub fn bears(&self, found: &str, object: &ObjectKey) -> bool {
        let installations = std::iter::once(&self.installation).chain(&self.predecessors);
        installations.into_iter().any(|installation| found == owner_mark(installation, &self.application, object))
    }
}

/// One server-side apply.
#[derive(Clone, Debug)]
pub struct Apply {
    /// What to write; label and annotation of the owner are added to it.
    pub manifest: Manifest,
    /// Whose it is.
    pub owner: Owner,
    /// The uid that the object must have. Without one it is created; what is there already is written if it bears our
    /// mark, and refused or taken over if it bears none.
    pub uid: Option<Uid>,
    /// What becomes of an object that is there already and bears nobody's mark of ours.
    pub foreign: ForeignPolicy,
    /// Fields that may be taken from other managers. Nothing else ever is.
    pub take: Take,
    /// What becomes of `spec.replicas`.
    pub replicas: Replicas,
    /// Who writes.
    pub identity: Option<ServiceAccount>,
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
    /// The fields that are ours since.
    pub fields: FieldSet,
    /// The fields that were taken, and from whom.
    pub taken: Vec<ForeignField>,
    /// Whether it was there and not in the inventory: the field managers that it was taken over from, none when it bore
    /// our mark.
    pub adopted: Option<Vec<String>>,
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
    /// Who deletes.
    pub identity: Option<ServiceAccount>,
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
    /// Fields that others manage, and that may not be taken, stand in the way.
    Conflict(Vec<ForeignField>),
    /// Fields that may not change would.
    Immutable,
    /// Nothing but another manifest helps.
    Refused,
}

/// What an apply would do, as the server says: for diffs.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The live object; none when it is not there. Without managed fields.
    pub live: Option<Value>,
    /// What it would be.
    pub after: Value,
}

/// A claim on an application, to be written.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Where claims lie.
    pub namespace: String,
    /// The application.
    pub application: ApplicationName,
    /// Whose it is to be.
    pub holder: Holder,
    /// Whose it may be now besides nobody's and ours; anything else is refused.
    pub over: Option<Holder>,
}

/// What is to be found out about an object that is not healthy.
#[derive(Clone, Debug)]
pub struct Examine {
    /// The object.
    pub object: ObjectKey,
    /// Its uid.
    pub uid: Uid,
    /// Its pods that are not well, at most 3 of which are looked at.
    pub pods: Vec<String>,
    /// How many of the last lines of a log to read; none when zero.
    pub log_lines: u8,
    /// The Secrets of which all values are known and struck out by [`Self::struck_out`]: the log of a pod that uses any
    /// other is not read.
    pub known_secrets: Vec<ObjectKey>,
    /// Values that are struck out wherever they appear.
    pub struck_out: Vec<String>,
}

/// A Kubernetes API server.
pub trait Cluster: Send + Sync + 'static {
    /// Writes an object.
    fn apply(&self, apply: Apply) -> BoxFuture<'_, Result<Applied, WriteError>>;

    /// Deletes an object.
    fn delete(&self, delete: Delete) -> BoxFuture<'_, Result<Deleted, WriteError>>;

    /// Looks at one object, with or without our label; metadata only.
    fn look(&self, object: ObjectKey, api_version: ApiVersion)
    -> BoxFuture<'_, Result<Option<LiveObject>, WriteError>>;

    /// Writes a claim, if it is nobody's.
    fn claim(&self, claim: Claim) -> BoxFuture<'_, Result<Claimed, WriteError>>;

    /// Every object of these kinds that bears the mark of the application, by any installation; metadata only.
    fn marked(
        &self,
        application: ApplicationName,
        kinds: Vec<(ApiVersion, String)>,
    ) -> BoxFuture<'_, Result<Vec<LiveObject>, WriteError>>;

    /// What an apply would do, by a dry run of the server. Not for Secrets.
    fn compare(&self, apply: Apply) -> BoxFuture<'_, Result<Comparison, WriteError>>;

    /// Asks a Service through the API server's proxy; an error is a sentence.
    fn probe(&self, target: ServiceTarget, timeout: Duration) -> BoxFuture<'_, Result<(), String>>;

    /// Finds out what the cluster tells of an object that is not healthy. What cannot be read is left out.
    fn examine(&self, examine: Examine) -> BoxFuture<'_, Vec<Evidence>>;

    /// Watches objects.
    fn watch(&self, watch: Watch) -> BoxStream<'static, WatchEvent>;
}
