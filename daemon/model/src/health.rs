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
