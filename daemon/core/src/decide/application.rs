//! What follows for an application: the life of a sync, from the desired state to its end.
//!
//! Always: every sync ends - succeeded, failed, superseded, held or reverted. A revert that fails too stops.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use taffrail_model::configuration::{self, OnFailure, SyncMode};
use taffrail_model::fact::{HoldReason, SyncScope};
use taffrail_model::{
    ApplicationName, Digest, Evidence, Fact, Health, ObjectKey, ObjectReason, PruneHold, Seq, Timestamp,
};

use super::{Context, Draft, claim};
use crate::effect::{EffectKey, WriteKey};
use crate::fold::{Document, LONGEST_WAIT, held_after};
use crate::gate::{self, GateWatch, Verdict};
use crate::jobs::is_job;
use crate::observed::{GRACE, Observed, Stale};
use crate::plan::{FIRST_WAVE, Planning, Pruning, Writes, acknowledged, counts, plan};
use crate::scaling;
use crate::state::{Application, HeldPrune, Ordered, Phase, Purpose, State, Suspension, Sync, Target};
use crate::time::after;

/// After so many superseded syncs in a row the next one waits for its gate, so that there is always a newer state to
/// go back to.
pub const SUPERSEDED_LIMIT: u32 = 3;
/// How much evidence an event lists.
pub const EVIDENCE: usize = 10;
/// How many reasons an event lists at its end.
pub const REASONS: usize = 1000;

/// What is said next.
pub enum Next {
    /// A fact, or several that have nothing to do with each other; ask again once they are folded in.
    Facts(Vec<Draft>),
    /// Nothing, before an input or this time.
    Wait(Option<Timestamp>),
}

impl From<Draft> for Next {
    fn from(draft: Draft) -> Self {
        Self::Facts(vec![draft])
    }
}

/// The next fact about an application, or when to ask again.
pub fn next(state: &State, context: Context<'_>, name: &ApplicationName) -> Next {
    let Some(application) = state.applications.get(name) else { return Next::Wait(None) };
    if let Some(left) = &application.left {
        return super::removal::next(context, name, application, left);
    }
    let Some(configured) = state.configured(name) else { return Next::Wait(None) };
    let until = match &application.suspended {
        Some(Suspension { until: Some(until), seq, .. }) if context.now >= *until => {
            let fact = Fact::ApplicationResumed { reason: "the suspension was ordered until now".to_owned() };
            return Draft::application(name, fact).because(*seq).into();
        }
        Some(suspension) => suspension.until,
        None => None,
    };
    if let Some(next) = claim::next(state, context, name, application) {
        return next;
    }
    let deciding = Deciding { state, context, name, application, configured };
    let next = match &application.sync {
        Some(sync) => deciding.continue_sync(sync),
        None => deciding.start_sync().or_else(|| deciding.keep_judging(None)).or_else(|| deciding.drift()),
    };
    match next {
        Next::Wait(wake) => Next::Wait(wake.into_iter().chain(until).min()),
        fact => fact,
    }
}

impl Next {
    /// The fact that is said next, or what `other` says; the earlier time if neither says one.
    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        let Self::Wait(time) = self else { return self };
        match other() {
            Self::Wait(other) => Self::Wait(time.into_iter().chain(other).min()),
            fact => fact,
        }
    }
}

pub(super) struct Deciding<'a> {
    pub(super) state: &'a State,
    pub(super) context: Context<'a>,
    pub(super) name: &'a ApplicationName,
    pub(super) application: &'a Application,
    pub(super) configured: &'a configuration::Application,
}

