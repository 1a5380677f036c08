//! The fold: what each event means for the state.
//!
//! Always: a function of the event and the documents it names, so that every fold of the same journal gives the same
//! state. An event that no longer fits (a late outcome) changes only what it proves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use taffrail_model::configuration::{Configuration, GatePolicy, SyncPolicy};
use taffrail_model::fact::{HoldReason, SyncScope};
use taffrail_model::{
    Actor, ApiVersion, ApplicationName, ClusterName, CommitId, DesiredSet, Digest, Event, Fact, FieldSet, ForeignField,
    Holder, ObjectKey, Plan, PlannedWrite, PruneOption, Seq, Subject, Timestamp, WriteKind,
};

use crate::clock::Clock;
use crate::jobs::is_job;
use crate::state::{
    Application, Claim, Hold, Leaving, Ordered, Origin, Owned, PASSED_KEPT, Pause, Phase, Purpose, QUARANTINES_KEPT,
    Refused, RevisionHead, State, Sync, Target,
};
use crate::time::between;

mod drift;
mod intervention;
mod removal;

pub(crate) use intervention::held_after;

/// A document that an event names.
#[derive(Clone, Debug, PartialEq)]
pub enum Document {
    /// See [`DesiredSet`].
    Set(Arc<DesiredSet>),
    /// See [`Plan`].
    Plan(Arc<Plan>),
    /// See [`Configuration`].
    Configuration(Arc<Configuration>),
    /// See [`FieldSet`].
    Fields(Arc<FieldSet>),
}

/// Documents by name.
pub type Documents = BTreeMap<Digest, Document>;

/// What sort of document an event names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// See [`DesiredSet`].
    Set,
    /// See [`Plan`].
    Plan,
    /// See [`Configuration`].
    Configuration,
    /// See [`FieldSet`].
    Fields,
}

/// The documents that [`apply`] must be given with an event.
pub fn required(fact: &Fact) -> Vec<(Digest, DocumentKind)> {
    match fact {
        Fact::ConfigurationChanged { digest } => vec![(*digest, DocumentKind::Configuration)],
        Fact::DesiredStateChanged { desired, .. } => vec![(*desired, DocumentKind::Set)],
        Fact::RevertRequested { to, .. } => vec![(*to, DocumentKind::Set)],
        Fact::SyncStarted { plan, .. }
        | Fact::RevertStarted { plan, .. }
        | Fact::RemovalDecided { plan: Some(plan), .. } => vec![(*plan, DocumentKind::Plan)],
        Fact::ObjectApplied { fields: Some(fields), .. } => vec![(*fields, DocumentKind::Fields)],
        _ => Vec::new(),
    }
}

/// Folds one event in. `documents` holds what [`required`] names.
pub fn apply(state: &mut State, event: &Event, documents: &Documents) {
    let envelope = &event.envelope;
    let now = envelope.time;
    let before = state.time;
    state.seq = envelope.seq;
    state.time = now;
    state.epoch = envelope.epoch;
    match &envelope.subject {
        Subject::System => apply_system(state, event, documents, before),
        Subject::Repository(name) => {
            let repository = state.repositories.entry(name.clone()).or_default();
            match &envelope.fact {
                Fact::RevisionObserved { revision, tag, commits, .. } => {
                    let before = repository.head.take().filter(|head| head.revision == *revision);
                    let author = commits.first().map(|commit| commit.author.clone());
                    let author = author.or_else(|| before.map(|head| head.author)).unwrap_or_default();
                    let (revision, tag) = (revision.clone(), tag.clone());
                    repository.refused = None;
                    repository.head = Some(RevisionHead { revision, tag, author, seq: envelope.seq });
                }
                Fact::RevisionRefused(refusal) => repository.refused = Some(refusal.clone()),
                Fact::RepositoryUnreachable { .. } => repository.unreachable = true,
                Fact::RepositoryReachable { .. } => repository.unreachable = false,
                _ => {}
            }
        }
        Subject::Application(name) => {
            let (sync, gate) = state
                .configured(name)
                .map(|configured| (configured.sync.clone(), configured.gate.clone()))
                .unwrap_or_default();
            // The first application that intends an object keeps it.
            let foreign = foreign(state, name, &envelope.fact, documents);
            let cluster = state.cluster_of(name);
            let application = Arc::make_mut(state.applications.entry(name.clone()).or_default());
            application.cluster.clone_from(&cluster);
            let actor = &envelope.actor;
            Folding {
                application,
                seq: envelope.seq,
                sync_id: envelope.sync,
                now,
                actor,
                sync,
                gate,
                documents,
                foreign,
                cluster,
            }
            .apply(&envelope.fact);
            removal::settle(state, name, &envelope.fact);
        }
    }
}

