//! One application of the configuration.

use std::time::Duration;

use taffrail_kustomize::{PathError, RepositoryPath};
use taffrail_model::configuration::{
    Application, Check, ConflictPolicy, DriftPolicy, FailFast, ForeignPolicy, GatePolicy, OnFailure, PRUNE_LIMIT,
    ServiceAccount, ServiceTarget, SyncMode, SyncPolicy,
};
use taffrail_model::{ApplicationName, ClusterName, RepositoryName};
use taffrail_yaml::{Content, Fields};

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
    /// Where the cluster is named, if it is.
    pub(super) cluster: Option<Placed<ClusterName>>,
    pub(super) application: Option<Application>,
}

/// Reads one application.
pub(super) fn read(fields: &mut Fields<'_, '_>) -> Read {
    for name in ["after", "approval", "windows", "backup"] {
        value::unsupported(fields, name, "");
    }
    let name = value::required(fields, "name", |text| text.parse().map_err(|error| format!("is wrong: {error}")));
    let repository =
        value::required(fields, "repository", |text| text.parse().map_err(|error| format!("is wrong: {error}")));
    let path = value::required(fields, "path", path);
    let namespace = value::optional(fields, "namespace", namespace).map(|placed| placed.value);
    let cluster = value::optional(fields, "cluster", |text| {
        text.parse::<ClusterName>().map_err(|error| format!("is wrong: {error}"))
    });
    let service_account = value::optional(fields, "serviceAccount", service_account).map(|placed| placed.value);
    let mut sync = fields.mapping("sync", sync).unwrap_or_default();
    if fields.boolean("adopt") == Some(true) {
        sync.foreign = ForeignPolicy::TakeOver;
    }
    let gate = fields.mapping("gate", gate).unwrap_or_default();
    let on_failure = value::choice(fields, "onFailure", &[("revert", OnFailure::Revert), ("hold", OnFailure::Hold)]);
    let application = repository.clone().zip(path).map(|(repository, path)| Application {
        repository: repository.value,
        path: path.value,
        namespace,
        cluster: cluster.as_ref().map(|placed| placed.value.clone()).unwrap_or_default(),
        service_account,
        sync,
        gate,
        on_failure,
    });
    Read { name, repository, cluster, application }
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
pub(super) fn namespace(text: &str) -> Result<String, String> {
    text.parse::<ApplicationName>().map(String::from).map_err(|error| format!("is wrong: {error}"))
}

/// `NAMESPACE/NAME`.
fn service_account(text: &str) -> Result<ServiceAccount, String> {
    let (in_namespace, name) = text.split_once('/').ok_or("should be NAMESPACE/NAME, as in shop/deployer")?;
    // Names of service accounts may hold dots besides.
    let valid = !name.is_empty() && name.split('.').all(|label| label.parse::<ApplicationName>().is_ok());
    match valid {
        true => Ok(ServiceAccount { namespace: namespace(in_namespace)?, name: name.to_owned() }),
        false => Err("should be NAMESPACE/NAME, as in shop/deployer".to_owned()),
    }
}

fn sync(fields: &mut Fields<'_, '_>) -> SyncPolicy {
    let default = SyncPolicy::default();
    let (prune, prune_limit) = prune(fields);
    SyncPolicy {
        mode: value::choice(fields, "mode", &[("automatic", SyncMode::Automatic), ("manual", SyncMode::Manual)]),
        prune,
        prune_limit,
        drift: match fields.boolean("heal") {
            Some(false) => DriftPolicy::Record,
            Some(true) | None => DriftPolicy::Heal,
        },
        conflicts: value::choice(
            fields,
            "conflicts",
            &[("fail", ConflictPolicy::Fail), ("take", ConflictPolicy::Take)],
        ),
        foreign: default.foreign,
        timeout: value::duration_or(fields, "timeout", LEAST, default.timeout),
    }
}

/// `true`, `false`, or a mapping with the limit.
fn prune(fields: &mut Fields<'_, '_>) -> (bool, u8) {
    let limit = |fields: &mut Fields<'_, '_>| {
        value::optional(fields, "limit", percent).map_or(PRUNE_LIMIT, |placed| placed.value)
    };
    match fields.node("prune").map(|node| &node.content) {
        Some(Content::Mapping(_)) => (true, fields.mapping("prune", limit).unwrap_or(PRUNE_LIMIT)),
        _ => (fields.boolean("prune").unwrap_or(true), PRUNE_LIMIT),
    }
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').and_then(|number| number.trim_end().parse().ok());
    number.filter(|percent| *percent <= 100).ok_or_else(|| "should be 0% to 100%".to_owned())
}

fn gate(fields: &mut Fields<'_, '_>) -> GatePolicy {
    let default = GatePolicy::default();
    GatePolicy {
        timeout: value::duration_or(fields, "timeout", LEAST, default.timeout),
        settle: value::duration_or(fields, "settle", Duration::ZERO, default.settle),
        fail_fast: fields.mapping("failFast", fail_fast).unwrap_or_default(),
        checks: fields.mappings("checks", check).into_iter().flatten().collect(),
        watch: value::duration_or(fields, "watch", Duration::ZERO, default.watch),
        log_lines: value::optional(fields, "logLines", log_lines).map_or(default.log_lines, |placed| placed.value),
        longest_pause: value::duration_or(fields, "longestPause", Duration::ZERO, default.longest_pause),
    }
}

fn log_lines(text: &str) -> Result<u8, String> {
    text.parse().ok().filter(|lines| *lines <= 100).ok_or_else(|| "should be a number from 0 to 100".to_owned())
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
    let timeout = value::duration_or(fields, "timeout", LEAST_OF_CHECK, CHECK_TIMEOUT);
    let interval = value::duration_or(fields, "interval", LEAST_OF_CHECK, CHECK_INTERVAL);
    if fields.has("service") {
        let target = fields.mapping("service", service).flatten();
        if fields.has("url") {
            let location = fields.location_of("url");
            fields.node("url");
            fields.error_at(location, "a check has a \"url\" or a \"service\", not both");
            return None;
        }
        return Some(Check::Service { target: target?, timeout, interval });
    }
    let url = value::required(fields, "url", urls::check)?.value;
    Some(Check::Http { url, timeout, interval })
}

fn service(fields: &mut Fields<'_, '_>) -> Option<ServiceTarget> {
    let namespace = value::optional(fields, "namespace", namespace).map(|placed| placed.value);
    let name = value::required(fields, "name", self::namespace);
    let port = value::required(fields, "port", port);
    let path = value::optional(fields, "path", urls::path).map_or_else(|| "/".to_owned(), |placed| placed.value);
    Some(ServiceTarget { namespace, name: name?.value, port: port?.value, path })
}

/// By number or name.
fn port(text: &str) -> Result<String, String> {
    let number = text.parse::<u16>().is_ok_and(|number| number > 0);
    let name = text.len() <= 15 && text.parse::<ApplicationName>().is_ok() && !text.bytes().all(|b| b.is_ascii_digit());
    if number || name { Ok(text.to_owned()) } else { Err("should be the number or the name of a port".to_owned()) }
}
