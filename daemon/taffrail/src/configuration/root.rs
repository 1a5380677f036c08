//! The file as a whole: its own settings, and what its parts say of each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use taffrail_model::configuration::{self, Configuration};
use taffrail_model::{ClusterName, RepositoryName};
use taffrail_yaml::{Error, Errors, Fields, Limits, Location, parse};

use super::value::{self, Placed};
use super::{Cluster, LARGEST, Log, LogFormat, LogLevel, Settings, application, paths, repository};

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
    for name in ["schedules", "telemetry"] {
        value::unsupported(fields, name, "");
    }
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
    Settings {
        key_file,
        data,
        listen: value::optional(fields, "listen", listen).map_or(LISTEN, |placed| placed.value),
        log: fields.mapping("log", log).unwrap_or_default(),
        configuration: configuration(
            fields,
            folder,
            clusters.iter().map(|(name, read)| (name.clone(), read.claims.clone())),
        ),
        clusters: clusters.into_iter().map(|(name, read)| (name, read.access)).collect(),
    }
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "should be an address and a port, as in 127.0.0.1:8420 or [::1]:8420")?;
    if !address.ip().is_loopback() {
        return Err("should be a loopback address: \
                    the API beyond loopback needs bearer tokens, which this version does not have"
            .into());
    }
    Ok(address)
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
) -> Configuration {
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
    Configuration {
        // What has its default is not recorded, so that older configurations keep their digest.
        clusters: clusters
            .into_iter()
            .filter_map(|(name, claims)| Some((name, configuration::Cluster { claims: claims? })))
            .filter(|(_, cluster)| *cluster != configuration::Cluster::default())
            .collect(),
        repositories: unique(fields, "repository", repositories.into_iter().map(|read| (read.name, read.repository))),
        applications: unique(fields, "application", applications.into_iter().map(|read| (read.name, read.application))),
    }
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