fn apply_system(state: &mut State, event: &Event, documents: &Documents, before: Timestamp) {
    let (seq, now) = (event.seq(), event.envelope.time);
    match &event.envelope.fact {
        Fact::JournalCreated { installation, .. } => state.installation.clone_from(installation),
        Fact::JournalRestored { .. } => {
            state.restored = Some(seq);
            let configured = state.configuration.clone();
            let configured = configured.iter().flat_map(|(_, configuration)| configuration.applications.keys());
            for name in configured {
                state.applications.entry(name.clone()).or_default();
            }
            for application in state.applications.values_mut() {
                forget_what_is_live(Arc::make_mut(application), seq);
            }
        }
        Fact::ConfigurationChanged { digest } => {
            let configured = configuration(documents, digest);
            removal::reconfigure(state, &configured, seq, now);
            if let Some(seq) = state.restored {
                let unknown = configured.applications.keys().filter(|name| !state.applications.contains_key(*name));
                for name in unknown.cloned().collect::<Vec<_>>() {
                    let paused = Some(Pause::Restored { seq });
                    state.applications.insert(name, Arc::new(Application { paused, ..Application::default() }));
                }
            }
            for (name, configured) in &configured.applications {
                let Some(application) = state.applications.get_mut(name) else { continue };
                // What is nowhere yet may go elsewhere, and is to be claimed there.
                if application.cluster != configured.cluster && application.inventory.is_empty() {
                    let application = Arc::make_mut(application);
                    application.cluster.clone_from(&configured.cluster);
                    application.claim = Claim::default();
                    application.paused.take_if(|pause| matches!(pause, Pause::Claimed { .. }));
                }
            }
            state.configuration = Some((*digest, configured));
        }
        Fact::ClusterUnreachable { cluster, .. } => drop(state.unreachable.insert(cluster.clone())),
        Fact::ClusterReachable { cluster } => drop(state.unreachable.remove(cluster)),
        Fact::DaemonStarted { .. } => {
            if state.restored.is_some_and(|restored| seq > restored.next()) {
                state.restored = None;
            }
            // Nobody looked since the last event.
            skip(state, between(before, now));
        }
        Fact::TimeLost { milliseconds, .. } => skip(state, Duration::from_millis(*milliseconds)),
        _ => {}
    }
}

/// Time that counts for no sync.
fn skip(state: &mut State, unseen: Duration) {
    for application in state.applications.values_mut().filter(|application| application.sync.is_some()) {
        let sync = Arc::make_mut(application).sync.as_mut().expect("filtered above");
        if !sync.clock.is_paused() {
            sync.clock.skip(unseen);
        }
    }
}

/// What is live, and how far a sync came, was true in another life of the journal. What there is of it stays ours, and
/// all of it is written anew once somebody has looked; but for Jobs, whose recorded runs were runs.
fn forget_what_is_live(application: &mut Application, seq: Seq) {
    application.paused = Some(Pause::Restored { seq });
    application.claim = Claim::default();
    application.sync = None;
    application.watched = None;
    application.live = None;
    application.drifts.clear();
    application.ordered = None;
    for held in application.held.values_mut() {
        held.acknowledged = None;
    }
    if let Some(left) = &mut application.left {
        left.leaving = Leaving::Undecided;
    }
    for (_, owned) in application.inventory.iter_mut().filter(|(object, _)| !is_job(object)) {
        owned.manifest = None;
    }
}

