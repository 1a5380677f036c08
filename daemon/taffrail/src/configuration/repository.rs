//! One repository of the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use taffrail_model::configuration::{Credentials, Repository, SshKey, Verify};
use taffrail_model::ssh::SshAddress;
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
    /// The file of the secret that its hooks are signed with. Not recorded: it decides nothing.
    pub(super) hook: Option<PathBuf>,
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
    if let Some(url) = &url {
        suits(fields, url, credentials.as_ref());
    }
    let verify = fields.mapping("verify", |fields| verify(fields, folder)).flatten();
    let repository = url.map(|url| Repository {
        url: url.value,
        reference: reference.unwrap_or_else(|| Reference::Branch(BRANCH.to_owned())),
        poll,
        timeout,
        credentials,
        ca_file,
        verify,
    });
    let hook = fields.mapping("hook", |fields| value::required(fields, "secretFile", |text| Ok(folder.join(text))));
    Read { name, repository, hook: hook.flatten().map(|placed| placed.value) }
}

/// Reports credentials and authorities that are of no use for a URL.
fn suits(fields: &mut Fields<'_, '_>, url: &Placed<String>, credentials: Option<&Credentials>) {
    let scheme = match url.value.split(':').next() {
        _ if SshAddress::is_meant(&url.value) => "ssh",
        Some("file") => "file",
        _ => "https",
    };
    let useless = |name: &str| format!("\"{name}\" has no use for a {scheme}:// URL");
    if scheme != "https" && fields.has("caFile") {
        fields.error("caFile", useless("caFile"));
    }
    let ssh = "ssh logs in with \"credentials\" of a \"sshKeyFile\" and a \"knownHostsFile\"";
    match (scheme, credentials) {
        ("file", _) if fields.has("credentials") => fields.error("credentials", useless("credentials")),
        ("ssh", None) if !fields.has("credentials") => fields.error_at(url.location, ssh),
        ("ssh", Some(Credentials::Token { .. } | Credentials::Basic { .. })) => fields.error("credentials", ssh),
        ("https", Some(Credentials::Ssh(_))) => {
            fields.error("credentials", "https:// logs in with \"tokenFile\", or \"user\" and \"passwordFile\"");
        }
        _ => {}
    }
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

fn verify(fields: &mut Fields<'_, '_>, folder: &Path) -> Option<Verify> {
    let path = |text: &str| Ok(folder.join(text));
    let allowed_signers = value::optional(fields, "allowedSigners", path).map(|placed| placed.value);
    let pgp_keys = value::optional(fields, "pgpKeys", path).map(|placed| placed.value);
    if !fields.has("allowedSigners") && !fields.has("pgpKeys") {
        let location = fields.location();
        fields.error_at(location, "\"verify\" should hold \"allowedSigners\", \"pgpKeys\" or both");
        return None;
    }
    Some(Verify { allowed_signers, pgp_keys })
}

fn credentials(fields: &mut Fields<'_, '_>, folder: &Path) -> Option<Credentials> {
    let path = |text: &str| Ok(folder.join(text));
    let token_file = value::optional(fields, "tokenFile", path);
    let user = value::optional(fields, "user", value::any);
    let password_file = value::optional(fields, "passwordFile", path);
    let key = value::optional(fields, "sshKeyFile", path);
    let passphrase = value::optional(fields, "passphraseFile", path);
    let known_hosts = value::optional(fields, "knownHostsFile", path);
    let given = ["tokenFile", "user", "passwordFile", "sshKeyFile", "knownHostsFile"].map(|name| fields.has(name));
    match (given, fields.has("passphraseFile")) {
        ([true, false, false, false, false], false) => Some(Credentials::Token { token_file: token_file?.value }),
        ([false, true, true, false, false], false) => {
            Some(Credentials::Basic { user: user?.value, password_file: password_file?.value })
        }
        ([false, false, false, true, true], _) => Some(Credentials::Ssh(SshKey {
            ssh_key_file: key?.value,
            passphrase_file: passphrase.map(|placed| placed.value),
            known_hosts_file: known_hosts?.value,
        })),
        _ => {
            let location = fields.location();
            let what = "\"credentials\" should hold \"tokenFile\", or \"user\" and \"passwordFile\", or, for ssh, \
                        \"sshKeyFile\" and \"knownHostsFile\"";
            fields.error_at(location, what);
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
