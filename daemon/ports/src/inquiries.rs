//! Questions that take a while: what was, and what would be. Answering one changes nothing, in the journal or a cluster.

use serde::{Deserialize, Serialize};
use taffrail_model::{ApplicationName, CommitId, Digest, ObjectKey, Seq};

use crate::BoxFuture;
use crate::status::ApplicationStatus;

/// How two states of an application differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The application.
    pub application: ApplicationName,
    /// The one.
    pub from: Side,
    /// The other.
    pub to: Side,
    /// The objects that differ.
    pub objects: Vec<ObjectDifference>,
    /// How many do not.
    pub unchanged: u64,
}

/// A state that is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Side {
    /// What is in the cluster.
    Live,
    /// What an event names.
    Recorded {
        /// The event.
        seq: Seq,
        /// The state.
        desired: Digest,
    },
    /// What a revision renders to.
    Rendered {
        /// The revision.
        revision: CommitId,
    },
}

/// How one object differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectDifference {
    /// The object.
    pub object: ObjectKey,
    /// What happens to it on the way.
    pub change: Change,
    /// What changes: a unified diff of YAML. Values of Secrets are masked in it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub diff: String,
    /// What is to be said besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is made.
    Created,
    /// It is changed.
    Changed,
    /// It is deleted.
    Pruned,
    /// It is no longer asked for, and kept.
    Held,
    /// The server does not take it.
    Refused,
}

/// Why a question is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InquiryError {
    /// There is nothing of this name: an application, a revision, a state.
    #[error("{0}")]
    Nothing(String),
    /// What is asked about cannot be used: it does not render.
    #[error("{0}")]
    Unusable(String),
    /// The cluster, the repository or the journal did not answer, or others ask already.
    #[error("{0}")]
    Unanswered(String),
}

/// Answers questions.
pub trait Inquiries: Send + Sync + 'static {
    /// The applications as they were after an event, as far as it was recorded: health was not.
    fn past(&self, at: Seq) -> BoxFuture<'_, Result<Vec<ApplicationStatus>, InquiryError>>;

    /// How two recorded states differ: the newest of the application as of each event.
    fn recorded(
        &self,
        application: ApplicationName,
        from: Seq,
        to: Seq,
    ) -> BoxFuture<'_, Result<Difference, InquiryError>>;

    /// What a sync would do: to what a branch or commit renders to, or to what Git asks for now.
    fn preview(
        &self,
        application: ApplicationName,
        revision: Option<String>,
    ) -> BoxFuture<'_, Result<Difference, InquiryError>>;
}
