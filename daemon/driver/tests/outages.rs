//! The loop against a real journal, and a Git and a cluster that fail as they are told.

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of tests for other code")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use taffrail_driver::{Board, Command, Options, World, run};
use taffrail_journal::SledJournal;
use taffrail_model::configuration::{
    Application, Configuration, GatePolicy, OnFailure, Repository, ServiceTarget, SyncPolicy,
};
use taffrail_model::{
    ApiVersion, ApplicationName, ClusterName, Commit, CommitId, Evidence, Known, LiveObject, ObjectKey, Reference,
    Relation, RepositoryName, Seq, Watch, WatchEvent,
};
use taffrail_ports::cluster::{
    Applied, Apply, Claim, Claimed, Cluster, Comparison, Delete, Deleted, Examine, WriteError, WriteErrorKind,
};
use taffrail_ports::clusters::Clusters;
use taffrail_ports::journal::Journal;
use taffrail_ports::metrics::Metrics;
use taffrail_ports::repositories::{Entry, Fetched, Observation, Repositories, RepositoryError, Tree};
use taffrail_ports::{BoxFuture, BoxStream};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

/// Calls this before each read of a tree, with the number of reads before.
type BeforeRead = Box<dyn Fn(usize) -> Result<(), RepositoryError> + Send + Sync>;

struct Git {
    reads: AtomicUsize,
    before: BeforeRead,
}

impl Repositories for Git {
    fn fetch(&self, _: &RepositoryName, _: &Repository, _: Option<&Known>) -> Result<Fetched, RepositoryError> {
        let revision: CommitId = "a".repeat(40).parse().unwrap();
        let commit = Commit { id: revision.clone(), author: "Ada".to_owned(), subject: "one".to_owned() };
        let head = Observation { revision, tag: None, relation: Relation::First, commits: vec![commit], count: 1 };
        Ok(Fetched::Taken(head))
    }

    fn look(&self, _: &RepositoryName, _: &Repository, _: &str) -> Result<CommitId, RepositoryError> {
        Ok("a".repeat(40).parse().unwrap())
    }

    fn tree(&self, _: &RepositoryName, _: &CommitId) -> Result<Box<dyn Tree>, RepositoryError> {
        (self.before)(self.reads.fetch_add(1, Ordering::SeqCst))?;
        Ok(Box::new(Files))
    }
}

struct Files;

impl Tree for Files {
    fn entry(&self, path: &str) -> Result<Option<Entry>, RepositoryError> {
        Ok(match path {
            "" => Some(Entry::Folder),
            "kustomization.yaml" => Some(Entry::File(b"resources: [a.yaml]\n".to_vec())),
            "a.yaml" => {
                Some(Entry::File(b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n".to_vec()))
            }
            _ => None,
        })
    }
}

/// Takes no write; counts them.
#[derive(Default)]
struct Away(AtomicUsize);

impl Cluster for Away {
    fn apply(&self, _: Apply) -> BoxFuture<'_, Result<Applied, WriteError>> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Err(WriteError { kind: WriteErrorKind::Unreachable, message: "away".to_owned() }) })
    }

    fn delete(&self, _: Delete) -> BoxFuture<'_, Result<Deleted, WriteError>> {
        Box::pin(async { Ok(Deleted::Absent) })
    }

    fn look(&self, _: ObjectKey, _: ApiVersion) -> BoxFuture<'_, Result<Option<LiveObject>, WriteError>> {
        Box::pin(async { Ok(None) })
    }

    fn claim(&self, _: Claim) -> BoxFuture<'_, Result<Claimed, WriteError>> {
        Box::pin(async { Ok(Claimed::Held) })
    }

    fn marked(
        &self,
        _: ApplicationName,
        _: Vec<(ApiVersion, String)>,
    ) -> BoxFuture<'_, Result<Vec<LiveObject>, WriteError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn compare(&self, _: Apply) -> BoxFuture<'_, Result<Comparison, WriteError>> {
        Box::pin(async { Err(WriteError { kind: WriteErrorKind::Unreachable, message: "away".to_owned() }) })
    }

    fn probe(&self, _: ServiceTarget, _: Duration) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Err("away".to_owned()) })
    }

    fn examine(&self, _: Examine) -> BoxFuture<'_, Vec<Evidence>> {
        Box::pin(async { Vec::new() })
    }

    fn watch(&self, _: Watch) -> BoxStream<'static, WatchEvent> {
        let listed = async { WatchEvent::Listed(Vec::new()) };
        Box::pin(futures_util::StreamExt::chain(
            futures_util::stream::once(listed),
            futures_util::stream::pending::<WatchEvent>(),
        ))
    }
}

