//! The stepper: the only caller of the decisions, the fold and the derivation of effects.
//!
//! `propose` says what is to be recorded; nothing has changed then. Once that is durable, `commit` folds it in and says
//! which effects to start and to stop. Effects' outcomes come back as inputs.

use std::collections::{BTreeMap, BTreeSet};

use taffrail_model::{
    Action, ApplicationName, ClusterName, Digest, Envelope, Event, ObjectKey, OrderRefused, Plan, RepositoryName, Seq,
    Subject, Timestamp, Watch,
};

use crate::decide::application::{Next, needs_look, next};
use crate::decide::{Context, Draft, claim, input::cluster_wake, ordered, react};
use crate::effect::{Effect, EffectKey};
use crate::effects;
use crate::fold::{Document, Documents, apply};
use crate::input::Input;
use crate::observed::{ClaimSeen, Observed, claims_watch};
use crate::state::State;

/// How many facts one call of [`Engine::propose`] may find: more can only be an error in the rules.
pub const FACTS_LIMIT: usize = 10_000;

/// What is to be recorded, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proposal {
    /// The events.
    pub envelopes: Vec<Envelope>,
    /// Documents that they name.
    pub documents: Documents,
    /// What became of each order: the event that records it, or why it is refused.
    pub answers: BTreeMap<u64, Result<Seq, OrderRefused>>,
}

/// An effect to start.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// Names it.
    pub key: EffectKey,
    /// What to do.
    pub effect: Effect,
    /// The cluster in which, if it has to do with one.
    pub cluster: ClusterName,
}

/// What to do after a commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Effects to start.
    pub start: Vec<Start>,
    /// Effects that nobody asks for any more. A write among them is not tried again; what was sent is not aborted.
    pub stop: Vec<EffectKey>,
    /// When to come back with [`Input::Wake`].
    pub wake: Option<Timestamp>,
    /// Applications that may look different now.
    pub touched: BTreeSet<ApplicationName>,
}

/// State, what is seen, and what is running.
#[derive(Debug)]
pub struct Engine {
    state: State,
    observed: Observed,
    /// What each application asks for.
    asked: BTreeMap<ApplicationName, BTreeMap<EffectKey, Effect>>,
    /// What was started and has not ended.
    running: BTreeSet<EffectKey>,
    /// How many applications ask for a watch.
    watchers: BTreeMap<Watch, usize>,
    /// Applications that wait for the outcome of another's write to an object.
    fenced: BTreeMap<ObjectKey, BTreeSet<ApplicationName>>,
    wakes: BTreeMap<ApplicationName, Timestamp>,
    touched: BTreeSet<ApplicationName>,
}

