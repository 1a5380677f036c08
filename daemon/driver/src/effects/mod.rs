//! Carries effects out, a task each, a file a kind. An effect ends by itself, or when it is stopped; a write only
//! between two attempts.

mod check;
mod claim;
mod examine;
mod look;
mod nowhere;
mod options;
mod poll;
pub(crate) mod render;
mod watch;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use taffrail_core::{Effect, EffectKey, Input, Start};
use taffrail_model::Timestamp;
use taffrail_ports::cluster::{Claim, Cluster};
use tokio::sync::{Semaphore, mpsc, watch as channel};

use self::nowhere::Nowhere;
use crate::run::World;

/// How many renders run at once.
const RENDERS: usize = 2;
/// How many polls run at once.
const POLLS: usize = 8;

/// The running effects.
pub(crate) struct Effects {
    /// Those of effects that have to do with no cluster that is reached.
    hands: Hands,
    running: BTreeMap<EffectKey, channel::Sender<bool>>,
}

/// What every effect works with.
#[derive(Clone)]
pub(crate) struct Hands {
    world: World,
    cluster: Arc<dyn Cluster>,
    inputs: mpsc::Sender<Input>,
    http: reqwest::Client,
    renders: Arc<Semaphore>,
    polls: Arc<Semaphore>,
}

/// Tells an effect that nobody asks for it any more.
pub(crate) struct Stop(channel::Receiver<bool>);

impl Stop {
    /// Returns once it is stopped.
    async fn stopped(&mut self) {
        // An error means that the sender is gone, which also asks for nothing more.
        let _ = self.0.wait_for(|stopped| *stopped).await;
    }

    /// Waits so long; whether it was stopped before.
    async fn within(&mut self, time: Duration) -> bool {
        tokio::time::timeout(time, self.stopped()).await.is_ok()
    }
}

impl Hands {
    /// Hands an input over. It is lost only when the daemon has ended.
    async fn give(&self, input: Input) {
        let _ = self.inputs.send(input).await;
    }
}

impl Effects {
    pub(crate) fn new(world: World, inputs: mpsc::Sender<Input>) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .build()
            .expect("the TLS backend that is built in starts");
        let (renders, polls) = (Arc::new(Semaphore::new(RENDERS)), Arc::new(Semaphore::new(POLLS)));
        Self {
            hands: Hands { world, cluster: Arc::new(Nowhere), inputs, http, renders, polls },
            running: BTreeMap::new(),
        }
    }

    /// Starts an effect.
    pub(crate) fn start(&mut self, asked: Start, now: Timestamp) {
        let Start { key, effect, cluster } = asked;
        let (sender, receiver) = channel::channel(false);
        self.running.retain(|key, running| matches!(key, EffectKey::Write(_)) || !running.is_closed());
        self.running.insert(key.clone(), sender);
        let (mut hands, mut stop) = (self.hands.clone(), Stop(receiver));
        if let Some(cluster) = hands.world.clusters.get(&cluster) {
            hands.cluster = cluster;
        }
        match effect {
            Effect::Poll { name, repository, known, at } => {
                let wait = Duration::try_from(at.duration_since(now)).unwrap_or_default();
                tokio::spawn(async move { poll::poll(&hands, key, name, repository, known, wait, &mut stop).await });
            }
            Effect::Render { application, repository, revision, path, namespace } => {
                let request = render::Request { application, repository, revision, path, namespace };
                tokio::spawn(async move { render::run(&hands, key, request, &mut stop).await });
            }
            Effect::Watch(watch) => {
                tokio::spawn(async move { watch::watch(&hands, watch, &mut stop).await });
            }
            Effect::Apply { manifest, uid, predecessors, foreign, take, replicas, identity } => {
                let write = write::Write::Apply { manifest, predecessors, foreign, take, replicas };
                tokio::spawn(async move { write::write(&hands, key, write, uid, identity, &mut stop).await });
            }
            Effect::Delete { api_version, uid, wait, identity } => {
                let write = write::Write::Delete { api_version, wait };
                tokio::spawn(async move { write::write(&hands, key, write, uid, identity, &mut stop).await });
            }
            Effect::Examine { object, uid, pods, log_lines, secrets } => {
                let request = examine::Request { object, uid, pods, log_lines, secrets };
                tokio::spawn(async move { examine::examine(&hands, key, request, &mut stop).await });
            }
            Effect::Claim { application, namespace, holder, over } => {
                let claim = Claim { namespace, application, holder, over };
                tokio::spawn(async move { claim::claim(&hands, key, claim, &mut stop).await });
            }
            Effect::Find { application, kinds } => {
                tokio::spawn(async move { claim::find(&hands, key, application, kinds, &mut stop).await });
            }
            Effect::Look { object, api_version } => {
                tokio::spawn(async move { look::look(&hands, key, object, api_version, &mut stop).await });
            }
            Effect::Check { check, namespace, interval } => {
                tokio::spawn(async move { check::check(&hands, key, check, namespace, interval, &mut stop).await });
            }
        }
    }

    /// Stops an effect. A write that was sent goes on to its outcome.
    pub(crate) fn stop(&mut self, key: &EffectKey) {
        if let Some(running) = self.running.get(key) {
            let _ = running.send(true);
        }
    }

    /// Stops all of them.
    pub(crate) fn stop_all(&mut self) {
        for running in self.running.values() {
            let _ = running.send(true);
        }
    }

    /// How many writes have not told their outcome.
    pub(crate) fn writing(&self) -> usize {
        self.running.keys().filter(|key| matches!(key, EffectKey::Write(_))).count()
    }

    /// Notes that the outcome of a write has come in.
    pub(crate) fn ended(&mut self, key: &EffectKey) {
        self.running.remove(key);
    }
}
