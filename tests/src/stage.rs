//! A stage for the engine: a journal in memory, a cluster that is a map, a clock that is moved by hand.
//!
//! After every step it checks what must always hold: writes start only after an event intends them, one object has one
//! write in flight, only what the events say we made is deleted, and the state is the fold of the events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use taffrail_core::fold::{Document, Documents, apply};
use taffrail_core::observed::claims_watch;
use taffrail_core::{Effect, EffectKey, Engine, Input, Outcome, Polled, Revision, Start, State, Step, WriteKey};
use taffrail_model::claim::{CLAIM_ANNOTATION, Claimed, claim_on};
use taffrail_model::configuration::{Application, Configuration, GatePolicy, OnFailure, Repository, SyncPolicy};
use taffrail_model::{
    Action, Actor, ClusterName, Commit, CommitId, DesiredObject, DesiredSet, Digest, Envelope, Epoch, Event, Evidence,
    Fact, Holder, LiveObject, ObjectKey, ObjectOptions, Order, OrderRefused, PruneOption, Reference, Relation,
    ReplaceOption, Replicas, Seq, Subject, Timestamp, Uid, Watch, WatchEvent, WatchScope,
};

pub mod thing;

pub use thing::{Condition, Thing};

/// The engine and the outside.
pub struct Stage {
    /// The engine.
    pub engine: Engine,
    /// The journal.
    pub events: Vec<Event>,
    /// Effects that were started and have not ended.
    pub effects: BTreeMap<EffectKey, Effect>,
    /// Writes that were stopped and whose outcome the engine still waits for.
    pub stopped: BTreeSet<EffectKey>,
    /// The cluster.
    pub things: BTreeMap<ObjectKey, Thing>,
    /// Renders and polls that were stopped while they were carried out: their outcome comes, and is not waited for.
    pub late: Vec<EffectKey>,
    /// Autoscalers that others made, and what each sets the replicas of.
    pub autoscalers: BTreeMap<ObjectKey, ObjectKey>,
    /// Whose the claim on the application is, if anybody's.
    pub claim: Option<Holder>,
    /// What became of the newest order.
    pub answer: Option<Result<Seq, OrderRefused>>,
    /// The time.
    pub now: Timestamp,
    documents: Documents,
    configuration: Arc<Configuration>,
    wake: Option<Timestamp>,
    version: u64,
    uids: u64,
    /// Uids that an `ObjectApplied` names.
    made: BTreeSet<Uid>,
}

/// The application of the stage.
pub const APPLICATION: &str = "shop";

/// What a set consists of: objects and a word for their content, which may end in options as [`options`] reads them.
pub fn set(objects: &[(&str, &str)]) -> Arc<DesiredSet> {
    let object = |(key, content): &(&str, &str)| {
        let key: ObjectKey = key.parse().expect("an object key");
        let api_version = if key.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", key.group) };
        let manifest = Digest::of(format!("{key} {content}").as_bytes());
        (key, DesiredObject { api_version: api_version.into(), manifest, options: options(content) })
    };
    Arc::new(DesiredSet { objects: objects.iter().map(object).collect() })
}

/// What a manifest asks of us: `1,replace`, `1,replace-data`, `1,prune-before`, `1,prune-disabled`, `1,replicas`,
/// `1,scales:apps/Deployment:shop/api`.
fn options(content: &str) -> ObjectOptions {
    let mut options = ObjectOptions::default();
    for word in content.split(',').skip(1) {
        match word.split_once(':').unwrap_or((word, "")) {
            ("replace", _) => options.replace = ReplaceOption::WithoutData,
            ("replace-data", _) => options.replace = ReplaceOption::WithData,
            ("prune-before", _) => options.prune = PruneOption::Before,
            ("prune-disabled", _) => options.prune = PruneOption::Disabled,
            ("replicas", _) => options.sets_replicas = true,
            ("scales", object) => options.scales = Some(object.parse().expect("an object key")),
            _ => panic!("no such option: {word}"),
        }
    }
    options
}

/// A commit's id from a word.
pub fn commit_id(word: &str) -> CommitId {
    Digest::of(word.as_bytes()).to_string()[..40].parse().expect("forty hexadecimal characters")
}