fn foreign(state: &State, name: &ApplicationName, fact: &Fact, documents: &Documents) -> BTreeSet<ObjectKey> {
    let (Fact::SyncStarted { plan, .. } | Fact::RevertStarted { plan, .. }) = fact else { return BTreeSet::new() };
    let cluster = state.cluster_of(name);
    planned(documents, plan)
        .writes
        .iter()
        .filter(|write| write.kind == WriteKind::Create)
        .filter(|write| state.owner(&cluster, &write.object).is_some_and(|owner| owner != name))
        .map(|write| write.object.clone())
        .collect()
}

struct Folding<'a> {
    application: &'a mut Application,
    seq: Seq,
    sync_id: Option<Seq>,
    now: Timestamp,
    actor: &'a Actor,
    sync: SyncPolicy,
    gate: GatePolicy,
    documents: &'a Documents,
    foreign: BTreeSet<ObjectKey>,
    cluster: ClusterName,
}

impl Folding<'_> {
    fn apply(mut self, fact: &Fact) {
        let now = self.now;
        self.drift(fact);
        match fact {
            Fact::DesiredStateChanged { revision, desired, .. } => {
                let set = set(self.documents, desired);
                self.application.refused = None;
                self.application.held.retain(|object, _| !set.objects.contains_key(object));
                self.application.desired = Some(self.target(*desired, set, revision.clone()));
            }
            Fact::RenderFailed { revision, errors } => {
                self.application.refused = Some(Refused { revision: revision.clone(), errors: errors.clone() });
            }
            Fact::DesiredStateRefused { revision, .. } => {
                let errors = vec![RENDERS_TO_NOTHING.to_owned()];
                self.application.refused = Some(Refused { revision: revision.clone(), errors });
            }
            Fact::DesiredStateQuarantined { desired, gate } => {
                let quarantined = &mut self.application.quarantined;
                quarantined.insert(*desired, (*gate, self.seq));
                if quarantined.len() > QUARANTINES_KEPT {
                    let oldest = quarantined.iter().min_by_key(|(_, (_, seq))| *seq).map(|(digest, _)| *digest);
                    quarantined.remove(&oldest.expect("it is not empty"));
                }
            }
            Fact::SyncStarted { plan, scope, .. } => {
                let Application { desired, live, .. } = &*self.application;
                let (purpose, target) = match scope {
                    SyncScope::Whole => (Purpose::Deploy, desired),
                    SyncScope::Objects => (Purpose::Objects, desired),
                    SyncScope::Prunes => (Purpose::Prunes, live),
                };
                let target = target.clone().expect("a sync starts from a state that is there");
                self.start(purpose, target, *plan);
            }
            Fact::RevertStarted { to, passed, plan, .. } => {
                let ordered = match &self.application.ordered {
                    Some(Ordered::Revert { target, .. }) if target.digest == *to => Some(target),
                    _ => None,
                };
                let target = ordered
                    .or_else(|| self.application.passed.iter().find(|target| target.seq == *passed))
                    .cloned()
                    .expect("a revert goes to a state that is kept or named");
                self.start(Purpose::Revert, target, *plan);
            }
            Fact::SyncPaused { .. } => {
                if let Some(sync) = self.current() {
                    sync.clock.pause(now);
                }
            }
            Fact::SyncResumed {} => {
                if let Some(sync) = self.current() {
                    sync.clock.resume(now);
                }
            }
            Fact::ObjectApplied { object, uid, manifest, resource_version, fields, autoscaled, .. } => {
                let fields = fields.map(|fields| field_set(self.documents, &fields));
                if let Some(owned) = self.application.inventory.get_mut(object) {
                    owned.uid = Some(uid.clone());
                    owned.manifest = Some(*manifest);
                    owned.written = Some(self.seq);
                    owned.resource_version.clone_from(resource_version);
                    owned.fields = fields;
                    owned.autoscaled = *autoscaled;
                }
                if is_job(object) {
                    self.ran(object, *manifest);
                }
                let written = self.current().and_then(|sync| {
                    let desired = sync.target.set.objects.get(object)?;
                    (desired.manifest == *manifest).then_some(desired.options.prune)
                });
                if let (Some(prune), Some(owned)) = (written, self.application.inventory.get_mut(object)) {
                    owned.prune = prune;
                }
                if let Some(sync) = self.current()
                    && let Phase::Writing { writes, .. } = &mut sync.phase
                    && let Some(index) = sync.plan.writes.iter().position(|write| write.object == *object)
                {
                    writes.remove(&index);
                }
            }
            Fact::ObjectFailed { object, reason, .. } => self.done(object, Some(reason.clone())),
            Fact::ObjectConflicted { object, conflicts, .. } => self.done(object, Some(in_the_way(conflicts))),
            Fact::ObjectKeptForward { object, .. } => self.done(object, None),
            Fact::ObjectGone { object, uid } => {
                if let Some(owned) = self.application.inventory.get_mut(object)
                    && owned.uid.as_ref() == Some(uid)
                {
                    owned.uid = None;
                    // A Job that is gone has done what its manifest asks for.
                    owned.manifest = owned.manifest.filter(|_| is_job(object));
                }
                if let Some(sync) = self.current() {
                    *sync.gone.entry(object.clone()).or_default() += 1;
                }
            }
            Fact::ObjectReplaceStarted { object, .. } => {
                if let Some(sync) = self.current() {
                    sync.replacing.insert(object.clone());
                    *sync.gone.entry(object.clone()).or_default() += 1;
                }
            }
            Fact::ObjectPruned { object, uid } => {
                // A late delete must not make us forget what was made anew since.
                let same = |owned: &Owned| owned.uid.is_none() || uid.is_none() || owned.uid == *uid;
                if self.application.inventory.get(object).is_some_and(same) {
                    self.forget(object);
                }
                if let Some(sync) = self.current()
                    && let Phase::Writing { deletes, .. } | Phase::Pruning { deletes } = &mut sync.phase
                {
                    deletes.remove(object);
                }
            }
            Fact::ObjectAdopted { object, uid, api_version, .. } => {
                let owned = self.application.inventory.entry(object.clone()).or_insert_with(|| Owned {
                    cluster: self.cluster.clone(),
                    api_version: api_version.clone().unwrap_or_else(|| ApiVersion::from("v1")),
                    since: self.seq,
                    uid: None,
                    manifest: None,
                    written: None,
                    resource_version: String::new(),
                    fields: None,
                    autoscaled: false,
                    prune: PruneOption::default(),
                    origin: Origin::Adopted,
                });
                owned.uid = Some(uid.clone());
                owned.manifest = None;
                owned.origin = Origin::Adopted;
            }
            Fact::ClaimStarted { over } => {
                self.application.claim = Claim::Started { seq: self.seq, since: now, over: over.clone() };
            }
            Fact::ClaimHeld { .. } => self.application.claim = Claim::Held,
            Fact::ClaimRefused { holder } => self.claimed_by(holder),
            Fact::ClaimLost { holder: Some(holder) } => self.claimed_by(holder),
            Fact::ClaimLost { holder: None } => self.application.claim = Claim::Open { over: None },
            Fact::AdoptionApproved { .. } => {
                let over = match self.application.paused.take() {
                    Some(Pause::Claimed { by, .. }) => Some(by),
                    Some(Pause::Restored { .. }) | None => None,
                };
                self.application.predecessors.extend(over.iter().map(|over| over.installation.clone()));
                self.application.claim = Claim::Open { over };
                self.application.adopting = Some(self.seq);
                if self.application.hold.as_ref().is_some_and(|hold| hold.reason == HoldReason::Claimed) {
                    self.application.hold = None;
                }
            }
            Fact::AdoptionFinished { .. } => self.application.adopting = None,
            Fact::GateWatchEnded { .. } => self.application.watched = None,
            Fact::GateOpened { .. } => {
                let clock = Clock::start(now, self.gate.timeout, self.gate.longest_pause);
                let opened = self.seq;
                self.advance(Phase::Gate { opened, degraded: BTreeSet::new() }, Some(clock));
            }
            Fact::ObjectDegraded { object, .. } => {
                if let Some(sync) = self.judged()
                    && let Phase::Gate { degraded, .. } = &mut sync.phase
                {
                    degraded.insert(object.clone());
                }
            }
            Fact::GatePassed { .. } => {
                let Some(sync) = &self.application.sync else { return };
                let deletes = sync.plan.prunes.iter().cloned().collect();
                let mut passed = sync.target.clone();
                passed.seq = self.seq;
                passed.time = now;
                self.application.superseded = 0;
                self.application.passed.retain(|target| target.digest != passed.digest);
                self.application.passed.push(passed);
                if self.application.passed.len() > PASSED_KEPT {
                    self.application.passed.remove(0);
                }
                let clock = Clock::start(now, self.sync.timeout, LONGEST_WAIT);
                self.advance(Phase::Pruning { deletes }, Some(clock));
            }
            Fact::GateFailed { verdict, objects, .. } => {
                if self.current().is_none()
                    && let Some(watched) = self.application.watched.take()
                {
                    // It passed before, and what passed is not to be gone back to.
                    self.application.passed.retain(|passed| passed.digest != watched.target.digest);
                    self.application.sync = Some(Arc::unwrap_or_clone(watched));
                }
                let phase = Phase::GateFailed { seq: self.seq, verdict: verdict.clone(), objects: objects.clone() };
                self.advance(phase, None);
            }
            Fact::SyncFailed { .. } | Fact::RevertFailed { .. } => {
                let seq = self.seq;
                self.advance(Phase::Failed { seq }, None);
                // It says nothing of the state as a whole: nothing is quarantined, and nothing goes back.
                self.application.sync.take_if(|sync| matches!(sync.purpose, Purpose::Objects | Purpose::Prunes));
            }
            Fact::SyncSucceeded { .. } | Fact::Reverted { .. } => {
                self.keep_held();
                if let Some(mut sync) = self.application.sync.take()
                    && matches!(sync.purpose, Purpose::Deploy | Purpose::Revert)
                {
                    self.leave_to_others(&sync);
                    sync.target.seq = self.seq;
                    sync.target.time = now;
                    self.application.live = Some(sync.target.clone());
                    if !self.gate.watch.is_zero() && !sync.is_revert() {
                        // It ends by itself: nothing that the cluster's absence takes from it is given back.
                        sync.clock = Clock::start(now, self.gate.watch, Duration::ZERO);
                        sync.phase = Phase::Gate { opened: self.seq, degraded: BTreeSet::new() };
                        self.application.watched = Some(Arc::new(sync));
                    }
                }
            }
            Fact::SyncSuperseded { .. } => {
                self.application.sync = None;
                self.application.superseded += 1;
            }
            Fact::SyncHeld { revision, desired, reason } => {
                let hold = Hold { desired: *desired, gate: self.gate.digest(), reason: *reason, seq: self.seq };
                self.application.hold = Some(hold);
                self.application.sync = None;
                self.application.ordered = None;
                if let Some(target) = &mut self.application.desired
                    && target.digest == *desired
                {
                    target.revision = revision.clone();
                    self.application.refused = None;
                }
            }
            fact => self.intervene(fact),
        }
        self.remove(fact);
    }

    fn claimed_by(&mut self, holder: &Holder) {
        self.application.claim = Claim::Open { over: None };
        self.application.paused = Some(Pause::Claimed { by: holder.clone(), seq: self.seq });
    }

    /// Nothing more is tried for an object in the sync that the event belongs to.
    fn done(&mut self, object: &ObjectKey, failed: Option<String>) {
        let Some(sync) = self.current() else { return };
        if let Some(reason) = failed {
            sync.failed.insert(object.clone(), reason);
        }
        sync.replacing.remove(object);
        match &mut sync.phase {
            Phase::Writing { deletes, writes } => {
                deletes.remove(object);
                if let Some(index) = sync.plan.writes.iter().position(|write| write.object == *object) {
                    writes.remove(&index);
                }
            }
            Phase::Pruning { deletes } => {
                deletes.remove(object);
            }
            _ => {}
        }
    }

    /// What is deleted is no longer ours; but what the sync under way will write anew stays intended.
    fn forget(&mut self, object: &ObjectKey) {
        let intended = self.pending(object).is_some();
        if let Some(sync) = &mut self.application.sync {
            sync.replacing.remove(object);
        }
        match self.application.inventory.get_mut(object) {
            Some(owned) if intended => (owned.uid, owned.manifest, owned.written) = (None, None, None),
            _ => {
                self.application.inventory.remove(object);
                self.application.held.remove(object);
            }
        }
    }

    /// What the sync under way will write of an object.
    fn pending(&self, object: &ObjectKey) -> Option<(usize, Digest)> {
        let sync = self.application.sync.as_ref()?;
        let Phase::Writing { writes, .. } = &sync.phase else { return None };
        let found = writes.iter().find(|&&index| sync.plan.writes[index].object == *object);
        found.map(|&index| (index, sync.plan.writes[index].manifest))
    }

    /// A Job runs, maybe by a late outcome of an earlier sync: it is not to run again for the same manifest, nor to be
    /// changed in place to another.
    fn ran(&mut self, object: &ObjectKey, manifest: Digest) {
        self.application.runs.note(object, manifest, self.seq, &self.application.inventory);
        let pending = self.pending(object);
        let Some(sync) = &mut self.application.sync else { return };
        match (pending, &mut sync.phase) {
            (Some((index, wanted)), Phase::Writing { writes, .. }) if wanted == manifest => {
                writes.remove(&index);
                sync.replacing.remove(object);
            }
            (Some(_), _) => drop(sync.replacing.insert(object.clone())),
            (None, _) => {}
        }
    }

    /// What is no longer desired, and whose manifest says that it is never deleted, is not ours any more.
    fn leave_to_others(&mut self, sync: &Sync) {
        let held: BTreeSet<&ObjectKey> = sync.plan.held.iter().collect();
        let Application { inventory, held: kept, .. } = &mut *self.application;
        inventory.retain(|object, owned| owned.prune != PruneOption::Disabled || !held.contains(object));
        kept.retain(|object, _| inventory.contains_key(object));
    }

    /// The sync that the event belongs to, if it is still under way.
    fn current(&mut self) -> Option<&mut Sync> {
        let id = self.sync_id?;
        self.application.sync.as_mut().filter(|sync| sync.id == id)
    }

    /// The sync whose gate the event is about: under way, or watched.
    fn judged(&mut self) -> Option<&mut Sync> {
        let id = self.sync_id?;
        if self.application.sync.as_ref().is_some_and(|sync| sync.id == id) {
            return self.application.sync.as_mut();
        }
        self.application.watched.as_mut().filter(|sync| sync.id == id).map(Arc::make_mut)
    }

    fn advance(&mut self, phase: Phase, clock: Option<Clock>) {
        if let Some(sync) = self.current() {
            sync.phase = phase;
            if let Some(clock) = clock {
                sync.clock = clock;
            }
        }
    }

    fn target(&self, digest: Digest, set: Arc<DesiredSet>, revision: CommitId) -> Target {
        Target { digest, set, revision, seq: self.seq, time: self.now }
    }

    /// Takes every object that will be written into the inventory: from here on it is ours to find again and to delete.
    fn start(&mut self, purpose: Purpose, target: Target, plan: Digest) {
        let plan = planned(self.documents, &plan);
        for write in plan.writes.iter().filter(|write| !self.foreign.contains(&write.object)) {
            let owned = self.application.inventory.entry(write.object.clone()).or_insert_with(|| Owned {
                cluster: self.cluster.clone(),
                api_version: write.api_version.clone(),
                since: self.seq,
                uid: None,
                manifest: None,
                written: None,
                resource_version: String::new(),
                fields: None,
                autoscaled: false,
                prune: PruneOption::default(),
                origin: Origin::Made,
            });
            owned.api_version = write.api_version.clone();
            if owned.prune != PruneOption::Disabled {
                owned.prune = prune_option(&target, &write.object);
            }
            owned.manifest = None;
        }
        let replaced = |write: &&PlannedWrite| matches!(write.kind, WriteKind::Replace(_));
        let replacing = plan.writes.iter().filter(replaced).map(|write| write.object.clone()).collect();
        let phase = match purpose {
            Purpose::Prunes => Phase::Pruning { deletes: plan.prunes.iter().cloned().collect() },
            _ => Phase::Writing {
                deletes: plan.delete_first.iter().cloned().collect(),
                writes: (0..plan.writes.len()).collect(),
            },
        };
        self.application.ordered = None;
        match purpose {
            Purpose::Prunes => {}
            // Some objects that are written anew leave a state whole that is live, and make no other so.
            Purpose::Objects => drop(self.application.live.take_if(|live| live.digest != target.digest)),
            Purpose::Deploy | Purpose::Revert => {
                self.application.live = None;
                self.application.watched = None;
                self.application.hold = None;
            }
        }
        self.application.sync = Some(Sync {
            id: self.seq,
            started: self.now,
            purpose,
            target,
            plan,
            // Writes get the rest of their time however long the cluster was away; only a gate's pauses are limited.
            clock: Clock::start(self.now, self.sync.timeout, LONGEST_WAIT),
            phase,
            failed: BTreeMap::new(),
            replacing,
            gone: BTreeMap::new(),
        });
    }
}

