//! One application of the configuration.

use std::time::Duration;

use taffrail_kustomize::{PathError, RepositoryPath};
use taffrail_model::configuration::{Application, Check, FailFast, GatePolicy, OnFailure, SyncPolicy};
use taffrail_model::{ApplicationName, RepositoryName};
use taffrail_yaml::Fields;

use super::urls;
use super::value::{self, Placed};

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
const LEAST: Duration = Duration::from_secs(1);
const LEAST_OF_CHECK: Duration = Duration::from_millis(100);

/// An application, as far as it could be read.
pub(super) struct Read {
    pub(super) name: Option<Placed<ApplicationName>>,
    /// Where the repository is named.
    pub(super) repository: Option<Placed<RepositoryName>>,
    pub(super) application: Option<Application>,
}

/// Reads one application.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Read {
    for name in ["after", "approval", "windows", "backup", "adopt"] {
        value::unsupported(fields, name, "");
    }
    let name = value::required(fields, "name", |text| text.parse().map_err(|error| format!("is wrong: {error}")));
    let repository =
        value::required(fields, "repository", |text| text.parse().map_err(|error| format!("is wrong: {error}")));
    let path = value::required(fields, "path", path);
    let namespace = value::optional(fields, "namespace", namespace).map(|placed| placed.value);
    let sync = fields.mapping("sync", sync).unwrap_or_default();
    let gate = fields.mapping("gate", gate).unwrap_or_default();
    let on_failure = value::choice(fields, "onFailure", &[("revert", OnFailure::Revert), ("hold", OnFailure::Hold)]);
    let application = repository.clone().zip(path).map(|(repository, path)| Application {
        repository: repository.value,
        path: path.value,
        namespace,
        service_account: None,
        sync,
        gate,
        on_failure,
    });
    Read { name, repository, application }
}

/// A path in a repository. `..` is refused even where it stays inside: it would hide which folder is meant.
fn path(text: &str) -> Result<String, String> {
    match RepositoryPath::new(text) {
        Err(PathError::Absolute) => Err("is absolute: write it relative to the root of the repository".into()),
        Ok(path) if !text.split('/').any(|part| part == "..") => Ok(path.as_str().to_owned()),
        _ => Err("should name a folder of the repository, without \"..\" or backslashes".into()),
    }
}

/// A namespace has the rules of a name of ours.
fn namespace(text: &str) -> Result<String, String> {
    text.parse::<ApplicationName>().map(String::from).map_err(|error| format!("is wrong: {error}"))
}

fn sync(fields: &mut Fields<'_, '_>) -> SyncPolicy {
    value::unsupported(fields, "mode", ": every sync is automatic");
    value::unsupported(fields, "heal", "");
    let default = SyncPolicy::default();
    SyncPolicy {
        prune: fields.boolean("prune").unwrap_or(default.prune),
        timeout: value::duration_or(fields, "timeout", LEAST, default.timeout),
        ..default
    }
}

fn gate(fields: &mut Fields<'_, '_>) -> GatePolicy {
    value::unsupported(fields, "watch", "");
    let default = GatePolicy::default();
    GatePolicy {
        timeout: value::duration_or(fields, "timeout", LEAST, default.timeout),
        settle: value::duration_or(fields, "settle", Duration::ZERO, default.settle),
        fail_fast: fields.mapping("failFast", fail_fast).unwrap_or_default(),
        checks: fields.mappings("checks", check).into_iter().flatten().collect(),
        longest_pause: value::duration_or(fields, "longestPause", Duration::ZERO, default.longest_pause),
        ..default
    }
}

fn fail_fast(fields: &mut Fields<'_, '_>) -> FailFast {
    let default = FailFast::default();
    FailFast {
        restarts: restarts(fields).unwrap_or(default.restarts),
        image_pull: value::duration_or(fields, "imagePull", Duration::ZERO, default.image_pull),
        after: value::duration_or(fields, "after", Duration::ZERO, default.after),
    }
}

fn restarts(fields: &mut Fields<'_, '_>) -> Option<u32> {
    let read = |text: &str| match text.parse() {
        Ok(0) | Err(_) => Err("should be a number from 1 on".to_owned()),
        Ok(number) => Ok(number),
    };
    value::optional(fields, "restarts", read).map(|placed| placed.value)
}

fn check(fields: &mut Fields<'_, '_>) -> Option<Check> {
    if !fields.has("http") {
        let location = fields.location();
        fields.error_at(location, "a check should hold \"http\"");
    }
    fields.mapping("http", http).flatten()
}

fn http(fields: &mut Fields<'_, '_>) -> Option<Check> {
    let service = fields.has("service");
    value::unsupported(fields, "service", ": use a \"url\" that the daemon can reach");
    let url =
        if service { value::optional(fields, "url", urls::check) } else { value::required(fields, "url", urls::check) };
    let timeout = value::duration_or(fields, "timeout", LEAST_OF_CHECK, CHECK_TIMEOUT);
    let interval = value::duration_or(fields, "interval", LEAST_OF_CHECK, CHECK_INTERVAL);
    Some(Check::Http { url: url?.value, timeout, interval })
}