/// A configuration with one application.
pub fn configuration(gate: GatePolicy, on_failure: OnFailure) -> Configuration {
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
        repository: "shop".parse().expect("a name"),
        path: "overlays/staging".to_owned(),
        namespace: None,
        cluster: ClusterName::default(),
        service_account: None,
        // A few objects are soon a large share of an application.
        sync: SyncPolicy { prune_limit: 100, ..SyncPolicy::default() },
        gate,
        on_failure,
    };
    Configuration {
        repositories: [("shop".parse().expect("a name"), repository)].into(),
        applications: [(APPLICATION.parse().expect("a name"), application)].into(),
        clusters: BTreeMap::new(),
    }
}

impl Stage {
    /// A new journal, and a daemon that has just started with this configuration.
    pub fn new(configuration: Configuration) -> Self {
        Self::on(Vec::new(), configuration)
    }

    /// A journal that holds this first event, and a daemon that has just started on it.
    pub fn after(first: Event, configuration: Configuration) -> Self {
        Self::on(vec![first], configuration)
    }

    fn on(events: Vec<Event>, configuration: Configuration) -> Self {
        let start: Timestamp = "2026-11-21T03:00:00Z".parse().expect("a time");
        let now = events.last().map_or(start, |event| event.envelope.time.max(start));
        let mut stage = Self {
            engine: Engine::new(State::empty(Epoch(1))),
            events,
            effects: BTreeMap::new(),
            stopped: BTreeSet::new(),
            late: Vec::new(),
            answer: None,
            things: BTreeMap::new(),
            autoscalers: BTreeMap::new(),
            claim: None,
            now,
            documents: Documents::new(),
            configuration: Arc::new(configuration),
            wake: None,
            version: 0,
            uids: 0,
            made: BTreeSet::new(),
        };
        if stage.events.is_empty() {
            let fact = Fact::JournalCreated { installation: "here".to_owned(), key_check: Digest::ZERO };
            stage.append(Epoch(1), fact);
        }
        stage.engine = Engine::new(stage.fold());
        stage.start();
        stage
    }

    /// Every document that an event names.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// An event that comes from nobody's decision.
    fn append(&mut self, epoch: Epoch, fact: Fact) {
        let seq = Seq(self.events.len() as u64 + 1);
        let previous = self.events.last().map_or(Digest::ZERO, |event| event.hash);
        let (subject, actor) = (Subject::System, Actor::daemon());
        let id = format!("{}-{seq}", epoch.0);
        let envelope = Envelope { seq, epoch, id, time: self.now, subject, actor, cause: None, sync: None, fact };
        self.events.push(Event::seal(envelope, previous).0);
    }

    /// The configuration is changed.
    pub fn configure(&mut self, change: impl FnOnce(&mut Configuration)) -> Vec<Event> {
        change(Arc::make_mut(&mut self.configuration));
        self.give(vec![Input::Configured(self.configuration.clone())])
    }

    /// Whether the application is in the configuration.
    pub fn configured(&self) -> bool {
        !self.configuration.applications.is_empty()
    }

    /// Takes the application out of the configuration, or puts it back.
    pub fn configure_application(&mut self, application: Option<Application>) -> Option<Application> {
        let mut before = None;
        self.configure(|configuration| {
            let name = APPLICATION.parse().expect("a name");
            before = match application {
                Some(application) => configuration.applications.insert(name, application),
                None => configuration.applications.remove(&name),
            };
        });
        before
    }

    fn start(&mut self) {
        let configured = Input::Configured(self.configuration.clone());
        self.give(vec![Input::Started { version: "0.1.0".to_owned() }, configured]);
    }

    /// The daemon is killed and started again: everything that only it knew is gone.
    pub fn crash(&mut self) {
        let state = self.fold();
        assert_eq!(&state, self.engine.state(), "the state is the fold of the events");
        let written = State::from_bytes(&state.to_bytes()).expect("a snapshot reads back");
        assert_eq!(written, state, "a snapshot reads back as it was");
        self.effects.clear();
        self.stopped.clear();
        self.late.clear();
        self.engine = Engine::new(state);
        self.start();
    }

    /// The journal is restored from an export up to event `at`, and a daemon starts on it.
    pub fn restore(&mut self, at: usize) {
        self.events.truncate(at);
        let last = self.events.last().expect("a daemon started");
        let (head, at_seq, from_epoch) = (last.hash, last.seq(), last.envelope.epoch);
        self.append(Epoch(from_epoch.0 + 1), Fact::JournalRestored { from_epoch, at_seq, head });
        self.engine = Engine::new(self.fold());
        self.crash();
    }

