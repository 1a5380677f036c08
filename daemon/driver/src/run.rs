//! The loop: the only place where time, events and effects meet.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::FusedFuture;
use taffrail_core::fold::Document;
use taffrail_core::{Engine, Input, Proposal, Step};
use taffrail_model::configuration::Configuration;
use taffrail_model::{
    Action, ApplicationName, DesiredSet, Event, Fact, Order, RecordedState, RepositoryName, Seq, Timestamp,
};
use taffrail_ports::clusters::Clusters;
use taffrail_ports::journal::{self, Journal, JournalError};
use taffrail_ports::metrics::Metrics;
use taffrail_ports::orders::OrderError;
use taffrail_ports::repositories::Repositories;
use tokio::sync::{mpsc, oneshot};

use crate::board::Board;
use crate::effects::Effects;
use crate::replay::{ReplayError, keep, replay};
use crate::time::Ticks;

/// Inputs that may wait. Effects wait to hand theirs over when it is full.
const QUEUE: usize = 1024;
/// Inputs that are decided on together.
const BATCH: usize = 256;
/// Events between two snapshots.
const SNAPSHOT_EVERY: u64 = 10_000;
/// Longest time between two tries of an append that failed.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);
/// How often the board is renewed while inputs keep coming.
const BOARD_EVERY: Duration = Duration::from_millis(250);
/// Longest time that the end waits for outcomes of writes: longer than any request takes.
const LONGEST_END: Duration = Duration::from_secs(45);

/// The outside.
#[derive(Clone)]
pub struct World {
    /// The log.
    pub journal: Arc<dyn Journal>,
    /// Git.
    pub repositories: Arc<dyn Repositories>,
    /// Kubernetes.
    pub clusters: Arc<Clusters>,
    /// What is measured.
    pub metrics: Metrics,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The version, for the log.
    pub version: String,
    /// Names this build, for snapshots.
    pub code: String,
}

/// What the daemon is told while it runs.
#[derive(Debug)]
pub enum Command {
    /// A configuration was accepted.
    Configured(Arc<Configuration>),
    /// A configuration was refused, for these reasons; the old one stays.
    ConfigurationRefused(Vec<String>),
    /// Somebody says that this repository has something new: it is polled at once.
    Hinted(RepositoryName),
    /// A person asks for something.
    Order {
        /// What.
        order: Order,
        /// Where the answer goes, once it is durable.
        reply: oneshot::Sender<Result<Seq, OrderError>>,
    },
}

/// Why the daemon stopped.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The journal cannot be folded.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The journal belongs to somebody else by now, or is damaged.
    #[error(transparent)]
    Journal(JournalError),
    /// A part of the daemon ended that must not.
    #[error("a part of the daemon ended: {0}")]
    Part(String),
}

/// Runs until `shutdown`. The configuration comes as the first command.
pub async fn run(
    world: World,
    options: Options,
    board: Board,
    mut commands: mpsc::Receiver<Command>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), DriverError> {
    let journal = world.journal.clone();
    let code = options.code.clone();
    let state = blocking(move || replay(&*journal, &code)).await??;
    let (sender, mut inputs) = mpsc::channel(QUEUE);
    let mut driver = Driver {
        snapshot: state.seq,
        ticks: Ticks::after(state.time),
        engine: Engine::new(state),
        effects: Effects::new(world.clone(), sender),
        world,
        options,
        board,
        dirty: BTreeSet::new(),
        orders: 0,
        replies: BTreeMap::new(),
        gates: BTreeMap::new(),
        renewed: Instant::now(),
        wake: None,
    };
    let mut shutdown = pin!(shutdown.fuse());
    let version = driver.options.version.clone();
    let mut batch = vec![Input::Started { version }];
    // Nothing is done by the configuration that the journal holds: it may have been changed since.
    tokio::select! {
        biased;
        () = &mut shutdown => return Ok(()),
        command = commands.recv() => if let Some(command) = command {
            batch.push(driver.told(command).await);
        },
    }
    loop {
        // Not cut off in the middle: what is appended is folded in. Only a journal that cannot be written ends it early.
        if driver.step(std::mem::take(&mut batch), true, &mut shutdown).await?.is_break() || shutdown.is_terminated() {
            break;
        }
        if inputs.is_empty() || driver.renewed.elapsed() > BOARD_EVERY {
            driver.renew_board();
        }
        let now = driver.ticks.now();
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(command) = commands.recv() => batch.push(driver.told(command).await),
            count = inputs.recv_many(&mut batch, BATCH) => if count == 0 {
                return Err(DriverError::Part("the queue of inputs".to_owned()));
            },
            () = until(driver.wake, now) => batch.push(Input::Wake),
        }
    }
    driver.end(inputs).await
}

