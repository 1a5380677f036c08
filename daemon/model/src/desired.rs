//! Desired state and plans: documents that lie beside the events and are named by digest.
//!
//! Always: the digest of a set depends on its objects and their content only, not on the revision that rendered it, so
//! that two commits which render the same have the same desired state.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::health::ObjectReason;
use crate::object::{ApiVersion, ObjectKey, Uid};

/// What Git asks for, or a passed state did: each object with its manifest's digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredSet {
    /// The objects.
    pub objects: BTreeMap<ObjectKey, DesiredObject>,
}

/// One object of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DesiredObject {
    /// The apiVersion that is applied.
    pub api_version: ApiVersion,
    /// Digest of the manifest, keyed when it is a Secret's.
    pub manifest: Digest,
    /// What the manifest asks of us.
    #[serde(default, skip_serializing_if = "ObjectOptions::is_default")]
    pub options: ObjectOptions,
}

/// What a manifest asks of us, by its `taffrail.dev/` annotations and its content. Part of the desired set, since
/// decisions rest on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectOptions {
    /// `taffrail.dev/prune`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prune: PruneOption,
    /// `taffrail.dev/replace`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub replace: ReplaceOption,
    /// What this object, an autoscaler, sets the replicas of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scales: Option<ObjectKey>,
    /// Whether the manifest sets `spec.replicas`, which an autoscaler may set as well.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sets_replicas: bool,
}

impl ObjectOptions {
    /// Whether it asks for nothing.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// When an object that is no longer desired is deleted: annotation `taffrail.dev/prune`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PruneOption {
    /// `after`: once the gate has passed.
    #[default]
    After,
    /// `before`: before anything is written.
    Before,
    /// `disabled`: never; it is kept and no longer ours.
    Disabled,
}

/// Whether an object may be deleted and made anew when a field that may not change does: annotation
/// `taffrail.dev/replace`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReplaceOption {
    /// No.
    #[default]
    Never,
    /// `"true"`: yes, unless it holds data.
    WithoutData,
    /// `delete-data`: yes, although it holds data.
    WithData,
}

/// What one sync or revert writes. Decided once, at its start; what follows only carries it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Deleted before anything is written: what a failed state created (reverts only), and what asks for it.
    pub delete_first: Vec<ObjectKey>,
    /// Written, wave by wave, in this order.
    pub writes: Vec<PlannedWrite>,
    /// Deleted after the gate, in this order.
    pub prunes: Vec<ObjectKey>,
    /// No longer desired, but not pruned without being asked: kept.
    pub held: Vec<ObjectKey>,
    /// Why, for each of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held_because: BTreeMap<ObjectKey, PruneHold>,
    /// Not written, and broken before: the gate ignores them, for these reasons.
    pub ignored: Vec<ObjectReason>,
}

impl Plan {
    /// Keeps an object that is no longer desired.
    pub fn hold(&mut self, object: &ObjectKey, because: PruneHold) {
        self.held.push(object.clone());
        self.held_because.insert(object.clone(), because);
    }
}

/// Why an object that is no longer desired is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PruneHold {
    /// What it holds is deleted with it.
    HoldsData,
    /// More is no longer desired at once than the configuration lets go.
    TooMany {
        /// How many of the application's objects are.
        pruned: u64,
        /// How many it has.
        of: u64,
        /// The limit, in percent.
        limit: u8,
    },
    /// The configuration says `sync.prune: false`.
    ByConfiguration,
    /// It was there before a state took it over that is gone back from.
    TakenOver,
    /// Its annotation says that it is never pruned: it is nobody's once the sync has ended.
    LeftToOthers,
    /// It was tried.
    Undeletable {
        /// Why it could not: the server's words, redacted.
        reason: String,
    },
}

impl PruneHold {
    /// Why this object is kept, as a sentence.
    pub fn words(&self, object: &ObjectKey) -> String {
        match self {
            Self::HoldsData if object.is("", "Namespace") => {
                "everything in a namespace is deleted with it, whoever made it".to_owned()
            }
            Self::HoldsData if object.is("apiextensions.k8s.io", "CustomResourceDefinition") => {
                "every object of its kind, in every namespace, is deleted with a definition".to_owned()
            }
            Self::HoldsData => "its data may be deleted with it".to_owned(),
            Self::TooMany { pruned, of, limit } => {
                format!("{pruned} of {of} objects are no longer desired at once, more than {limit} percent")
            }
            Self::ByConfiguration => "the configuration says `sync.prune: false`".to_owned(),
            Self::TakenOver => "it was there before it was taken over, which is gone back from".to_owned(),
            Self::LeftToOthers => {
                "its annotation `taffrail.dev/prune: disabled` keeps it; it is not ours any more".to_owned()
            }
            Self::Undeletable { reason } => format!("it could not be deleted: {reason}"),
        }
    }
}

/// One write of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedWrite {
    /// The object.
    pub object: ObjectKey,
    /// The apiVersion that is applied.
    pub api_version: ApiVersion,
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Lower waves are written first.
    pub wave: u8,
    /// Whether it exists already.
    pub kind: WriteKind,
}

/// Whether a write makes an object or changes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WriteKind {
    /// We have not made it yet, as far as the journal says.
    Create,
    /// We made it: the write demands this uid.
    Change(Uid),
    /// We made it, and it does not change in place (a Job): it is deleted and made anew.
    Replace(Uid),
}

macro_rules! document {
    ($type:ident) => {
        impl $type {
            /// The bytes that are digested and stored: RFC 8785 JSON.
            pub fn to_bytes(&self) -> Vec<u8> {
                serde_json_canonicalizer::to_vec(self).expect("the type has only string keys and no floats")
            }

            /// Reads what [`Self::to_bytes`] wrote.
            pub fn from_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
                serde_json::from_slice(bytes)
            }

            /// The digest that names it.
            pub fn digest(&self) -> Digest {
                Digest::of(&self.to_bytes())
            }
        }
    };
}

document!(DesiredSet);
document!(Plan);