    /// The state as the events alone give it.
    pub fn fold(&self) -> State {
        let mut state = State::empty(Epoch(1));
        for event in &self.events {
            apply(&mut state, event, &self.documents);
        }
        state
    }

    /// Gives inputs to the engine; returns the events that followed.
    pub fn give(&mut self, inputs: Vec<Input>) -> Vec<Event> {
        let proposal = self.engine.propose(inputs, self.now);
        self.answer = proposal.answers.values().next().cloned();
        let first = self.events.len();
        for envelope in proposal.envelopes {
            assert_eq!(envelope.seq, Seq(self.events.len() as u64 + 1), "numbers are dense");
            let previous = self.events.last().map_or(Digest::ZERO, |event| event.hash);
            let (event, bytes) = Event::seal(envelope, previous);
            assert_eq!(Event::from_bytes(&bytes).expect("it reads back"), event, "an event reads back as it was");
            if let Fact::ObjectApplied { uid, .. } = &event.envelope.fact {
                self.made.insert(uid.clone());
            }
            self.events.push(event);
        }
        self.documents.extend(proposal.documents);
        let events = self.events[first..].to_vec();
        let Step { start, stop, wake, .. } = self.engine.commit(&events, &self.documents, self.now);
        self.wake = wake;
        for key in stop {
            if let EffectKey::Write(_) = key {
                self.stopped.insert(key);
            } else {
                self.effects.remove(&key);
                if let EffectKey::Poll(..) | EffectKey::Render(..) = key {
                    self.late.push(key);
                }
            }
        }
        for Start { key, effect, .. } in start {
            self.check_start(&key, &effect);
            self.effects.insert(key, effect);
        }
        let more = self.answer_at_once();
        [events, more].concat()
    }

    /// The cluster answers at once whose the claim is, what bears the application's mark, and why something is broken.
    fn answer_at_once(&mut self) -> Vec<Event> {
        let at_once =
            |key: &EffectKey| matches!(key, EffectKey::Claim(..) | EffectKey::Find(..) | EffectKey::Examine(..));
        let asked = self.effects.iter().find(|(key, _)| at_once(key));
        let Some((key, effect)) = asked.map(|(key, effect)| (key.clone(), effect.clone())) else { return Vec::new() };
        match effect {
            Effect::Claim { holder, over, .. } => {
                self.effects.remove(&key);
                let free = self.claim.as_ref().is_none_or(|by| *by == holder || Some(by) == over.as_ref());
                let outcome = match self.claim.clone() {
                    Some(by) if !free => Claimed::By(by),
                    _ => {
                        self.claim = Some(holder);
                        Claimed::Held
                    }
                };
                self.give(vec![Input::Claimed { key, outcome }])
            }
            Effect::Find { .. } => {
                self.effects.remove(&key);
                let ours = self.things.iter().filter(|(_, thing)| thing.ours);
                let objects = ours.map(|(object, thing)| thing.live(object)).collect();
                self.give(vec![Input::Found { key, objects }])
            }
            Effect::Examine { object, .. } => {
                self.effects.remove(&key);
                let warnings = vec!["BackOff: it is broken".to_owned()];
                let evidence = vec![Evidence { object, pod: None, container: None, warnings, log: Vec::new() }];
                self.give(vec![Input::Examined { key, evidence }])
            }
            _ => unreachable!("found by its key"),
        }
    }

    /// Somebody writes or deletes the claim, and the watch sees it.
    pub fn claim_changes(&mut self, claim: Option<Holder>) -> Vec<Event> {
        self.claim = claim;
        let object = claim_on(&APPLICATION.parse().expect("a name"), "default");
        let event = match self.claim_object() {
            Some(claim) => WatchEvent::Changed(claim),
            None => WatchEvent::Removed(object),
        };
        self.give(vec![Input::Seen { watch: claims_watch(&ClusterName::default()), event }])
    }

    fn claim_object(&self) -> Option<LiveObject> {
        let mark = self.claim.as_ref()?.mark();
        let body = json!({ "metadata": { "annotations": { CLAIM_ANNOTATION: mark } } });
        Some(LiveObject {
            key: claim_on(&APPLICATION.parse().expect("a name"), "default"),
            api_version: "v1".into(),
            uid: Uid("claim".to_owned()),
            resource_version: self.version.to_string(),
            body: Arc::new(body),
            managers: Arc::new([]),
        })
    }

