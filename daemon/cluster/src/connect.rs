//! How the API server is found, and what is asked of the connection.
//!
//! Always: nothing is sent here, so that a daemon starts while the API server is away. No message holds a part of the
//! kubeconfig.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// How to connect.
#[derive(Clone, Debug)]
pub struct Options {
    /// The kubeconfig. Without one it is found as kubectl finds it, and a pod uses its service account.
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; without one, its current context.
    pub context: Option<String>,
    /// Longest time for one request, watches excepted.
    pub timeout: Duration,
    /// Most writes that are under way at one time.
    pub in_flight: usize,
    /// A watch on which nothing came for so long is taken as lost. The server sends a bookmark each minute.
    pub silence: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            timeout: Duration::from_secs(30),
            in_flight: 16,
            silence: Duration::from_secs(90),
        }
    }
}

/// Why there can be no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig {path}: {reason}")]
    Kubeconfig {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// There is no kubeconfig, and this is no pod.
    #[error("no cluster: {kubeconfig}; and not in a pod: {pod}. Set KUBECONFIG, or name a kubeconfig")]
    Nowhere {
        /// Why there is no kubeconfig.
        kubeconfig: String,
        /// Why this is no pod.
        pod: InClusterError,
    },
    /// Its certificates or credentials cannot be used.
    #[error("the client cannot be set up: {0}")]
    Client(String),
}

/// A client, and whether the kubeconfig has it act as somebody else than whom it authenticates.
pub(crate) struct Connection {
    pub client: Client,
    pub impersonates: bool,
}

/// A client of the configured API server. Its own retries are off: who asks for a write decides on another.
pub(crate) async fn client(options: &Options) -> Result<Connection, ConnectError> {
    let mut config = configuration(options).await?;
    config.default_retry = false;
    config.connect_timeout = Some(options.timeout.min(Duration::from_secs(10)));
    let impersonates = config.auth_info.impersonate.is_some();
    let client = Client::try_from(config).map_err(|error| ConnectError::Client(crate::server::reason(&error)))?;
    Ok(Connection { client, impersonates })
}

async fn configuration(options: &Options) -> Result<Config, ConnectError> {
    let selection = KubeConfigOptions { context: options.context.clone(), ..KubeConfigOptions::default() };
    let read = match &options.kubeconfig {
        Some(path) => Kubeconfig::read_from(path),
        None => Kubeconfig::read(),
    };
    let path = || {
        options.kubeconfig.as_ref().map_or_else(|| "of KUBECONFIG or ~/.kube".to_owned(), |p| p.display().to_string())
    };
    let unusable = |error| ConnectError::Kubeconfig { path: path(), reason: told(&error) };
    let kubeconfig = match read {
        Ok(kubeconfig) => kubeconfig,
        // As kubectl does: a missing file is no configuration, a broken one is an error.
        Err(error @ (KubeconfigError::ReadConfig(..) | KubeconfigError::FindPath)) if options.kubeconfig.is_none() => {
            return Config::incluster().map_err(|pod| ConnectError::Nowhere { kubeconfig: told(&error), pod });
        }
        Err(error) => return Err(unusable(error)),
    };
    let proxies: Vec<String> =
        kubeconfig.clusters.iter().filter_map(|named| named.cluster.as_ref()?.proxy_url.clone()).collect();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &selection).await.map_err(unusable)?;
    // kube also takes HTTPS_PROXY, and holds NO_PROXY against the proxy's address instead of the server's: only what
    // the kubeconfig names is used.
    config.proxy_url =
        config.proxy_url.filter(|proxy| proxies.iter().any(|named| named.parse().ok().as_ref() == Some(proxy)));
    Ok(config)
}

/// A YAML error quotes the lines around it, and those hold credentials.
fn told(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(_) => "it cannot be read as a kubeconfig".to_owned(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_broken_kubeconfig_is_named_but_not_quoted() {
        let path = std::env::temp_dir().join(format!("taffrail-kubeconfig-{}", std::process::id()));
        std::fs::write(&path, "users:\n- name: x\n  user: { token: canary-token, : }\n").unwrap();
        let options = Options { kubeconfig: Some(path.clone()), ..Options::default() };
        let error = client(&options).await.err().unwrap().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.contains(&path.display().to_string()) && !error.contains("canary"), "{error}");
    }
}
