//! One repository of the configuration.

use std::path::Path;
use std::time::Duration;

use taffrail_model::configuration::{Credentials, Repository};
use taffrail_model::{Reference, RepositoryName};
use taffrail_yaml::Fields;

use super::urls;
use super::value::{self, Placed};

const BRANCH: &str = "main";
const POLL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(30);
const LEAST: Duration = Duration::from_secs(1);

/// A repository, as far as it could be read. Its name is kept also when the rest is wrong: applications refer to it.
pub(super) struct Read {
    pub(super) name: Option<Placed<RepositoryName>>,
    pub(super) repository: Option<Repository>,
}

/// Reads one repository; its relative paths start at `folder`.
pub(super) fn read(fields: &mut Fields<'_, '_>, folder: &Path) -> Read {
    let name = value::required(fields, "name", |text| text.parse().map_err(|error| format!("is wrong: {error}")));
    let url = value::required(fields, "url", urls::repository);
    let reference = fields.mapping("ref", reference).flatten();
    let poll = value::duration_or(fields, "poll", LEAST, POLL);
    let timeout = value::duration_or(fields, "timeout", LEAST, TIMEOUT);
    let credentials = fields.mapping("credentials", |fields| credentials(fields, folder)).flatten();
    let ca_file = value::optional(fields, "caFile", |text| Ok(folder.join(text))).map(|placed| placed.value);
    if url.as_ref().is_some_and(|url| url.value.starts_with("file:")) {
        for name in ["credentials", "caFile"] {
            if fields.has(name) {
                fields.error(name, format!("\"{name}\" has no use for a file:// URL"));
            }
        }
    }
    let repository = url.map(|url| Repository {
        url: url.value,
        reference: reference.unwrap_or_else(|| Reference::Branch(BRANCH.to_owned())),
        poll,
        timeout,
        credentials,
        ca_file,
    });
    Read { name, repository }
}

fn reference(fields: &mut Fields<'_, '_>) -> Option<Reference> {
    let parsed = |error: &dyn std::fmt::Display| error.to_string();
    let given = ["branch", "tag", "semver"].into_iter().filter(|name| fields.has(name)).count();
    let branch = value::optional(fields, "branch", branch).map(|placed| Reference::Branch(placed.value));
    let tag = value::optional(fields, "tag", |text| text.parse().map(Reference::Tag).map_err(|e| parsed(&e)));
    let semver = value::optional(fields, "semver", |text| text.parse().map(Reference::Semver).map_err(|e| parsed(&e)));
    if given != 1 {
        let location = fields.location();
        fields.error_at(location, "\"ref\" should hold one of \"branch\", \"tag\" and \"semver\"");
        return None;
    }
    branch.or(tag.map(|placed| placed.value)).or(semver.map(|placed| placed.value))
}

/// The rules of `git check-ref-format --branch`, for the mistakes that people make.
fn branch(text: &str) -> Result<String, String> {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || "~^:?*[\\".contains(c);
    if text.starts_with("refs/") {
        return Err("should be the branch's own name, without refs/heads/".into());
    }
    let part = |part: &str| part.is_empty() || part.starts_with('.') || part.ends_with(".lock");
    let wrong = text.starts_with('-') || text.ends_with('.') || text.contains("..") || text.contains("@{");
    if wrong || text == "@" || text.contains(forbidden) || text.split('/').any(part) {
        return Err("is no name that a branch can have".into());
    }
    Ok(text.to_owned())
}

fn credentials(fields: &mut Fields<'_, '_>, folder: &Path) -> Option<Credentials> {
    let path = |text: &str| Ok(folder.join(text));
    let token_file = value::optional(fields, "tokenFile", path);
    let user = value::optional(fields, "user", value::any);
    let password_file = value::optional(fields, "passwordFile", path);
    match (fields.has("tokenFile"), fields.has("user"), fields.has("passwordFile")) {
        (true, false, false) => Some(Credentials::Token { token_file: token_file?.value }),
        (false, true, true) => Some(Credentials::Basic { user: user?.value, password_file: password_file?.value }),
        _ => {
            let location = fields.location();
            fields.error_at(location, "\"credentials\" should hold \"tokenFile\", or \"user\" and \"passwordFile\"");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches() {
        for good in ["main", "release/1.10", "on", "feature/ä"] {
            assert!(branch(good).is_ok(), "{good}");
        }
        for bad in ["", "-x", "a..b", "a b", "a/", "/a", "a.lock", "@", "x@{1}", "refs/heads/main", "v*"] {
            assert!(branch(bad).is_err(), "{bad}");
        }
    }
}