    fn check_start(&self, key: &EffectKey, effect: &Effect) {
        assert!(!self.effects.contains_key(key), "an effect runs once: {key:?}");
        let EffectKey::Write(write) = key else { return };
        let of_object = |key: &EffectKey| matches!(key, EffectKey::Write(other) if other.object == write.object);
        assert!(!self.effects.keys().any(of_object), "one write to an object at a time: {write:?}");
        let application = &self.engine.state().applications[&write.application];
        let owned = application.inventory.get(&write.object);
        assert!(owned.is_some(), "{write:?} is intended by an event");
        let intended = self.events.iter().any(|event| {
            event.seq() == write.sync
                && event.envelope.sync == Some(write.sync)
                && match &event.envelope.fact {
                    Fact::DriftDetected { object, heal, .. } => *heal && *object == write.object,
                    fact => fact.starts(),
                }
        });
        assert!(intended, "{write:?} belongs to a recorded sync, or to a drift that is mended");
        if let Effect::Apply { manifest, .. } = effect {
            let ran = |event: &Event| {
                matches!(&event.envelope.fact, Fact::ObjectApplied { object, manifest: ran, .. }
                    if *object == write.object && ran == manifest)
            };
            // An application that was removed begins anew when it comes back.
            let removed = |event: &Event| matches!(event.envelope.fact, Fact::RemovalFinished { .. });
            let since = self.events.iter().rposition(removed).unwrap_or_default();
            let again = write.object.is("batch", "Job") && self.events[since..].iter().any(ran);
            assert!(!again, "a Job never runs twice for a manifest: {write:?}");
        }
        if let Effect::Delete { uid: Some(uid), .. } = effect {
            assert!(self.made.contains(uid), "only what the events say we made is deleted: {write:?}");
        }
    }

    /// Somebody gives an order.
    pub fn order(&mut self, action: Action) -> Vec<Event> {
        let order = Order {
            application: APPLICATION.parse().expect("a name"),
            actor: Actor::person("grace"),
            reason: "because I say so".to_owned(),
            action,
        };
        let named = match &order.action {
            Action::Revert { to: Some(state) } => match self.documents.get(&state.desired) {
                Some(Document::Set(set)) => Some(set.clone()),
                _ => None,
            },
            _ => None,
        };
        self.give(vec![Input::Ordered { id: 1, order, named }])
    }

    /// Moves the clock, waking the engine whenever it asked for it.
    pub fn pass(&mut self, duration: Duration) -> Vec<Event> {
        let end = self.now.checked_add(duration).expect("not that far");
        let mut events = Vec::new();
        // A wake that leads to another at the same time is right; more than this many are not.
        for _ in 0..10_000 {
            match self.wake {
                Some(wake) if wake <= end => {
                    self.now = self.now.max(wake);
                    let news = self.give(vec![Input::Wake]);
                    if news.is_empty() && self.wake.is_some_and(|again| again <= self.now) {
                        panic!("the engine wants to be woken at {:?} and says nothing", self.wake);
                    }
                    events.extend(news);
                }
                _ => {
                    self.now = end;
                    return events;
                }
            }
        }
        panic!("the engine does not come to rest");
    }

    /// A poll finds a commit.
    pub fn poll(&mut self, word: &str, relation: Relation) -> Vec<Event> {
        let commit =
            Commit { id: commit_id(word), author: "Ada <ada@example.org>".to_owned(), subject: word.to_owned() };
        let revision = Revision { revision: commit.id.clone(), tag: None, relation, commits: vec![commit], count: 1 };
        self.polled(Ok(Polled::Taken(revision)))
    }

    /// A poll ends.
    pub fn polled(&mut self, outcome: Result<Polled, String>) -> Vec<Event> {
        let key =
            self.effects.keys().find(|key| matches!(key, EffectKey::Poll(..))).cloned().expect("a poll is asked for");
        self.effects.remove(&key);
        self.give(vec![Input::Polled { key, repository: "shop".parse().expect("a name"), outcome }])
    }