async fn until(wake: Option<Timestamp>, now: Timestamp) {
    match wake {
        // A timer's resolution is a millisecond: a little late is right, a little early would spin.
        Some(wake) => {
            let wait = Duration::try_from(wake.duration_since(now)).unwrap_or_default();
            tokio::time::sleep(wait + Duration::from_millis(1)).await;
        }
        None => std::future::pending().await,
    }
}

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DriverError> {
    // A panic's own words may quote what it worked on, such as a Secret.
    let broken = |_| DriverError::Part("a defect of Taffrail broke it off; the process's log says where".to_owned());
    tokio::task::spawn_blocking(work).await.map_err(broken)
}

struct Driver {
    world: World,
    options: Options,
    engine: Engine,
    effects: Effects,
    board: Board,
    dirty: BTreeSet<ApplicationName>,
    /// How many orders came, and who waits for the answers.
    orders: u64,
    replies: BTreeMap<u64, oneshot::Sender<Result<Seq, OrderError>>>,
    /// When the open gates were opened, for the histogram.
    gates: BTreeMap<Seq, Timestamp>,
    renewed: Instant,
    ticks: Ticks,
    wake: Option<Timestamp>,
    snapshot: Seq,
}

impl Driver {
    async fn told(&mut self, command: Command) -> Input {
        match command {
            Command::Configured(configuration) => Input::Configured(configuration),
            Command::ConfigurationRefused(errors) => Input::ConfigurationRefused(errors),
            Command::Hinted(repository) => Input::Hinted { repository },
            Command::Order { order, reply } => {
                let named = match &order.action {
                    Action::Revert { to: Some(state) } => self.named(state).await,
                    _ => None,
                };
                self.orders += 1;
                self.replies.insert(self.orders, reply);
                Input::Ordered { id: self.orders, order, named }
            }
        }
    }

    /// The objects of a recorded state, if the journal holds them.
    async fn named(&self, state: &RecordedState) -> Option<Arc<DesiredSet>> {
        let (journal, digest) = (self.world.journal.clone(), state.desired);
        let bytes = blocking(move || journal.document(digest)).await.ok()?.ok()?;
        DesiredSet::from_bytes(&bytes).ok().map(Arc::new)
    }