impl Engine {
    /// An engine that goes on from `state`.
    pub fn new(state: State) -> Self {
        Self {
            state,
            observed: Observed::default(),
            asked: BTreeMap::new(),
            running: BTreeSet::new(),
            watchers: BTreeMap::new(),
            fenced: BTreeMap::new(),
            wakes: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// The state.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What is seen.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// What is to be recorded after these inputs. Takes in what they let us see; changes no state.
    pub fn propose(&mut self, inputs: Vec<Input>, now: Timestamp) -> Proposal {
        let now = now.max(self.state.time);
        let mut proposal = Proposal::default();
        let mut scratch = self.state.clone();
        for input in &inputs {
            if !self.take_in(input, now) {
                continue;
            }
            let context = Context { now, observed: &self.observed };
            let drafts = match input {
                Input::Ordered { id, order, named } => {
                    let drafts = ordered(&scratch, context, order, named.as_ref());
                    let answer = drafts.as_ref().map(|_| scratch.seq.next()).map_err(Clone::clone);
                    proposal.answers.insert(*id, answer);
                    drafts.unwrap_or_default()
                }
                _ => react(&scratch, context, input),
            };
            for draft in drafts {
                self.touched.extend(concerned(&scratch, &draft.subject));
                record(&mut scratch, &mut proposal, draft, now);
            }
        }
        for name in std::mem::take(&mut self.touched) {
            self.observed.look(&scratch, [name.clone()], now);
            while proposal.envelopes.len() < FACTS_LIMIT {
                if needs_look(&scratch, &name, self.observed.gates.get(&name)) {
                    self.observed.look(&scratch, [name.clone()], now);
                }
                match next(&scratch, Context { now, observed: &self.observed }, &name) {
                    Next::Facts(drafts) => {
                        for draft in drafts.into_iter().take(FACTS_LIMIT - proposal.envelopes.len()) {
                            record(&mut scratch, &mut proposal, draft, now);
                        }
                    }
                    Next::Wait(_) => break,
                }
            }
            self.touched.insert(name);
        }
        proposal
    }

    /// Folds in what was recorded and says what to do.
    pub fn commit(&mut self, events: &[Event], documents: &Documents, now: Timestamp) -> Step {
        for event in events {
            apply(&mut self.state, event, documents);
            self.touched.extend(concerned(&self.state, &event.envelope.subject));
        }
        let now = now.max(self.state.time);
        let touched = std::mem::take(&mut self.touched);
        self.observed.look(&self.state, touched.iter().cloned(), now);
        let mut step = Step::default();
        for name in &touched {
            if !self.state.applications.contains_key(name) {
                // It begins anew when it comes back.
                self.observed.rendered.remove(name);
            }
            let context = Context { now, observed: &self.observed };
            match next(&self.state, context, name) {
                Next::Wait(Some(wake)) => self.wakes.insert(name.clone(), wake),
                Next::Wait(None) => self.wakes.remove(name),
                Next::Facts(_) => self.wakes.insert(name.clone(), now),
            };
            let asked = effects::of_application(&self.state, context, name);
            self.ask(name, asked, &mut step);
        }
        self.poll(now, &mut step);
        let context = Context { now, observed: &self.observed };
        step.wake = self.wakes.values().copied().chain(cluster_wake(&self.state, context)).min();
        step.touched = touched;
        step
    }

    /// Compares what an application asks for with what it asked for before.
    fn ask(&mut self, name: &ApplicationName, asked: BTreeMap<EffectKey, Effect>, step: &mut Step) {
        let before = self.asked.insert(name.clone(), asked.clone()).unwrap_or_default();
        for key in before.keys().filter(|key| !asked.contains_key(key)) {
            if let EffectKey::Watch(watch) = key {
                let watchers = self.watchers.entry(watch.clone()).or_insert(1);
                *watchers -= 1;
                if *watchers > 0 {
                    continue;
                }
                self.watchers.remove(watch);
                self.observed.live.forget(watch);
            }
            self.observed.retrying.remove(key);
            self.observed.checks.remove(key);
            self.observed.evidence.remove(key);
            if self.running.remove(key) {
                step.stop.push(key.clone());
            }
        }
        let cluster = self.state.cluster_of(name);
        for (key, effect) in asked {
            if let EffectKey::Watch(watch) = &key
                && !before.contains_key(&key)
            {
                *self.watchers.entry(watch.clone()).or_default() += 1;
            }
            if self.running.contains(&key) {
                continue;
            }
            if let EffectKey::Write(write) = &key {
                if self.observed.in_flight.contains_key(&write.object) {
                    // The next write to an object waits for the outcome of the last.
                    self.fenced.entry(write.object.clone()).or_default().insert(name.clone());
                    continue;
                }
                self.observed.in_flight.insert(write.object.clone(), key.clone());
            }
            if let EffectKey::Watch(watch) = &key {
                self.observed.live.ask(watch, self.state.seq);
            }
            self.running.insert(key.clone());
            step.start.push(Start { key, effect, cluster: cluster.clone() });
        }
    }

    /// Asks for the next poll of each repository; there are few.
    fn poll(&mut self, now: Timestamp, step: &mut Step) {
        let context = Context { now, observed: &self.observed };
        let repositories =
            self.state.configuration.iter().flat_map(|(_, configuration)| configuration.repositories.keys());
        let polls: BTreeMap<EffectKey, Effect> =
            repositories.filter_map(|name| effects::of_repository(&self.state, context, name)).collect();
        let old: Vec<EffectKey> = self
            .running
            .iter()
            .filter(|key| matches!(key, EffectKey::Poll(..)) && !polls.contains_key(key))
            .cloned()
            .collect();
        for key in old {
            self.running.remove(&key);
            step.stop.push(key);
        }
        for (key, effect) in polls {
            if self.running.insert(key.clone()) {
                step.start.push(Start { key, effect, cluster: ClusterName::default() });
            }
        }
    }

    /// Takes in what an input lets us see. False for the outcome of a poll or render that nobody asks for any more: it
    /// is of another URL, branch or folder than what is configured by now, and nothing follows from it.
    fn take_in(&mut self, input: &Input, now: Timestamp) -> bool {
        match input {
            Input::Polled { key, .. } | Input::Rendered { key, .. } if !self.running.remove(key) => return false,
            Input::Polled { repository, outcome, key } => {
                let configured = self.state.configuration.as_ref();
                if let (Some(configured), EffectKey::Poll(_, _, settings)) =
                    (configured.and_then(|(_, all)| all.repositories.get(repository)), key)
                {
                    // A failure count that is about to be recorded must be read before it is forgotten.
                    let failed = outcome.is_err();
                    let before = self.observed.polls.get(repository).map_or(0, |polls| polls.failures);
                    self.observed.schedule_poll(repository, *settings, configured.poll, failed, now);
                    if !failed && let Some(polls) = self.observed.polls.get_mut(repository) {
                        polls.recovered_from = before;
                    }
                }
            }
            Input::Hinted { repository } => {
                self.hint(repository, now);
            }
            Input::Rendered { application, revision, key, .. } => {
                if let EffectKey::Render(_, _, by) = key {
                    self.observed.rendered.insert(application.clone(), (revision.clone(), *by));
                }
                self.touched.insert(application.clone());
            }
            Input::Seen { watch, event } => {
                if self.running.contains(&EffectKey::Watch(watch.clone())) {
                    self.observed.live.see(watch, event.clone(), now);
                    let key = EffectKey::Watch(watch.clone());
                    let watching = self.asked.iter().filter(|(_, asked)| asked.contains_key(&key));
                    let names: Vec<ApplicationName> = watching.map(|(name, _)| name.clone()).collect();
                    if *watch == claims_watch(&watch.cluster) {
                        let held = |name: &&ApplicationName| {
                            let place = claim::place(&self.state, name);
                            self.observed.live.claim(watch, &place) == Some(self.state.holder())
                        };
                        let held: Vec<ApplicationName> = names.iter().filter(held).cloned().collect();
                        self.observed.claims.extend(held.into_iter().map(|name| (name, ClaimSeen::Ours)));
                    }
                    for name in &names {
                        if let Some(application) = self.state.applications.get(name) {
                            self.observed.suspect(name, application, watch, event);
                        }
                    }
                    self.touched.extend(names);
                }
            }
            Input::Examined { key, evidence } => {
                if let (true, EffectKey::Examine(application, ..)) = (self.running.contains(key), key) {
                    self.observed.evidence.insert(key.clone(), evidence.clone());
                    self.touched.insert(application.clone());
                }
            }
            Input::Claimed { key, .. } => {
                let EffectKey::Claim(name, _) = key else { return false };
                if !self.running.remove(key) {
                    return false;
                }
                self.observed.retrying.remove(key);
                let over = match self.asked.get(name).and_then(|asked| asked.get(key)) {
                    Some(Effect::Claim { over, .. }) => over.clone(),
                    _ => None,
                };
                // The watch may have been faster than the answer.
                let watch = claims_watch(&self.state.cluster_of(name));
                let seen = self.observed.live.claim(&watch, &claim::place(&self.state, name));
                let seen =
                    if seen == Some(self.state.holder()) { ClaimSeen::Ours } else { ClaimSeen::Written { over } };
                self.observed.claims.insert(name.clone(), seen);
                self.touched.insert(name.clone());
            }
            Input::Found { key, objects } => {
                let EffectKey::Find(name, _) = key else { return false };
                // Still running: it is asked for until something follows from it, and found once.
                if !self.running.contains(key) {
                    return false;
                }
                self.observed.retrying.remove(key);
                let keys = objects.iter().map(|object| object.key.clone()).collect();
                self.observed.found.insert(name.clone(), keys);
                self.touched.insert(name.clone());
            }
            Input::Retrying { key, reason } => {
                if self.running.contains(key) {
                    self.observed.retrying.insert(key.clone(), reason.clone());
                    self.touch_key(key);
                }
            }
            Input::Written { key, .. } => {
                self.running.remove(key);
                self.observed.retrying.remove(key);
                if let EffectKey::Write(write) = key
                    && self.observed.in_flight.get(&write.object) == Some(key)
                {
                    self.observed.in_flight.remove(&write.object);
                    self.touched.extend(self.fenced.remove(&write.object).unwrap_or_default());
                }
                self.touch_key(key);
            }
            Input::Looked { key, found } => {
                if let (true, EffectKey::Look(application, object, uid)) = (self.running.remove(key), key) {
                    self.observed.looked.insert(object.clone(), (uid.clone(), found.clone()));
                    self.touched.insert(application.clone());
                }
            }
            Input::Checked { key, outcome } => {
                if let (true, EffectKey::Check(application, ..)) = (self.running.contains(key), key) {
                    self.observed.checks.insert(key.clone(), outcome.clone());
                    self.touched.insert(application.clone());
                }
            }
            Input::Wake => {
                let due: Vec<ApplicationName> =
                    self.wakes.iter().filter(|(_, wake)| **wake <= now).map(|(name, _)| name.clone()).collect();
                self.touched.extend(due);
            }
            Input::TimeLost { .. } => {
                // What was healthy before may not have been so in between.
                self.observed.gates.clear();
                self.touched.extend(self.state.applications.keys().cloned());
            }
            Input::Ordered { order, .. } => {
                self.touched.insert(order.application.clone());
                if let (Action::Refresh, Some(configured)) = (&order.action, self.state.configured(&order.application))
                {
                    let repository = configured.repository.clone();
                    self.hint(&repository, now);
                }
            }
            Input::Started { .. } | Input::Configured(_) | Input::ConfigurationRefused(_) => {
                self.touched.extend(self.state.applications.keys().cloned());
            }
        }
        true
    }

    fn hint(&mut self, repository: &RepositoryName, now: Timestamp) {
        let configured = self.state.configuration.as_ref();
        if let Some(configured) = configured.and_then(|(_, all)| all.repositories.get(repository)) {
            self.observed.hint(repository, effects::poll_settings(configured), now);
        }
    }

    fn touch_key(&mut self, key: &EffectKey) {
        match key {
            EffectKey::Write(write) => drop(self.touched.insert(write.application.clone())),
            EffectKey::Claim(name, _) | EffectKey::Find(name, _) | EffectKey::Look(name, ..) => {
                self.touched.insert(name.clone());
            }
            EffectKey::Poll(..)
            | EffectKey::Render(..)
            | EffectKey::Watch(_)
            | EffectKey::Check(..)
            | EffectKey::Examine(..) => {}
        }
    }
}

/// The applications that an event about `subject` may make different.
fn concerned(state: &State, subject: &Subject) -> Vec<ApplicationName> {
    let configured = state.configuration.iter().flat_map(|(_, configuration)| &configuration.applications);
    match subject {
        Subject::Application(name) => vec![name.clone()],
        Subject::System => state.applications.keys().chain(configured.map(|(name, _)| name)).cloned().collect(),
        Subject::Repository(repository) => configured
            .filter(|(_, application)| application.repository == *repository)
            .map(|(name, _)| name.clone())
            .collect(),
    }
}

/// Numbers a draft, folds it into the scratch state, and adds it to the proposal.
fn record(scratch: &mut State, proposal: &mut Proposal, draft: Draft, now: Timestamp) {
    let seq = scratch.seq.next();
    let envelope = Envelope {
        seq,
        epoch: scratch.epoch,
        id: format!("{}-{seq}", scratch.epoch.0),
        time: now.max(scratch.time),
        subject: draft.subject,
        actor: draft.actor,
        cause: draft.cause,
        sync: if draft.fact.starts() { Some(seq) } else { draft.sync },
        fact: draft.fact,
    };
    for document in draft.documents {
        proposal.documents.insert(name_of(&document), document);
    }
    let event = Event { envelope: envelope.clone(), previous: Digest::ZERO, hash: Digest::ZERO };
    apply(scratch, &event, &proposal.documents);
    proposal.envelopes.push(envelope);
}

fn name_of(document: &Document) -> Digest {
    match document {
        Document::Set(set) => set.digest(),
        Document::Plan(plan) => Plan::digest(plan),
        Document::Configuration(configuration) => Digest::of(&configuration.to_bytes()),
        Document::Fields(fields) => fields.digest(),
    }
}