    /// The render that is asked for ends.
    pub fn rendered(&mut self, outcome: Result<Arc<DesiredSet>, Vec<String>>) -> Vec<Event> {
        let key = self
            .effects
            .keys()
            .find(|key| matches!(key, EffectKey::Render(..)))
            .cloned()
            .expect("a render is asked for");
        self.effects.remove(&key);
        let EffectKey::Render(application, revision, _) = key.clone() else { unreachable!("found by its kind") };
        self.give(vec![Input::Rendered { key, application, revision, outcome }])
    }

    /// A render that was stopped ends all the same.
    pub fn rendered_late(&mut self, outcome: Result<Arc<DesiredSet>, Vec<String>>) -> Vec<Event> {
        let place = self.late.iter().position(|key| matches!(key, EffectKey::Render(..))).expect("one was stopped");
        let key = self.late.remove(place);
        let EffectKey::Render(application, revision, _) = key.clone() else { unreachable!("found by its kind") };
        self.give(vec![Input::Rendered { key, application, revision, outcome }])
    }

    /// A poll that was stopped finds a commit all the same.
    pub fn polled_late(&mut self, word: &str) -> Vec<Event> {
        let place = self.late.iter().position(|key| matches!(key, EffectKey::Poll(..))).expect("one was stopped");
        let key = self.late.remove(place);
        let commit = Commit { id: commit_id(word), author: "Ada".to_owned(), subject: word.to_owned() };
        let revision = Revision {
            revision: commit.id.clone(),
            tag: None,
            relation: Relation::Descendant,
            commits: vec![commit],
            count: 1,
        };
        let outcome = Ok(Polled::Taken(revision));
        self.give(vec![Input::Polled { key, repository: "shop".parse().expect("a name"), outcome }])
    }

    /// The writes that are asked for.
    pub fn writes(&self) -> Vec<WriteKey> {
        self.effects
            .keys()
            .filter_map(|key| match key {
                EffectKey::Write(write) => Some(write.clone()),
                _ => None,
            })
            .collect()
    }

    /// The cluster does a write as a real one would, and its outcome is told.
    pub fn write(&mut self, write: &WriteKey, condition: Condition) -> Vec<Event> {
        let outcome = self.do_write(write, condition);
        let mut events = self.written(write, outcome);
        events.extend(self.show(&write.object));
        events
    }

    /// The cluster does a write as a real one would; nobody is told.
    pub fn do_write(&mut self, write: &WriteKey, condition: Condition) -> Outcome {
        let effect = &self.effects[&EffectKey::Write(write.clone())];
        let left_out = matches!(effect, Effect::Apply { replicas: Replicas::Autoscaled, .. });
        let thing = self.things.get(&write.object).filter(|_| write.object.is("batch", "Job"));
        if let (Some(thing), Effect::Apply { manifest, uid, .. }) = (thing, effect)
            && thing.manifest != *manifest
            && uid.as_ref().is_none_or(|uid| *uid == thing.uid)
        {
            return Outcome::Refused { reason: "field is immutable".to_owned(), immutable: true, attempts: 1 };
        }
        let mut outcome = self.do_any_write(write, condition);
        if let Outcome::Applied { autoscaled, .. } = &mut outcome {
            *autoscaled = left_out;
        }
        outcome
    }

    fn do_any_write(&mut self, write: &WriteKey, condition: Condition) -> Outcome {
        let object = write.object.clone();
        self.version += 1;
        if self.things.get(&object).is_some_and(|thing| thing.going) {
            // The server refuses what it deletes, and the driver tries again until it is gone.
            self.things.remove(&object);
        }
        match self.effects[&EffectKey::Write(write.clone())].clone() {
            Effect::Apply { manifest, uid, take, .. } => match (self.things.get_mut(&object), uid) {
                (Some(thing), Some(uid)) if thing.uid != uid => Outcome::Gone { uid },
                (None, Some(uid)) => Outcome::Gone { uid },
                (Some(thing), None) if !thing.ours => {
                    Outcome::Refused { reason: "it was not made by Taffrail".to_owned(), immutable: false, attempts: 1 }
                }
                (Some(thing), _) => {
                    let outcome = thing.apply(manifest, &take, self.version, false);
                    if let Outcome::Applied { .. } = outcome {
                        thing.condition = condition;
                    }
                    outcome
                }
                (None, None) => {
                    self.uids += 1;
                    let uid = Uid(format!("uid-{}", self.uids));
                    let mut thing = Thing::new(uid, manifest, self.version, condition, true);
                    let outcome = thing.apply(manifest, &take, self.version, true);
                    self.things.insert(object, thing);
                    outcome
                }
            },
            Effect::Delete { uid, .. } => match self.things.get(&object) {
                Some(thing) if thing.ours && uid.as_ref().is_none_or(|uid| *uid == thing.uid) => {
                    let uid = thing.uid.clone();
                    self.things.remove(&object);
                    Outcome::Deleted { uid: Some(uid) }
                }
                _ => Outcome::Deleted { uid: None },
            },
            effect => unreachable!("{effect:?} is no write"),
        }
    }