    /// Decides on inputs, records, and acts. Breaks when `end` comes while the journal cannot be written.
    async fn step(
        &mut self,
        inputs: Vec<Input>,
        act: bool,
        end: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<ControlFlow<()>, DriverError> {
        for input in &inputs {
            if let Input::Written { key, .. } = input {
                self.effects.ended(key);
            }
        }
        let now = self.ticks.now();
        let lost = self.ticks.take_lost().map(|duration| Input::TimeLost {
            duration,
            reason: "the journal could not be written, or the machine slept".to_owned(),
        });
        let inputs = lost.into_iter().chain(inputs).collect();
        let mut proposal = self.engine.propose(inputs, now);
        let answers = std::mem::take(&mut proposal.answers);
        let documents = proposal.documents.clone();
        let Some(events) = self.record(proposal, end).await? else { return Ok(ControlFlow::Break(())) };
        for (id, answer) in answers {
            if let Some(reply) = self.replies.remove(&id) {
                // Whoever asked may have left.
                let _ = reply.send(answer.map_err(OrderError::from));
            }
        }
        let now = self.ticks.now();
        let Step { start, stop, wake, touched } = self.engine.commit(&events, &documents, now);
        self.wake = wake;
        self.dirty.extend(touched);
        for key in &stop {
            self.effects.stop(key);
        }
        if act {
            for asked in start {
                self.effects.start(asked, now);
            }
        }
        for event in &events {
            self.measure(event);
        }
        if self.engine.state().seq.0 >= self.snapshot.0 + SNAPSHOT_EVERY {
            self.keep_snapshot().await;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Appends until it is durable: while the journal cannot be written nothing goes on, and nothing is lost. `None` when
    /// `end` comes first; what was to be recorded follows again from the journal and the cluster at the next start.
    async fn record(
        &mut self,
        proposal: Proposal,
        end: &mut (impl Future<Output = ()> + Unpin),
    ) -> Result<Option<Vec<Event>>, DriverError> {
        if proposal.envelopes.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let stored: Vec<journal::Document> =
            proposal.documents.iter().map(|(digest, document)| stored(*digest, document)).collect();
        let mut back_off = Duration::from_millis(250);
        let mut failing: Option<Instant> = None;
        loop {
            let (journal, envelopes, documents) =
                (self.world.journal.clone(), proposal.envelopes.clone(), stored.clone());
            let began = Instant::now();
            match blocking(move || journal.append(envelopes, documents)).await? {
                Ok(events) => {
                    let labels: [&str; 0] = [];
                    self.world.metrics.append_seconds.with_label_values(&labels).observe(began.elapsed().as_secs_f64());
                    self.board.journal_works();
                    if let Some(since) = failing {
                        self.ticks.lose(since.elapsed());
                    }
                    return Ok(Some(events));
                }
                Err(error @ (JournalError::Store { .. } | JournalError::NoSpace { .. })) => {
                    tracing::error!(%error, "the journal cannot be written; nothing goes on until it can");
                    self.board.journal_fails(&error.to_string());
                    failing.get_or_insert(began);
                    tokio::select! {
                        biased;
                        () = &mut *end => return Ok(None),
                        () = tokio::time::sleep(back_off) => {}
                    }
                    back_off = LONGEST_BACK_OFF.min(back_off * 2);
                }
                Err(error) => return Err(DriverError::Journal(error)),
            }
        }
    }

    fn measure(&mut self, event: &Event) {
        let metrics = &self.world.metrics;
        let fact = &event.envelope.fact;
        metrics.events.with_label_values(&[fact.kind()]).inc();
        let envelope = &event.envelope;
        tracing::info!(seq = envelope.seq.0, subject = %envelope.subject, kind = fact.kind(), "event");
        let sync = envelope.sync.unwrap_or_default();
        match fact {
            Fact::GateOpened { .. } => {
                self.gates.insert(sync, envelope.time);
            }
            // A sync of some objects ends with its gate.
            Fact::GatePassed { .. }
            | Fact::SyncSucceeded { .. }
            | Fact::GateFailed { .. }
            | Fact::SyncSuperseded { .. } => {
                let outcome = match fact {
                    Fact::GatePassed { .. } | Fact::SyncSucceeded { .. } => "passed",
                    Fact::GateFailed { .. } => "failed",
                    _ => "superseded",
                };
                if let Some(opened) = self.gates.remove(&sync) {
                    let seconds = envelope.time.duration_since(opened).as_secs_f64();
                    metrics.gate_seconds.with_label_values(&[outcome]).observe(seconds);
                }
            }
            _ => {}
        }
        let outcome = match fact {
            Fact::RevertStarted { .. } => "started",
            Fact::Reverted { .. } => "reverted",
            Fact::RevertFailed { .. } => "failed",
            _ => return,
        };
        if let Some(application) = envelope.subject.application() {
            metrics.reverts.with_label_values(&[application.as_str(), outcome]).inc();
        }
    }

    fn renew_board(&mut self) {
        self.board.renew(&self.engine, std::mem::take(&mut self.dirty), &self.world.metrics);
        self.renewed = Instant::now();
    }

    async fn keep_snapshot(&mut self) {
        let (journal, code, state) =
            (self.world.journal.clone(), self.options.code.clone(), self.engine.state().clone());
        self.snapshot = state.seq;
        let kept = blocking(move || keep(&*journal, &state, &code)).await;
        if let Ok(Err(error)) = kept {
            tracing::warn!(%error, "no snapshot was kept; the next start folds more events");
        }
    }

    /// Stops everything, and records the outcomes of the writes that were sent.
    async fn end(mut self, mut inputs: mpsc::Receiver<Input>) -> Result<(), DriverError> {
        self.effects.stop_all();
        let mut deadline = pin!(tokio::time::sleep(LONGEST_END).fuse());
        while self.effects.writing() > 0 {
            let mut batch = Vec::new();
            tokio::select! {
                () = &mut deadline => break,
                count = inputs.recv_many(&mut batch, BATCH) => if count == 0 { break },
            }
            batch.retain(|input| matches!(input, Input::Written { .. }));
            if self.step(batch, false, &mut deadline).await?.is_break() {
                break;
            }
        }
        self.keep_snapshot().await;
        Ok(())
    }
}

fn stored(digest: taffrail_model::Digest, document: &Document) -> journal::Document {
    let bytes = match document {
        Document::Set(set) => set.to_bytes(),
        Document::Plan(plan) => plan.to_bytes(),
        Document::Configuration(configuration) => configuration.to_bytes(),
        Document::Fields(fields) => fields.to_bytes(),
    };
    journal::Document { digest, bytes, confidential: false }
}