impl Deciding<'_> {
    pub(super) fn draft(&self, fact: Fact) -> Draft {
        Draft::application(self.name, fact)
    }

    fn start_sync(&self) -> Next {
        if let Some(Ordered::Revert { target, seq, time }) = &self.application.ordered {
            return self.ordered_revert(target, *seq, *time);
        }
        let Some(desired) = &self.application.desired else { return Next::Wait(None) };
        if self.application.suspended.is_some() {
            return Next::Wait(None);
        }
        let gate = self.configured.gate.digest();
        let mut waited_since = desired.time;
        let (writes, scope, cause) = match &self.application.ordered {
            Some(Ordered::Sync { only, seq, time }) => {
                waited_since = waited_since.max(*time);
                match only.is_empty() {
                    true => (Writes::All, SyncScope::Whole, *seq),
                    false => (Writes::Only(only), SyncScope::Objects, *seq),
                }
            }
            _ if !self.starts_by_itself(desired, gate) => return self.prune_acknowledged(),
            _ => (Writes::Changed, SyncScope::Whole, desired.seq),
        };
        if let Some((judged_by, seq)) = self.application.quarantined.get(&desired.digest)
            && *judged_by == gate
        {
            return self.held(desired, HoldReason::Quarantined).because(*seq).into();
        }
        if self.stale().is_some() {
            // A plan needs to know what is broken already.
            let end = after(waited_since, LONGEST_WAIT);
            return match self.context.now < end {
                true => Next::Wait(Some(end)),
                false => self.held(desired, HoldReason::WaitExpired).because(desired.seq).into(),
            };
        }
        let differing = self.differing();
        let plan = plan(Planning {
            inventory: &self.application.inventory,
            runs: &self.application.runs,
            target: &desired.set,
            autoscaled: &scaling::targets(&self.application.cluster, &desired.set, &self.context.observed.live),
            prune: self.pruning(),
            revert_to: None,
            writes,
            ignored: gate::broken_before(self.application, &desired.set, &differing, self.context.observed),
            differing,
        });
        let fact = Fact::SyncStarted {
            desired: desired.digest,
            revision: desired.revision.clone(),
            plan: plan.digest(),
            counts: counts(&plan),
            scope,
        };
        self.draft(fact).because(cause).with(Document::Plan(plan.into())).into()
    }

    /// What somebody acknowledged is deleted once nothing else is to be done, if a state is live that lacks it.
    fn prune_acknowledged(&self) -> Next {
        let Some(live) = &self.application.live else { return Next::Wait(None) };
        let due = self.application.held.iter().filter(|(object, _)| {
            self.application.inventory.contains_key(*object) && !live.set.objects.contains_key(*object)
        });
        let due: BTreeMap<&ObjectKey, Seq> =
            due.filter_map(|(object, held)| Some((object, held.acknowledged?))).collect();
        let Some(cause) = due.values().max() else { return Next::Wait(None) };
        let plan = acknowledged(due.keys().copied());
        let fact = Fact::SyncStarted {
            desired: live.digest,
            revision: live.revision.clone(),
            plan: plan.digest(),
            counts: counts(&plan),
            scope: SyncScope::Prunes,
        };
        self.draft(fact).because(*cause).with(Document::Plan(plan.into())).into()
    }

    /// The way back that somebody ordered. What is left is quarantined, so that it does not come back by itself.
    fn ordered_revert(&self, target: &Target, requested: Seq, since: Timestamp) -> Next {
        let gate = self.configured.gate.digest();
        let Application { desired, live, sync, .. } = self.application;
        let left = desired.iter().chain(live).chain(sync.as_ref().map(|sync| &sync.target));
        let mut left = left.map(|left| left.digest).filter(|left| *left != target.digest);
        if let Some(desired) = left.clone().find(|left| !self.is_quarantined(*left, gate)) {
            return self.draft(Fact::DesiredStateQuarantined { desired, gate }).because(requested).into();
        }
        if self.stale().is_some() {
            // A plan needs to know what is broken already.
            let end = after(since, LONGEST_WAIT);
            return match self.context.now < end {
                true => Next::Wait(Some(end)),
                false => self.held(target, HoldReason::WaitExpired).because(requested).into(),
            };
        }
        let differing = self.differing();
        let ignored = gate::broken_before(self.application, &target.set, &differing, self.context.observed);
        self.revert(left.next().unwrap_or(target.digest), target, ignored, requested)
    }

    fn revert(&self, from: Digest, target: &Target, ignored: Vec<ObjectReason>, cause: Seq) -> Next {
        let plan = plan(Planning {
            inventory: &self.application.inventory,
            runs: &self.application.runs,
            target: &target.set,
            autoscaled: &scaling::targets(&self.application.cluster, &target.set, &self.context.observed.live),
            prune: self.pruning(),
            revert_to: Some(target.seq),
            writes: Writes::Changed,
            ignored,
            differing: self.differing(),
        });
        let fact = Fact::RevertStarted {
            from,
            to: target.digest,
            passed: target.seq,
            revision: target.revision.clone(),
            plan: plan.digest(),
            counts: counts(&plan),
        };
        self.draft(fact).because(cause).with(Document::Plan(plan.into())).into()
    }

    fn pruning(&self) -> Pruning<'_> {
        Pruning { policy: &self.configured.sync, held: &self.application.held }
    }

    /// Whether what Git asks for is brought without an order.
    fn starts_by_itself(&self, desired: &Target, gate: Digest) -> bool {
        let live = self.application.live.as_ref().is_some_and(|live| live.digest == desired.digest);
        let held =
            self.application.hold.as_ref().is_some_and(|hold| hold.desired == desired.digest && hold.gate == gate);
        self.configured.sync.mode == SyncMode::Automatic && !live && !held
    }

    fn continue_sync(&self, sync: &Sync) -> Next {
        let now = self.context.now;
        match &sync.phase {
            Phase::GateFailed { seq, verdict, objects } => return self.failed(sync, verdict, objects.clone(), *seq),
            Phase::Failed { seq } => return self.after_failure(sync, *seq),
            Phase::Writing { .. } | Phase::Gate { .. } | Phase::Pruning { .. } => {}
        }
        if now >= after(sync.started, LONGEST_WAIT) {
            return self.held(&sync.target, HoldReason::WaitExpired).of(sync.id).into();
        }
        let stale = self.stale();
        if sync.clock.is_paused() && stale.is_none() {
            return self.draft(Fact::SyncResumed {}).of(sync.id).into();
        }
        let mut wake = after(sync.started, LONGEST_WAIT);
        if let Some(Stale { since: Some(since), reason }) = &stale
            && !sync.clock.is_paused()
        {
            if now >= after(*since, GRACE) {
                return self.draft(Fact::SyncPaused { reason: reason.clone() }).of(sync.id).into();
            }
            wake = wake.min(after(*since, GRACE));
        }
        let next = match &sync.phase {
            Phase::Writing { deletes, writes } => self.write(sync, deletes.is_empty(), writes, stale.is_some()),
            Phase::Gate { opened, degraded } => self.judge(sync, *opened, degraded),
            Phase::Pruning { deletes } => self.prune(sync, deletes, stale.is_some()),
            Phase::GateFailed { .. } | Phase::Failed { .. } => Next::Wait(None),
        };
        match next {
            Next::Wait(time) => Next::Wait(Some(time.map_or(wake, |time| time.min(wake)))),
            fact => fact,
        }
    }

    fn write(&self, sync: &Sync, deleted: bool, writes: &BTreeSet<usize>, stale: bool) -> Next {
        // Another application's object is refused before any request: the server would let us co-own it.
        for &index in writes {
            let object = &sync.plan.writes[index].object;
            if !self.application.inventory.contains_key(object) {
                let reason = match self.state.owner(&self.configured.cluster, object) {
                    Some(owner) if self.state.applications[owner].left.is_some() => format!(
                        "it belongs to the application {owner}, which left the configuration: decide what becomes of \
                         its objects with `taffrail remove {owner} --orphan` or `--prune`"
                    ),
                    Some(owner) => format!("it belongs to the application {owner}: no object has two owners"),
                    None => "it was released by another application while this sync ran".to_owned(),
                };
                let fact = Fact::ObjectFailed { object: object.clone(), reason, attempts: 0 };
                return self.draft(fact).of(sync.id).into();
            }
        }
        let in_flight: Vec<&EffectKey> =
            self.context.observed.in_flight.values().filter(|key| self.is_of(key, sync)).collect();
        let first_wave_failed =
            sync.plan.writes.iter().any(|write| write.wave == FIRST_WAVE && sync.failed.contains_key(&write.object));
        let wave_failed = first_wave_failed
            || writes.first().is_some_and(|&index| {
                let wave = sync.plan.writes[index].wave;
                sync.plan.writes.iter().any(|write| write.wave < wave && sync.failed.contains_key(&write.object))
            });
        let done = deleted && (writes.is_empty() || wave_failed);
        if done && in_flight.is_empty() {
            if sync.failed.is_empty() {
                return self.open_gate(sync);
            }
            let objects = sync.failed.iter().map(|(object, reason)| reason_of(object, reason)).collect();
            let verdict = format!("{} of {} objects could not be written", sync.failed.len(), sync.plan.writes.len());
            return self.failed(sync, &verdict, objects, sync.id);
        }
        if !sync.is_revert() && self.may_supersede(sync) && self.at_boundary(sync, writes, &in_flight) {
            return self.superseded(sync);
        }
        if stale {
            return Next::Wait(None);
        }
        let deadline = sync.clock.deadline(self.context.now);
        if self.context.now < deadline {
            return Next::Wait(Some(deadline));
        }
        let late = match &sync.phase {
            Phase::Writing { deletes, .. } => deletes.first().cloned(),
            _ => None,
        }
        .or_else(|| writes.first().map(|&index| sync.plan.writes[index].object.clone()));
        match late {
            Some(object) => self.late(sync, object),
            None => Next::Wait(None), // the outcome of what is in flight comes within its own time-out
        }
    }

    /// An object that could not be written or deleted in time, and why.
    fn late(&self, sync: &Sync, object: ObjectKey) -> Next {
        let retrying = self
            .context
            .observed
            .retrying
            .iter()
            .find(|(key, _)| self.is_of(key, sync) && matches!(key, EffectKey::Write(key) if key.object == object));
        let reason = match retrying {
            Some((_, reason)) => format!("the time for this sync is over; last: {reason}"),
            None => match self.waiting_for_first_wave(sync) {
                Some(waiting) => format!("the time for this sync is over while {waiting}"),
                None => "the time for this sync is over".to_owned(),
            },
        };
        self.draft(Fact::ObjectFailed { object, reason, attempts: 0 }).of(sync.id).into()
    }

    fn open_gate(&self, sync: &Sync) -> Next {
        let policy = &self.configured.gate;
        let fact = Fact::GateOpened {
            timeout: milliseconds(policy.timeout),
            settle: milliseconds(policy.settle),
            objects: gate::scope(self.application, sync).count() as u64,
            ignored: sync.plan.ignored.iter().take(super::input::LISTED).cloned().collect(),
        };
        self.draft(fact).of(sync.id).into()
    }

    /// A gate that keeps judging after it passed.
    fn keep_judging(&self, wake: Option<Timestamp>) -> Next {
        let Some(sync) = self.application.judged() else { return Next::Wait(wake) };
        let Phase::Gate { opened, degraded } = &sync.phase else { return Next::Wait(wake) };
        match self.judge(sync, *opened, degraded) {
            Next::Wait(time) => Next::Wait(wake.into_iter().chain(time).min()),
            fact => fact,
        }
    }

    fn judge(&self, sync: &Sync, opened: Seq, degraded: &BTreeSet<ObjectKey>) -> Next {
        let watch = self.context.observed.gates.get(self.name).filter(|watch| watch.sync == sync.id);
        let Some(watch) = watch else { return Next::Wait(Some(self.context.now)) };
        if watch.stale.is_none() {
            let news = watch.unwell.iter().find_map(|(object, health)| match health {
                Health::Degraded(degradation) if !degraded.contains(object) => Some((object, degradation)),
                _ => None,
            });
            if let Some((object, degradation)) = news {
                let fact = Fact::ObjectDegraded { object: object.clone(), reason: degradation.message.clone() };
                return self.draft(fact).of(sync.id).because(opened).into();
            }
        }
        let watched = self.application.sync.is_none();
        match watch.verdict(self.application, sync, &self.configured.gate, self.context.now) {
            Verdict::Passed if watched => {
                self.draft(Fact::GateWatchEnded { desired: sync.target.digest }).of(sync.id).because(opened).into()
            }
            Verdict::Passed if sync.purpose == Purpose::Objects => {
                let (desired, held) = (sync.target.digest, Vec::new());
                let fact = Fact::SyncSucceeded { desired, held, scope: SyncScope::Objects };
                self.draft(fact).of(sync.id).because(opened).into()
            }
            Verdict::Passed => {
                self.draft(Fact::GatePassed { desired: sync.target.digest }).of(sync.id).because(opened).into()
            }
            Verdict::Failed(verdict) => {
                let evidence = match self.evidence(watch) {
                    Ok(evidence) => evidence,
                    Err(end) => return Next::Wait(Some(end)),
                };
                let mut objects = watch.reasons();
                objects.truncate(super::input::LISTED);
                let verdict = match watch.unchecked.as_slice() {
                    [] => verdict,
                    unchecked => format!("{verdict}; {}", unchecked.join("; ")),
                };
                let fact = Fact::GateFailed { desired: sync.target.digest, verdict, objects, evidence };
                self.draft(fact).of(sync.id).because(opened).into()
            }
            Verdict::Open(_) if !watched && self.may_supersede(sync) => self.superseded(sync),
            Verdict::Open(wake) => Next::Wait(wake),
        }
    }

    /// What the cluster told of what fails; until when it is waited for, if it has not told yet.
    fn evidence(&self, watch: &GateWatch) -> Result<Vec<Evidence>, Timestamp> {
        let Some(failing) = &watch.failing else { return Ok(Vec::new()) };
        let known = &self.context.observed.evidence;
        let key = |object: &ObjectKey| EffectKey::Examine(self.name.clone(), watch.sync, object.clone());
        let missing = failing.examined.iter().any(|object| !known.contains_key(&key(object)));
        let end = after(failing.since, gate::LONGEST_EXAMINATION);
        if missing && self.context.now < end {
            return Err(end);
        }
        let evidence = failing.examined.iter().filter_map(|object| known.get(&key(object))).flatten().cloned();
        Ok(evidence.take(EVIDENCE).collect())
    }

    fn prune(&self, sync: &Sync, deletes: &BTreeSet<ObjectKey>, stale: bool) -> Next {
        let Some(first) = deletes.first() else {
            // What could not be deleted is kept as well, until a later sync tries again.
            let held = held_after(self.application, sync, sync.id);
            if self.says_what_is_held(&held) {
                return self.prune_held(sync, &held).into();
            }
            let held = held.into_keys().collect();
            let desired = sync.target.digest;
            let fact = match sync.purpose {
                Purpose::Deploy => Fact::SyncSucceeded { desired, held, scope: SyncScope::Whole },
                Purpose::Objects => Fact::SyncSucceeded { desired, held, scope: SyncScope::Objects },
                Purpose::Prunes => Fact::SyncSucceeded { desired, held, scope: SyncScope::Prunes },
                Purpose::Revert => Fact::Reverted { desired, held },
            };
            return self.draft(fact).of(sync.id).into();
        };
        if stale {
            return Next::Wait(None);
        }
        let deadline = sync.clock.deadline(self.context.now);
        if self.context.now < deadline {
            return Next::Wait(Some(deadline));
        }
        self.late(sync, first.clone())
    }

    /// Whether something is kept, or for another reason, that was not so before.
    fn says_what_is_held(&self, held: &BTreeMap<ObjectKey, HeldPrune>) -> bool {
        let known = |object: &ObjectKey, because: &PruneHold| {
            self.application.held.get(object).is_some_and(|held| held.because == *because)
        };
        held.iter().any(|(object, held)| !known(object, &held.because))
    }

    fn prune_held(&self, sync: &Sync, held: &BTreeMap<ObjectKey, HeldPrune>) -> Draft {
        let kept = held.iter().map(|(object, held)| reason_of(object, &held.because.words(object)));
        let mut objects: Vec<ObjectReason> = kept.collect();
        let count = objects.len() as u64;
        objects.truncate(REASONS);
        self.draft(Fact::PruneHeld { objects, count }).of(sync.id)
    }

    fn failed(&self, sync: &Sync, verdict: &str, mut objects: Vec<ObjectReason>, cause: Seq) -> Next {
        objects.truncate(REASONS);
        let verdict = verdict.to_owned();
        let fact = match sync.purpose {
            Purpose::Deploy | Purpose::Objects | Purpose::Prunes => Fact::SyncFailed { verdict, objects },
            Purpose::Revert => Fact::RevertFailed { verdict, objects },
        };
        self.draft(fact).of(sync.id).because(cause).into()
    }

    fn after_failure(&self, sync: &Sync, cause: Seq) -> Next {
        let failed = sync.target.digest;
        let gate = self.configured.gate.digest();
        let hold = |reason| self.held(&sync.target, reason).of(sync.id).because(cause).into();
        if sync.is_revert() {
            // Something newer that Git asks for by now is tried; what failed is not.
            let desired = self.application.desired.as_ref().filter(|desired| self.is_quarantined(desired.digest, gate));
            let held = desired.unwrap_or(&sync.target);
            return self.held(held, HoldReason::RevertFailed).of(sync.id).because(cause).into();
        }
        if let Some(Ordered::Revert { target, seq, time }) = &self.application.ordered {
            return self.ordered_revert(target, *seq, *time);
        }
        if self.application.passed.iter().any(|passed| passed.digest == failed) {
            return hold(HoldReason::CauseOutside);
        }
        if !self.is_quarantined(failed, gate) {
            let fact = Fact::DesiredStateQuarantined { desired: failed, gate };
            return self.draft(fact).of(sync.id).because(cause).into();
        }
        if self.configured.on_failure == OnFailure::Hold {
            return hold(HoldReason::ByConfiguration);
        }
        let Some(target) = self.application.passed.last() else { return hold(HoldReason::NoPassedState) };
        self.revert(failed, target, sync.plan.ignored.clone(), cause)
    }

    fn held(&self, target: &Target, reason: HoldReason) -> Draft {
        self.draft(Fact::SyncHeld { revision: target.revision.clone(), desired: target.digest, reason })
    }

    fn superseded(&self, sync: &Sync) -> Next {
        if let Some(Ordered::Revert { target, seq, .. }) = &self.application.ordered {
            return self.draft(Fact::SyncSuperseded { by: target.digest }).of(sync.id).because(*seq).into();
        }
        let Some(desired) = &self.application.desired else { return Next::Wait(None) };
        self.draft(Fact::SyncSuperseded { by: desired.digest }).of(sync.id).because(desired.seq).into()
    }

    fn is_quarantined(&self, digest: Digest, gate: Digest) -> bool {
        self.application.quarantined.get(&digest).is_some_and(|(judged_by, _)| *judged_by == gate)
    }

    /// Whether Git, or a person, asks for a state that is to come instead of the one that is under way.
    fn may_supersede(&self, sync: &Sync) -> bool {
        if let Some(Ordered::Revert { .. }) = &self.application.ordered {
            return true;
        }
        let Some(desired) = &self.application.desired else { return false };
        self.application.suspended.is_none()
            && self.configured.sync.mode == SyncMode::Automatic
            && desired.seq > sync.id
            && desired.digest != sync.target.digest
            && !self.is_quarantined(desired.digest, self.configured.gate.digest())
            && self.application.superseded < SUPERSEDED_LIMIT
            && !self.runs_a_job(sync)
    }

    /// Whether a Job that a sync made is not done: the next one would break it off in the middle of its work.
    fn runs_a_job(&self, sync: &Sync) -> bool {
        let written = |object: &ObjectKey| match &sync.phase {
            Phase::Writing { writes, .. } => !writes.iter().any(|&index| sync.plan.writes[index].object == *object),
            _ => true,
        };
        let jobs = sync.plan.writes.iter().map(|write| &write.object).filter(|object| is_job(object));
        jobs.filter(|object| written(object)).any(|object| {
            let owned = self.application.inventory.get(object);
            let health = owned.map(|owned| self.context.observed.live.health(object, owned));
            matches!(health, Some(Health::Progressing(_)))
        })
    }

    /// Whether a wave has just ended, or nothing goes on but waiting.
    fn at_boundary(&self, sync: &Sync, writes: &BTreeSet<usize>, in_flight: &[&EffectKey]) -> bool {
        if !in_flight.is_empty() {
            return in_flight.iter().all(|key| self.context.observed.retrying.contains_key(key));
        }
        let Some(&first) = writes.first() else { return true };
        let wave = sync.plan.writes[first].wave;
        let place = sync.plan.writes.partition_point(|write| write.wave < wave);
        first == place || self.waiting_for_first_wave(sync).is_some()
    }

    fn stale(&self) -> Option<Stale> {
        self.context.observed.live.stale(&gate::watches(self.application))
    }

    fn is_of(&self, key: &EffectKey, sync: &Sync) -> bool {
        matches!(key, EffectKey::Write(WriteKey { application, sync: id, .. }) if application == self.name && *id == sync.id)
    }

    fn waiting_for_first_wave(&self, sync: &Sync) -> Option<String> {
        waiting_for_first_wave(self.application, sync, self.context.observed)
    }
}