    /// Tells the outcome of a write.
    pub fn written(&mut self, write: &WriteKey, outcome: Outcome) -> Vec<Event> {
        let key = EffectKey::Write(write.clone());
        self.effects.remove(&key);
        self.stopped.remove(&key);
        self.give(vec![Input::Written { key, outcome }])
    }

    /// All writes succeed, also those that follow from them, and their objects become so.
    pub fn write_all(&mut self, condition: Condition) -> Vec<Event> {
        let mut events = self.list();
        events.extend(self.look_all());
        // Each round does at least one write of a plan.
        for _ in 0..10_000 {
            let Some(write) = self.writes().into_iter().next() else { return events };
            events.extend(self.write(&write, condition));
            events.extend(self.list());
            events.extend(self.look_all());
        }
        panic!("the writes do not end");
    }

    /// An object is seen to be so.
    pub fn turn(&mut self, object: &str, condition: Condition) -> Vec<Event> {
        let object: ObjectKey = object.parse().expect("an object key");
        self.version += 1;
        let thing = self.things.get_mut(&object).expect("it is there");
        thing.condition = condition;
        thing.version = self.version;
        self.show(&object)
    }

    /// Everything is seen to be so.
    pub fn turn_all(&mut self, condition: Condition) -> Vec<Event> {
        let objects: Vec<String> = self.things.keys().map(ToString::to_string).collect();
        objects.iter().flat_map(|object| self.turn(object, condition)).collect()
    }

    /// Somebody deletes an object.
    pub fn take_away(&mut self, object: &str) -> Vec<Event> {
        let object: ObjectKey = object.parse().expect("an object key");
        self.things.remove(&object);
        self.show(&object)
    }

    /// Somebody makes an autoscaler, or deletes it.
    pub fn autoscale(&mut self, name: &str, scales: Option<&str>) -> Vec<Event> {
        let key: ObjectKey = name.parse().expect("an object key");
        let event = match scales.map(|target| target.parse().expect("an object key")) {
            Some(target) => {
                self.autoscalers.insert(key.clone(), target);
                WatchEvent::Changed(autoscaler((&key, &self.autoscalers[&key])))
            }
            None => {
                self.autoscalers.remove(&key);
                WatchEvent::Removed(key)
            }
        };
        let watches = self.watches().into_iter().filter(is_of_autoscalers);
        let inputs: Vec<Input> = watches.map(|watch| Input::Seen { watch, event: event.clone() }).collect();
        if inputs.is_empty() { Vec::new() } else { self.give(inputs) }
    }

    /// Somebody sets a field of an object.
    pub fn edit(&mut self, object: &str, field: &'static str, value: &str, manager: &str) -> Vec<Event> {
        self.change(object, |thing| thing.edit(field, value, manager))
    }

    /// Somebody removes a field of an object.
    pub fn remove(&mut self, object: &str, field: &str) -> Vec<Event> {
        self.change(object, |thing| thing.remove(field))
    }

    /// Somebody deletes an object that something still holds.
    pub fn delete_slowly(&mut self, object: &str) -> Vec<Event> {
        self.change(object, |thing| thing.going = true)
    }

    /// Somebody deletes an object and makes one of the same name.
    pub fn replace(&mut self, object: &str) -> Vec<Event> {
        let key: ObjectKey = object.parse().expect("an object key");
        self.uids += 1;
        self.version += 1;
        let uid = Uid(format!("uid-{}", self.uids));
        let mut thing = Thing::new(uid, Digest::ZERO, self.version, Condition::Healthy, false);
        thing.edit(thing::FIXED, "theirs", "kubectl-create");
        self.things.insert(key.clone(), thing);
        self.show(&key)
    }

