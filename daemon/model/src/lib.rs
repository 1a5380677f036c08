//! The words everyone shares. Plain data without behaviour of its own: a value of a type in here is valid, since it was
//! parsed at the border that made it.

pub mod claim;
pub mod configuration;
pub mod desired;
pub mod digest;
pub mod duration;
pub mod event;
pub mod fact;
pub mod fields;
pub mod health;
pub mod live;
pub mod manifest;
pub mod name;
pub mod object;
pub mod order;
pub mod reference;
pub mod revision;
pub mod ssh;
pub mod write;

pub use claim::Holder;
pub use desired::{
    DesiredObject, DesiredSet, ObjectOptions, Plan, PlannedWrite, PruneHold, PruneOption, ReplaceOption, WriteKind,
};
pub use digest::Digest;
pub use event::{Actor, ActorKind, Envelope, Epoch, Event, Seq, Subject, SubjectKind};
pub use fact::Fact;
pub use fields::{FieldPath, FieldSet, ForeignField, ManagedFields, Operation};
pub use health::{Evidence, Health, ObjectReason};
pub use jiff::Timestamp;
pub use live::{LiveObject, Watch, WatchEvent, WatchScope};
pub use manifest::Manifest;
pub use name::{ApplicationName, ClusterName, RepositoryName};
pub use object::{ApiVersion, ObjectKey, Uid};
pub use order::{Action, ObjectSelector, Order, OrderRefused, RecordedState};
pub use reference::Reference;
pub use revision::{Commit, CommitId, Known, Refusal, Relation};
pub use write::{Replicas, Take};