/// The first namespace or definition of a sync that others wait for, and is not ready.
pub(crate) fn waiting_for_first_wave(application: &Application, sync: &Sync, observed: &Observed) -> Option<String> {
    sync.plan.writes.iter().take_while(|write| write.wave == FIRST_WAVE).find_map(|write| {
        let owned = application.inventory.get(&write.object)?;
        match observed.live.health(&write.object, owned) {
            Health::Healthy | Health::Suspended => None,
            health => Some(format!("{} is {health}", write.object)),
        }
    })
}

/// What a sync waits for before it writes on, for people.
pub fn waits(application: &Application, sync: &Sync, observed: &Observed) -> Vec<String> {
    let mut waits = Vec::new();
    if let Phase::Writing { writes, .. } = &sync.phase {
        waits.extend(waiting_for_first_wave(application, sync, observed));
        if !writes.is_empty() {
            waits.push(format!("{} of {} objects are still to be written", writes.len(), sync.plan.writes.len()));
        }
    }
    waits
}

/// Looks at gates that are open but were not looked at.
pub(crate) fn needs_look(state: &State, name: &ApplicationName, gate: Option<&GateWatch>) -> bool {
    let judged = state.applications.get(name).and_then(|application| application.judged());
    judged.is_some_and(|sync| gate.is_none_or(|gate| gate.sync != sync.id))
}

fn reason_of(object: &ObjectKey, reason: &str) -> ObjectReason {
    ObjectReason { object: object.clone(), reason: reason.to_owned() }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