    fn change(&mut self, object: &str, change: impl FnOnce(&mut Thing)) -> Vec<Event> {
        let object: ObjectKey = object.parse().expect("an object key");
        self.version += 1;
        let thing = self.things.get_mut(&object).expect("it is there");
        change(thing);
        thing.version = self.version;
        self.show(&object)
    }

    /// The looks that are asked for end.
    pub fn look_all(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        // Each round ends a look; what it leads to looks at most once at each object.
        for _ in 0..10_000 {
            let Some(key) = self.effects.keys().find(|key| matches!(key, EffectKey::Look(..))).cloned() else {
                return events;
            };
            events.extend(self.look(key));
        }
        panic!("the looks do not end");
    }

    /// A look ends.
    pub fn look(&mut self, key: EffectKey) -> Vec<Event> {
        let EffectKey::Look(_, object, _) = &key else { unreachable!("{key:?} is no look") };
        let found = self.things.get(object).map(|thing| thing.live(object));
        self.effects.remove(&key);
        self.give(vec![Input::Looked { key, found }])
    }

    /// The watches of an object see it as it is.
    pub fn show(&mut self, object: &ObjectKey) -> Vec<Event> {
        let event = match self.things.get(object).filter(|thing| thing.labelled()) {
            Some(thing) => WatchEvent::Changed(thing.live(object)),
            None => WatchEvent::Removed(object.clone()),
        };
        let inputs: Vec<Input> = self
            .watches()
            .into_iter()
            .filter(|watch| watch.kind == object.kind && watch.api_version.group == object.group)
            .map(|watch| Input::Seen { watch, event: event.clone() })
            .collect();
        if inputs.is_empty() { Vec::new() } else { self.give(inputs) }
    }

    /// Every watch lists what there is, also those that follow from it.
    pub fn list(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        let mut listed = BTreeSet::new();
        loop {
            let watches: Vec<Watch> = self.watches().into_iter().filter(|watch| !listed.contains(watch)).collect();
            if watches.is_empty() {
                return events;
            }
            for watch in watches {
                let objects = self
                    .things
                    .iter()
                    .filter(|(object, _)| watch.scope == WatchScope::Ours && watch.kind == object.kind)
                    .filter(|(object, thing)| watch.api_version.group == object.group && thing.labelled())
                    .map(|(object, thing)| thing.live(object))
                    .chain(self.autoscalers.iter().filter(|_| is_of_autoscalers(&watch)).map(autoscaler))
                    .chain(self.claim_object().filter(|_| watch == claims_watch(&ClusterName::default())))
                    .collect();
                listed.insert(watch.clone());
                events.extend(self.give(vec![Input::Seen { watch, event: WatchEvent::Listed(objects) }]));
            }
        }
    }

    /// Time passes in which nothing could be decided.
    pub fn lose_time(&mut self, duration: Duration) {
        self.now = self.now.checked_add(duration).expect("not that far");
        self.give(vec![Input::TimeLost { duration, reason: "the journal could not be written".to_owned() }]);
    }

    /// The API server is away.
    pub fn lose(&mut self) -> Vec<Event> {
        let lost = WatchEvent::Lost("connection refused".to_owned());
        let inputs = self.watches().into_iter().map(|watch| Input::Seen { watch, event: lost.clone() }).collect();
        self.give(inputs)
    }

    fn watches(&self) -> Vec<Watch> {
        self.effects
            .keys()
            .filter_map(|key| match key {
                EffectKey::Watch(watch) => Some(watch.clone()),
                _ => None,
            })
            .collect()
    }
}

fn is_of_autoscalers(watch: &Watch) -> bool {
    watch.kind == "HorizontalPodAutoscaler" && watch.scope != WatchScope::Ours
}

/// Somebody else's autoscaler, as its watch sees it.
fn autoscaler((key, target): (&ObjectKey, &ObjectKey)) -> LiveObject {
    let target = json!({ "apiVersion": format!("{}/v1", target.group), "kind": target.kind, "name": target.name });
    LiveObject {
        key: key.clone(),
        api_version: "autoscaling/v2".into(),
        uid: Uid(key.to_string()),
        resource_version: "1".to_owned(),
        body: Arc::new(json!({ "spec": { "scaleTargetRef": target } })),
        managers: Arc::new([]),
    }
}
