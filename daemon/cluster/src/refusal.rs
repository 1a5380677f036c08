//! What an API server's refusal means, and what of its words may be repeated.
//!
//! Always: a message is one line of at most 1000 characters. Of a refused Secret only what cannot quote it is shown:
//! code, reason, the paths of fields, and messages whose every word the server makes itself.

use std::time::Duration;

use kube::core::Status;
use taffrail_model::{FieldPath, ForeignField, ObjectKey};
use taffrail_ports::cluster::{WriteError, WriteErrorKind};

use crate::server::{Answer, NoAnswer};

const LONGEST_MESSAGE: usize = 1000;

/// The reason of a cause that is a field another manager owns.
const MANAGED_BY_ANOTHER: &str = "FieldManagerConflict";

/// What the server said.
pub(crate) struct Refusal {
    pub code: u16,
    retry_after: Option<Duration>,
    pub status: Status,
}

impl Refusal {
    pub fn read(answer: &Answer) -> Self {
        // Proxies, and paths that the server does not serve, answer with plain text.
        let plain = || Status::failure(&String::from_utf8_lossy(&answer.body), "");
        let status = serde_json::from_slice::<Status>(&answer.body).unwrap_or_else(|_| plain());
        Self { code: answer.code, retry_after: answer.retry_after, status }
    }

    /// Whether it is the object that is not there, and not its kind or namespace.
    pub fn is_absence_of(&self, object: &ObjectKey) -> bool {
        let named = self.status.details.as_ref().is_some_and(|details| {
            details.name == object.name && (details.kind != "namespaces" || object.is("", "Namespace"))
        });
        self.code == 404 && named
    }

    /// Whether the namespace is not there.
    pub fn is_absence_of_namespace(&self) -> bool {
        self.code == 404 && self.status.details.as_ref().is_some_and(|details| details.kind == "namespaces")
    }

    /// Whether the server does not serve the kind.
    pub fn is_unknown_kind(&self) -> bool {
        self.code == 404 && self.status.details.as_ref().is_none_or(|details| details.name.is_empty())
    }

    /// The fields that others own with other values, and who they are.
    fn contested(&self) -> Vec<ForeignField> {
        let causes = self.causes().filter(|(reason, ..)| *reason == MANAGED_BY_ANOTHER);
        // `conflict with "NAME" with subresource "scale" using apps/v1`
        let field = |(_, field, words): (&str, &str, &str)| ForeignField {
            field: FieldPath(field.to_owned()),
            manager: words.split('"').nth(1).map(str::to_owned),
        };
        causes.map(field).collect()
    }

    /// How long to wait, if the server says so.
    pub fn retry_after(&self) -> Option<Duration> {
        let told =
            self.status.details.as_ref().map(|details| details.retry_after_seconds).filter(|seconds| *seconds > 0);
        self.retry_after.or(told.map(|seconds| Duration::from_secs(seconds.into())))
    }

    /// As the error of a write to `object`.
    pub fn of_write(&self, object: &ObjectKey) -> WriteError {
        WriteError { kind: self.kind(), message: self.words(object.is_secret()) }
    }

    /// The server's words, or what may be told of them.
    pub fn words(&self, secret: bool) -> String {
        let message = &self.status.message;
        if secret && !self.is_all_the_servers_own() {
            return one_line(&self.without_values());
        }
        let hint = if message.contains("duplicate entries for key") {
            "; server-side apply refuses duplicates that a plain apply takes"
        } else {
            ""
        };
        match message.trim() {
            "" => one_line(&format!("{} {}", self.code, self.status.reason)),
            words => one_line(words) + hint,
        }
    }

    fn kind(&self) -> WriteErrorKind {
        let message = self.status.message.as_str();
        let patient = WriteErrorKind::Transient(self.retry_after());
        if self.is_of_webhook() {
            return patient;
        }
        match self.code {
            408 | 504 => WriteErrorKind::Unreachable,
            // Server-side apply answers so to a manifest that does not fit the schema.
            500 if message.starts_with("failed to create typed patch object")
                || message.starts_with("failed to convert new object") =>
            {
                WriteErrorKind::Refused
            }
            401 | 403 | 404 | 429 | 500.. => patient,
            409 if !self.contested().is_empty() => WriteErrorKind::Conflict(self.contested()),
            409 if message.contains("uid mismatch") => WriteErrorKind::Gone,
            409 => patient,
            422 if self.causes().any(|(_, field, _)| field == "metadata.uid") => WriteErrorKind::Gone,
            422 if self.causes().any(|(reason, _, words)| is_immutable(reason, words)) => WriteErrorKind::Immutable,
            _ => WriteErrorKind::Refused,
        }
    }

    fn is_of_webhook(&self) -> bool {
        self.status.message.starts_with("admission webhook ")
    }

    /// Whether the message quotes nothing of the manifest but the name: refusals by authorization and by quota. What
    /// any admission plugin may have written begins otherwise.
    fn is_all_the_servers_own(&self) -> bool {
        // Of a write as somebody else, it may be that this may not be done.
        let kinds = ["secrets \"", "serviceaccounts \""];
        let rest = kinds.iter().find_map(|kind| self.status.message.strip_prefix(kind));
        let words = rest.and_then(|rest| rest.split_once("\" is forbidden: "));
        self.code == 403
            && words.is_some_and(|(_, why)| why.starts_with("User \"") || why.starts_with("exceeded quota: "))
    }

    fn without_values(&self) -> String {
        const LEFT_OUT: &str = "the server's words are left out, since they may quote the Secret";
        if self.is_of_webhook() {
            // Which fills in reason and causes too.
            return format!("{}: an admission webhook denied the request; {LEFT_OUT}", self.code);
        }
        let causes: Vec<_> = self
            .causes()
            .map(|(reason, field, words)| match reason {
                MANAGED_BY_ANOTHER => format!("{words} at {field}"),
                _ => format!("{reason} at {field}"),
            })
            .collect();
        let told = format!("{} {} {}", self.code, self.status.reason, causes.join(", "));
        format!("{}; {LEFT_OUT}", told.trim_end())
    }

    fn causes(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let causes = self.status.details.iter().flat_map(|details| &details.causes);
        causes.map(|cause| (cause.reason.as_str(), cause.field.as_str(), cause.message.as_str()))
    }
}

/// As the error of a write.
pub(crate) fn unreachable(none: &NoAnswer) -> WriteError {
    WriteError { kind: WriteErrorKind::Unreachable, message: one_line(&none.to_string()) }
}

/// `text` on one line. Its end is kept when it is too long: after a value of pages, that is where the reason stands.
pub(crate) fn one_line(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    let length = line.chars().count();
    if length <= LONGEST_MESSAGE {
        return line;
    }
    let half = (LONGEST_MESSAGE - 3) / 2;
    line.chars().take(half).chain(" … ".chars()).chain(line.chars().skip(length - half)).collect()
}

/// The words with which the API server's validation refuses to change a field.
fn is_immutable(reason: &str, words: &str) -> bool {
    // `Invalid value: VALUE: REASON`: the value is not to be searched.
    let why = if reason == "FieldValueInvalid" { words.rsplit(": ").next().unwrap_or(words) } else { words };
    let why = why.to_ascii_lowercase();
    [
        "immutable",
        "may not change",
        "may not be changed",
        "cannot change roleref",
        "updates to statefulset spec for fields other than",
        "updates to parameters are forbidden",
    ]
    .iter()
    .any(|phrase| why.contains(phrase))
}

#[cfg(test)]
mod tests;
