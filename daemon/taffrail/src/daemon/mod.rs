//! Wiring: puts the outside worlds, the driver and the API together, and keeps them until a signal comes.
//!
//! Always: the journal is opened before anything else, so that a second daemon on the same folder stops before its
//! first write; what was sent to the cluster is waited for at the end.

mod keys;
mod log;
mod reload;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use taffrail_cluster::KubeCluster;
use taffrail_driver::{Archive, Board, Command, Desk, Options, World};
use taffrail_git::Mirrors;
use taffrail_http::Readers;
use taffrail_journal::SledJournal;
use taffrail_ports::clusters::Clusters;
use taffrail_ports::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use self::keys::KeyFiles;
pub use self::reload::ConfigurationFile;
use crate::Failure;
use crate::configuration::{Settings, journal_folder};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Changes of the configuration, orders and hints that may wait; whoever brings more waits too.
const COMMANDS: usize = 64;

/// Runs the daemon until SIGTERM or SIGINT.
pub fn run(file: ConfigurationFile, settings: Settings) -> Result<(), Failure> {
    log::start(settings.log);
    log::name_panics();
    make_private(&settings.data)?;
    let options = taffrail_journal::Options::new(journal_folder(&settings.data), &settings.key_file);
    let opened = SledJournal::open(&options).map_err(Failure::new)?;
    for note in &opened.notes {
        tracing::warn!("{note}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime does not start: {error}")))?;
    let ended = runtime.block_on(serve(file, settings, Arc::new(opened.journal)));
    // A blocking call (a fetch, a render) that hangs has its own limits; the end does not wait for it.
    runtime.shutdown_background();
    ended
}

async fn serve(file: ConfigurationFile, settings: Settings, journal: Arc<SledJournal>) -> Result<(), Failure> {
    let metrics = Metrics::new();
    let clusters = Arc::new(connect(&settings, &metrics).await?);
    let listener = listen(settings.listen, "listen").await?;
    let address = listener.local_addr().map_err(Failure::new)?;
    if !address.ip().is_loopback() {
        tracing::warn!(%address, "the API is served in plain HTTP beyond loopback: put a proxy with TLS before it, or \
                                  whoever listens on the way has the tokens");
    }
    let key_files = KeyFiles::open(&settings).map_err(Failure::new)?;
    let board = Board::default();
    let world = World {
        journal: journal.clone(),
        repositories: Arc::new(Mirrors::new(settings.data.join("repositories"))),
        clusters,
        metrics: metrics.clone(),
    };
    let (commands, received) = mpsc::channel(COMMANDS);
    let configured = Command::Configured(Arc::new(settings.configuration.clone()));
    commands.send(configured).await.map_err(Failure::new)?;

    let (end, ending) = watch::channel(false);
    let options = taffrail_http::Options {
        hosts: settings.api.hosts.clone(),
        loopback: settings.api.loopback,
        ..taffrail_http::Options::default()
    };
    let (status, orders) = (Arc::new(board.clone()), Arc::new(Desk::new(commands.clone())));
    let code = code()?;
    let inquiries = Arc::new(Archive::new(world.clone(), board.clone(), code.clone()));
    let readers = Readers { journal, status, metrics, orders, inquiries, keys: key_files.keys(), options };
    if let Some(place) = settings.telemetry {
        let listener = listen(place, "telemetry").await?;
        let address = listener.local_addr().map_err(Failure::new)?;
        tracing::info!(%address, "probes and metrics are served");
        tokio::spawn(taffrail_http::serve_telemetry(listener, readers.clone(), ended(ending.clone())));
    }
    let api = tokio::spawn(taffrail_http::serve(listener, readers, ended(ending.clone())));
    let reloading = tokio::spawn(reload::watch(file, settings, commands, key_files));
    tracing::info!(%address, version = VERSION, "the API listens");

    let options = Options { version: VERSION.to_owned(), code };
    let mut api = pin!(api);
    let mut driver = pin!(taffrail_driver::run(world, options, board, received, ended(ending)));
    let result = tokio::select! {
        result = &mut driver => result.map_err(Failure::new),
        result = &mut api => Err(Failure::new(match result {
            Ok(Ok(())) => "the API ended by itself".to_owned(),
            Ok(Err(error)) => format!("the API ended: {error}"),
            Err(error) => format!("the API ended: {error}"),
        })),
        signal = signalled() => {
            tracing::info!("{}", signal.map_err(Failure::new)?);
            let _ = end.send(true);
            driver.await.map_err(Failure::new)
        }
    };
    let _ = end.send(true);
    reloading.abort();
    result
}

/// Reads how each cluster is reached. None is asked anything yet.
async fn connect(settings: &Settings, metrics: &Metrics) -> Result<Clusters, Failure> {
    let clusters = Clusters::default();
    for (name, cluster) in &settings.clusters {
        let options = taffrail_cluster::Options {
            kubeconfig: cluster.kubeconfig.clone(),
            context: cluster.context.clone(),
            ..taffrail_cluster::Options::default()
        };
        let connected = KubeCluster::connect(options, metrics.clone()).await.map_err(|error| {
            let which = if name.is_default() { "cluster.kubeconfig" } else { "its kubeconfig in `clusters`" };
            let words = if name.is_default() { error.to_string() } else { format!("the cluster {name}: {error}") };
            Failure::new(words)
                .hint(format!("{which} names the file; without it $KUBECONFIG or ~/.kube/config is read"))
        })?;
        clusters.put(name.clone(), Arc::new(connected));
    }
    Ok(clusters)
}

async fn listen(place: SocketAddr, setting: &str) -> Result<TcpListener, Failure> {
    let failed = |error| Failure::new(format!("cannot listen on {place}: {error}")).hint(format!("set `{setting}`"));
    TcpListener::bind(place).await.map_err(failed)
}

/// Completes once the daemon is to end.
async fn ended(mut ending: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is an end as well.
    let _ = ending.wait_for(|end| *end).await;
}

async fn signalled() -> io::Result<&'static str> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM: ending once what was sent is answered",
        _ = interrupt.recv() => "SIGINT: ending once what was sent is answered",
    })
}

/// Names this build: a snapshot of the state that another one made is not read.
fn code() -> Result<String, Failure> {
    let program = std::env::current_exe().and_then(std::fs::read);
    let program = program.map_err(|error| Failure::new(format!("cannot read this program's file: {error}")))?;
    Ok(taffrail_model::Digest::of(&program).to_string())
}

fn make_private(folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::DirBuilderExt;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| Failure::new(format!("cannot make {}: {error}", folder.display())).hint("set `data`"))
}
