//! Health of an object, as a verdict with its reason.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::object::ObjectKey;

/// Whether an object does what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", content = "reason", rename_all = "camelCase")]
pub enum Health {
    /// It does.
    Healthy,
    /// Not yet, and it may still.
    Progressing(String),
    /// Something is wrong that will not mend itself soon.
    Degraded(Degradation),
    /// It rests because it was told to.
    Suspended,
    /// Not seen yet.
    Unknown,
}

/// What is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Degradation {
    /// Which of `gate.failFast`'s limits applies.
    pub cause: DegradationCause,
    /// For people: names the pod's container, the condition, the exit code.
    pub message: String,
}

/// Which of `gate.failFast`'s limits a degradation falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DegradationCause {
    /// An image cannot be pulled.
    ImagePull,
    /// A container was restarted so many times.
    Restarts(u32),
    /// It has failed for good (a Job), and waiting is pointless.
    Final,
    /// Anything else.
    Other,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => f.write_str("healthy"),
            Self::Progressing(why) => write!(f, "progressing: {why}"),
            Self::Degraded(why) => write!(f, "degraded: {}", why.message),
            Self::Suspended => f.write_str("suspended"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// An object and why it is as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectReason {
    /// The object.
    pub object: ObjectKey,
    /// The reason, redacted.
    pub reason: String,
}

/// What the cluster tells of something that is not healthy: for the person who reads why a gate failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The object of ours.
    pub object: ObjectKey,
    /// The pod of it that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The container, its state, its last state and exit code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The newest warning events, redacted, the newest first; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The last lines of the container's log, redacted; at most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
}