fn configuration() -> Configuration {
    let repository = Repository {
        url: "https://git.example.org/shop.git".to_owned(),
        reference: Reference::Branch("main".to_owned()),
        poll: Duration::from_secs(30),
        timeout: Duration::from_secs(30),
        credentials: None,
        ca_file: None,
        verify: None,
    };
    let application = Application {
        repository: "shop".parse().unwrap(),
        path: ".".to_owned(),
        namespace: None,
        cluster: ClusterName::default(),
        service_account: None,
        sync: SyncPolicy::default(),
        gate: GatePolicy::default(),
        on_failure: OnFailure::Revert,
    };
    Configuration {
        clusters: std::collections::BTreeMap::new(),
        repositories: [("shop".parse().unwrap(), repository)].into(),
        applications: [("shop".parse().unwrap(), application)].into(),
    }
}

fn open(folder: &TempDir) -> Arc<SledJournal> {
    let options = taffrail_journal::Options::new(folder.path().join("data/journal"), folder.path().join("key"));
    Arc::new(SledJournal::open(&options).unwrap().journal)
}

fn kinds(journal: &SledJournal) -> Vec<&'static str> {
    journal.events(Seq(0), 1000).unwrap().iter().map(|event| event.envelope.fact.kind()).collect()
}

/// Runs a daemon until `done`.
async fn until(
    journal: &Arc<SledJournal>,
    cluster: &Arc<Away>,
    before: BeforeRead,
    configuration: Configuration,
    done: impl Fn(&[&str]) -> bool,
) {
    let repositories = Arc::new(Git { reads: AtomicUsize::new(0), before });
    let world = World {
        journal: journal.clone(),
        repositories,
        clusters: Arc::new(Clusters::one(cluster.clone())),
        metrics: Metrics::new(),
    };
    let options = Options { version: "0.1.0".to_owned(), code: "test".to_owned() };
    let (commands, received) = mpsc::channel(1);
    let (end, ending) = oneshot::channel::<()>();
    let ended = async { drop(ending.await) };
    let daemon = tokio::spawn(run(world, options, Board::default(), received, ended));
    // As when it takes a while to read the configuration.
    tokio::time::sleep(Duration::from_millis(100)).await;
    commands.send(Command::Configured(configuration.into())).await.unwrap();
    let wait = async {
        while !done(&kinds(journal)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(20), wait).await;
    assert!(waited.is_ok(), "{:?}", kinds(journal));
    end.send(()).unwrap();
    daemon.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_goes_on_by_itself_once_the_disk_has_space_and_the_mirror_is_there() {
    let folder = TempDir::new().unwrap();
    let (journal, cluster) = (open(&folder), Arc::default());
    let disk = journal.clone();
    let before: BeforeRead = Box::new(move |reads| {
        disk.set_minimum_free(if reads == 1 { u64::MAX } else { 0 });
        let reason = "it was not fetched yet".to_owned();
        if reads == 0 { Err(RepositoryError::Mirror { path: "shop".into(), reason }) } else { Ok(()) }
    });
    until(&journal, &cluster, before, configuration(), |kinds| kinds.contains(&"SyncStarted")).await;
    assert!(!kinds(&journal).contains(&"RenderFailed"), "{:?}", kinds(&journal));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_does_nothing_by_the_configuration_of_before() {
    let folder = TempDir::new().unwrap();
    let (journal, cluster) = (open(&folder), Arc::new(Away::default()));
    let sent = cluster.clone();
    let written = move |_: &[&str]| sent.0.load(Ordering::SeqCst) > 0;
    until(&journal, &cluster, Box::new(|_| Ok(())), configuration(), written).await;
    let before = cluster.0.load(Ordering::SeqCst);
    let without = Configuration { applications: [].into(), ..configuration() };
    let changed = |kinds: &[&str]| kinds.iter().filter(|kind| **kind == "ConfigurationChanged").count() == 2;
    until(&journal, &cluster, Box::new(|_| Ok(())), without, changed).await;
    assert_eq!(cluster.0.load(Ordering::SeqCst), before, "the application was taken out before the start");
}
