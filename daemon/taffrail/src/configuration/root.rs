//! The file as a whole: its own settings, and what its parts say of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use taffrail_http::Loopback;
use taffrail_model::configuration::{self, Configuration};
use taffrail_model::{ClusterName, RepositoryName};
use taffrail_yaml::{Error, Errors, Fields, Limits, Location, parse};

use super::value::{self, Placed};
use super::{Api, Cluster, LARGEST, Log, LogFormat, LogLevel, Settings, application, paths, repository};

const DATA: &str = "/var/lib/taffrail";
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8420);

/// Reads and checks `bytes`; relative paths start at `folder`.
pub(super) fn read(bytes: &[u8], file: &str, folder: &Path) -> Result<Settings, Errors> {
    let limits = Limits { bytes: LARGEST as usize, nodes: 1_000_000, depth: 20, documents: 2 };
    let documents = parse(bytes, file, &limits)?;
    let [document] = documents.as_slice() else {
        return Err(match documents.get(1) {
            Some(second) => Error::at(file, second.location, "a configuration is one document, and this is a second"),
            None => Error::at(file, Location { line: 1, column: 1 }, "is empty")
                .hint("`config/taffrail.yaml` has every setting"),
        }
        .into());
    };
    let mut errors = Errors::default();
    let settings = Fields::new(file, document, &mut errors).map(|mut fields| {
        let settings = settings(&mut fields, folder);
        fields.finish();
        settings
    });
    errors.0.sort_by_key(|error| error.location);
    match settings {
        Some(settings) => errors.into_result(settings),
        None => Err(errors),
    }
}

fn settings(fields: &mut Fields<'_, '_>, folder: &Path) -> Settings {
    value::unsupported(fields, "schedules", "");
    let path = |text: &str| Ok(folder.join(text));
    let data = value::optional(fields, "data", path).map_or_else(|| PathBuf::from(DATA), |placed| placed.value);
    let key_file = value::optional(fields, "keyFile", |text| match folder.join(text) {
        key if paths::is_inside(&key, &data) => {
            Err("lies inside of the data folder: whoever copies that folder would have the Secrets too".into())
        }
        key => Ok(key),
    });
    let key_file = key_file.map_or_else(|| paths::default_key_file(&data), |placed| placed.value);
    let clusters = clusters(fields, folder);
    let api = fields.mapping("api", |fields| api(fields, folder)).unwrap_or_default();
    let listen = value::optional(fields, "listen", address).map(|placed| {
        if !placed.value.ip().is_loopback() && api.tokens_file.is_none() {
            let what = "\"listen\" is an address beyond loopback, where everybody must show a token: set \
                        \"tokensFile\" of \"api\"";
            fields.error_at(placed.location, what);
        }
        placed.value
    });
    let telemetry = value::optional(fields, "telemetry", address).map(|placed| placed.value);
    let claims = clusters.iter().map(|(name, read)| (name.clone(), read.claims.clone()));
    let (configuration, hooks) = configuration(fields, folder, claims);
    Settings {
        key_file,
        data,
        listen: listen.unwrap_or(LISTEN),
        telemetry,
        api,
        hooks,
        log: fields.mapping("log", log).unwrap_or_default(),
        configuration,
        clusters: clusters.into_iter().map(|(name, read)| (name, read.access)).collect(),
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "should be an address and a port, as in 127.0.0.1:8420 or [::1]:8420".to_owned())
}

fn api(fields: &mut Fields<'_, '_>, folder: &Path) -> Api {
    let tokens_file = value::optional(fields, "tokensFile", |text| Ok(folder.join(text)));
    let loopback = [("open", Loopback::Open), ("token", Loopback::Token)];
    let place = fields.location_of("loopback");
    let api = Api {
        tokens_file: tokens_file.map(|placed| placed.value),
        loopback: value::choice(fields, "loopback", &loopback),
        hosts: fields.strings("hosts").into_iter().map(|(host, _)| host).collect(),
    };
    if api.loopback == Loopback::Token && api.tokens_file.is_none() {
        fields.error_at(place, "\"loopback\" wants tokens, and there are none: set \"tokensFile\"");
    }
    api
}

