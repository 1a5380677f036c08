//! How asking a daemon fails, and what to do about it.

use std::error::Error;

use serde_json::Value;

use crate::failure::Failure;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    #[error("cannot reach {server}: {reason}")]
    Unreachable { server: String, reason: String },
    #[error("{server} answers with status {status}: {reason}")]
    Refused { server: String, status: u16, reason: String },
    #[error("the answer of {server} was cut off: {reason}")]
    Cut { server: String, reason: String },
    #[error("the answer of {server} cannot be read: {reason}")]
    Unreadable { server: String, reason: String },
}

impl ClientError {
    /// Whether the same request may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Cut { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Unreadable { .. } => false,
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let hint = match &error {
            ClientError::Unreachable { .. } => {
                "is the daemon running? `--server URL` or TAFFRAIL_SERVER names another one"
            }
            ClientError::Refused { status: 401, .. } => {
                "`--token-file FILE` or TAFFRAIL_TOKEN gives a token; `taffrail token NAME` makes one"
            }
            // It says what is wrong.
            ClientError::Refused { status: ..500, reason, .. } => return Self::new(reason),
            ClientError::Refused { .. } | ClientError::Cut { .. } => "try again; the daemon's own log tells more",
            ClientError::Unreadable { .. } => "is that a taffrail daemon, and of this version?",
        };
        Self::new(error).hint(hint)
    }
}

/// The innermost cause: what wraps it only says that a request failed.
pub(super) fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.is_timeout() { "it took too long".to_owned() } else { cause.to_string() }
}

/// What the body of a refusal says.
pub(super) fn said(body: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let words = ["detail", "error", "message", "title"];
    let found = json.as_ref().and_then(|json| words.iter().find_map(|word| json.get(word)?.as_str()));
    let text = found.map_or_else(|| String::from_utf8_lossy(body), Into::into);
    text.trim().chars().take(300).collect()
}