/// What a state asks for an object that is no longer desired after it.
fn prune_option(target: &Target, object: &ObjectKey) -> PruneOption {
    target.set.objects.get(object).map_or(PruneOption::After, |desired| desired.options.prune)
}

fn set(documents: &Documents, digest: &Digest) -> Arc<DesiredSet> {
    match documents.get(digest) {
        Some(Document::Set(set)) => set.clone(),
        _ => missing(digest),
    }
}

fn planned(documents: &Documents, digest: &Digest) -> Arc<Plan> {
    match documents.get(digest) {
        Some(Document::Plan(plan)) => plan.clone(),
        _ => missing(digest),
    }
}

fn configuration(documents: &Documents, digest: &Digest) -> Arc<Configuration> {
    match documents.get(digest) {
        Some(Document::Configuration(configuration)) => configuration.clone(),
        _ => missing(digest),
    }
}

fn field_set(documents: &Documents, digest: &Digest) -> Arc<FieldSet> {
    match documents.get(digest) {
        Some(Document::Fields(fields)) => fields.clone(),
        _ => missing(digest),
    }
}

fn missing(digest: &Digest) -> ! {
    panic!("the caller gives every document that `required` names, but not {digest}")
}

/// Why an object could not be written: fields that others manage.
pub(crate) fn in_the_way(conflicts: &[ForeignField]) -> String {
    let fields: Vec<String> = conflicts.iter().take(10).map(ToString::to_string).collect();
    let more = conflicts.len().saturating_sub(fields.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("others manage fields that were never ours: {}{more}", fields.join(", "))
}

/// Why a render of nothing, where there was something, is refused.
pub(crate) const RENDERS_TO_NOTHING: &str = "the revision renders to no object at all; what is there stays";

/// The longest that anything is waited for: then it is held, and somebody has to look.
pub const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3600);