fn log(fields: &mut Fields<'_, '_>) -> Log {
    let levels = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
    Log {
        format: value::choice(fields, "format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        level: value::choice(fields, "level", &levels.map(|level| (level.as_str(), level))),
    }
}

/// What is said of a cluster.
#[derive(Clone, Default)]
struct ReadCluster {
    access: Cluster,
    /// The namespace in which claims lie.
    claims: Option<String>,
}

/// The clusters by name; the one that is configured as `cluster` has the default's.
fn clusters(fields: &mut Fields<'_, '_>, folder: &Path) -> BTreeMap<ClusterName, ReadCluster> {
    let main = fields.mapping("cluster", |fields| cluster(fields, folder)).unwrap_or_default();
    let others = fields.mappings("clusters", |fields| {
        let name = value::required(fields, "name", |text| match text.parse::<ClusterName>() {
            Ok(name) if name.is_default() => Err("is the name of the one that is set as \"cluster\"".to_owned()),
            Ok(name) => Ok(name),
            Err(error) => Err(format!("is wrong: {error}")),
        });
        (name, Some(cluster(fields, folder)))
    });
    let mut clusters = unique(fields, "cluster", others.into_iter());
    clusters.insert(ClusterName::default(), main);
    clusters
}

fn cluster(fields: &mut Fields<'_, '_>, folder: &Path) -> ReadCluster {
    ReadCluster {
        access: Cluster {
            kubeconfig: value::optional(fields, "kubeconfig", |text| Ok(folder.join(text))).map(|placed| placed.value),
            context: value::optional(fields, "context", value::any).map(|placed| placed.value),
        },
        claims: value::optional(fields, "claims", application::namespace).map(|placed| placed.value),
    }
}

fn configuration(
    fields: &mut Fields<'_, '_>,
    folder: &Path,
    clusters: impl Iterator<Item = (ClusterName, Option<String>)>,
) -> (Configuration, BTreeMap<RepositoryName, PathBuf>) {
    let clusters: BTreeMap<ClusterName, Option<String>> = clusters.collect();
    let repositories = fields.mappings("repositories", |fields| repository::read(fields, folder));
    let applications = fields.mappings("applications", application::read);
    let known: BTreeSet<&RepositoryName> =
        repositories.iter().filter_map(|read| read.name.as_ref()).map(|name| &name.value).collect();
    // A repository whose name is wrong may be the one that is meant.
    let all_named = repositories.iter().all(|read| read.name.is_some());
    for named in applications.iter().filter_map(|read| read.repository.as_ref()) {
        if all_named && !known.contains(&named.value) {
            let hint = value::meant(named.value.as_str(), known.iter().map(|name| name.as_str()));
            fields.error_at(named.location, format!("there is no repository \"{}\"{hint}", named.value));
        }
    }
    for named in applications.iter().filter_map(|read| read.cluster.as_ref()) {
        if !clusters.contains_key(&named.value) {
            let hint = value::meant(named.value.as_str(), clusters.keys().map(|name| name.as_str()));
            fields.error_at(named.location, format!("there is no cluster \"{}\"{hint}", named.value));
        }
    }
    let hooks = repositories.iter().filter_map(|read| Some((read.name.as_ref()?.value.clone(), read.hook.clone()?)));
    let hooks = hooks.collect();
    let configuration = Configuration {
        // What has its default is not recorded, so that older configurations keep their digest.
        clusters: clusters
            .into_iter()
            .filter_map(|(name, claims)| Some((name, configuration::Cluster { claims: claims? })))
            .filter(|(_, cluster)| *cluster != configuration::Cluster::default())
            .collect(),
        repositories: unique(fields, "repository", repositories.into_iter().map(|read| (read.name, read.repository))),
        applications: unique(fields, "application", applications.into_iter().map(|read| (read.name, read.application))),
    };
    (configuration, hooks)
}

/// By name; reports every name that is given again.
fn unique<N: Clone + Ord + std::fmt::Display, T>(
    fields: &mut Fields<'_, '_>,
    what: &str,
    all: impl Iterator<Item = (Option<Placed<N>>, Option<T>)>,
) -> BTreeMap<N, T> {
    let mut lines: BTreeMap<N, u32> = BTreeMap::new();
    let mut map = BTreeMap::new();
    for (name, value) in all {
        let Some(Placed { value: name, location }) = name else { continue };
        if let Some(line) = lines.get(&name) {
            let what = format!("the {what} \"{name}\" is on line {line} already: give one of them another name");
            fields.error_at(location, what);
            continue;
        }
        lines.insert(name.clone(), location.line);
        map.extend(value.map(|value| (name, value)));
    }
    map
}
