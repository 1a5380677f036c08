//! Gates: whether the state that a sync brought is healthy.
//!
//! Always: judged on a fresh view only. What the sync changed, and what was written since a state last passed, must
//! become healthy, whatever it was before; other objects only if they were healthy at the start. Of some objects that
//! somebody asked for, those alone are judged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use taffrail_model::configuration::{FailFast, GatePolicy};
use taffrail_model::health::{Degradation, DegradationCause};
use taffrail_model::{
    ApiVersion, ApplicationName, DesiredObject, Health, ObjectKey, ObjectReason, Seq, Timestamp, Watch,
};

use crate::effects::check_key;
use crate::health;
use crate::jobs::is_past;
use crate::observed::{Observed, Stale, pods_in, replica_sets_in, watch_of};
use crate::scaling;
use crate::state::{Application, Purpose, State, Sync};
use crate::time::after;

/// How an open gate looks now.
#[derive(Clone, Debug, PartialEq)]
pub struct GateWatch {
    /// The sync.
    pub sync: Seq,
    /// Why nothing can be said.
    pub stale: Option<Stale>,
    /// What is not healthy.
    pub unwell: Vec<(ObjectKey, Health)>,
    /// Checks that have not passed, and why.
    pub unchecked: Vec<String>,
    /// Since when everything is well.
    pub well_since: Option<Timestamp>,
    /// Since when objects are degraded.
    pub degraded_since: BTreeMap<ObjectKey, Timestamp>,
    /// Since when checks have not passed.
    pub unchecked_since: Option<Timestamp>,
    /// Since when it fails, while the cluster is asked why.
    pub failing: Option<Failing>,
    /// How often a container of an object that the sync does not change had been restarted when that was first seen:
    /// those restarts are not the sync's.
    pub restarts_before: BTreeMap<ObjectKey, u32>,
}

/// A gate that fails, but for the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failing {
    /// Since when.
    pub since: Timestamp,
    /// The objects that are examined.
    pub examined: Vec<ObjectKey>,
}

/// Longest time that a verdict waits for its evidence.
pub const LONGEST_EXAMINATION: Duration = Duration::from_secs(10);
/// How many objects are examined.
const EXAMINED: usize = 5;

/// What a gate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was well for long enough.
    Passed,
    /// It cannot pass, or its time is over.
    Failed(String),
    /// Nothing yet; nothing will change by itself before this time.
    Open(Option<Timestamp>),
}

impl GateWatch {
    /// Looks at the gate of an application. `None` when none is open.
    pub fn look(
        before: Option<Self>,
        state: &State,
        name: &ApplicationName,
        observed: &Observed,
        now: Timestamp,
    ) -> Option<Self> {
        let application = state.applications.get(name)?;
        let sync = application.judged()?;
        let policy = state.configured(name).map(|configured| configured.gate.clone()).unwrap_or_default();
        let before = before.filter(|before| before.sync == sync.id);

        if let Some(stale) = observed.live.stale(&watches(application)) {
            // What was seen before may no longer be so: the settling starts anew.
            return Some(Self {
                sync: sync.id,
                stale: Some(stale),
                unwell: before.as_ref().map(|before| before.unwell.clone()).unwrap_or_default(),
                unchecked: Vec::new(),
                well_since: None,
                degraded_since: BTreeMap::new(),
                restarts_before: before.map(|before| before.restarts_before).unwrap_or_default(),
                unchecked_since: None,
                failing: None,
            });
        }
        let unwell: Vec<(ObjectKey, Health)> = scope(application, sync)
            .filter_map(|object| {
                let owned = application.inventory.get(object)?;
                let health = observed.live.health(object, owned);
                (!matches!(health, Health::Healthy | Health::Suspended)).then(|| (object.clone(), health))
            })
            .collect();
        let unchecked: Vec<String> = policy
            .checks
            .iter()
            .enumerate()
            .filter_map(|(index, check)| match observed.checks.get(&check_key(name, sync.id, index, check)) {
                Some(Ok(())) => None,
                Some(Err(reason)) => Some(format!("check {}: {reason}", index + 1)),
                None => Some(format!("check {} was not made yet", index + 1)),
            })
            .collect();
        let well = unwell.is_empty() && unchecked.is_empty();
        let degraded_since = unwell
            .iter()
            .filter(|(_, health)| matches!(health, Health::Degraded(_)))
            .map(|(object, _)| {
                let since = before.as_ref().and_then(|before| before.degraded_since.get(object)).copied();
                (object.clone(), since.unwrap_or(now))
            })
            .collect();
        let mut restarts_before = before.as_ref().map(|before| before.restarts_before.clone()).unwrap_or_default();
        for (object, health) in &unwell {
            if let Health::Degraded(Degradation { cause: DegradationCause::Restarts(restarts), .. }) = health
                && !sync.plan.writes.iter().any(|write| write.object == *object)
            {
                restarts_before.entry(object.clone()).or_insert(*restarts);
            }
        }
        let well_since = well.then(|| before.as_ref().and_then(|before| before.well_since).unwrap_or(now));
        let unchecked_since =
            (!unchecked.is_empty()).then(|| before.as_ref().and_then(|before| before.unchecked_since).unwrap_or(now));
        let mut look = Self {
            sync: sync.id,
            stale: None,
            unwell,
            unchecked,
            well_since,
            degraded_since,
            restarts_before,
            unchecked_since,
            failing: None,
        };
        if let Verdict::Failed(_) = look.verdict(application, sync, &policy, now) {
            let before = before.and_then(|before| before.failing);
            look.failing = Some(before.unwrap_or_else(|| Failing { since: now, examined: look.examined() }));
        }
        Some(look)
    }

    /// What the gate says.
    pub fn verdict(&self, application: &Application, sync: &Sync, policy: &GatePolicy, now: Timestamp) -> Verdict {
        let watched = application.sync.is_none();
        let deadline = sync.clock.deadline(now);
        if watched && now >= deadline {
            return Verdict::Passed;
        }
        if self.stale.is_some() {
            return Verdict::Open(watched.then_some(deadline));
        }
        if let (Some(since), false) = (self.well_since, watched) {
            let settled = after(since, policy.settle);
            return if now >= settled { Verdict::Passed } else { Verdict::Open(Some(settled)) };
        }
        let mut wake = None;
        for (object, health) in &self.unwell {
            let (Health::Degraded(degradation), Some(since)) = (health, self.degraded_since.get(object)) else {
                continue;
            };
            let before = self.restarts_before.get(object).copied().unwrap_or_default();
            match patience(&policy.fail_fast, degradation, before) {
                Some(patience) if now >= after(*since, patience) => {
                    return Verdict::Failed(format!("{object} cannot become healthy: {}", degradation.message));
                }
                Some(patience) => {
                    let at = after(*since, patience);
                    wake = Some(wake.map_or(at, |wake: Timestamp| wake.min(at)));
                }
                None => {}
            }
        }
        // What passed once is not failed by one answer that is late.
        if let (Some(since), true) = (self.unchecked_since, watched) {
            let end = after(since, policy.fail_fast.after);
            if now >= end {
                return Verdict::Failed("a check does not pass any more".to_owned());
            }
            wake = Some(wake.map_or(end, |wake| wake.min(end)));
        }
        if now >= deadline {
            return Verdict::Failed("not everything became healthy in time".to_owned());
        }
        Verdict::Open(Some(wake.map_or(deadline, |wake| wake.min(deadline))))
    }

    /// What is worth an examination: what is broken, else what is not ready.
    fn examined(&self) -> Vec<ObjectKey> {
        let degraded = self.unwell.iter().filter(|(_, health)| matches!(health, Health::Degraded(_)));
        let others = self.unwell.iter().filter(|(_, health)| !matches!(health, Health::Degraded(_)));
        degraded.chain(others).map(|(object, _)| object.clone()).take(EXAMINED).collect()
    }

    /// What is not well, for people.
    pub fn reasons(&self) -> Vec<ObjectReason> {
        self.unwell
            .iter()
            .map(|(object, health)| ObjectReason { object: object.clone(), reason: health.to_string() })
            .collect()
    }

    /// Whether everything that is watched is well, so that checks may be made.
    pub fn ready_for_checks(&self) -> bool {
        self.stale.is_none() && self.unwell.is_empty()
    }
}

/// How long an object may be degraded in this way; `None`: until the gate's end.
fn patience(fail_fast: &FailFast, degradation: &Degradation, restarts_before: u32) -> Option<Duration> {
    match degradation.cause {
        DegradationCause::Final => Some(Duration::ZERO),
        DegradationCause::Restarts(restarts) if restarts.saturating_sub(restarts_before) >= fail_fast.restarts => {
            Some(Duration::ZERO)
        }
        DegradationCause::Restarts(_) => None,
        DegradationCause::ImagePull => Some(fail_fast.image_pull),
        DegradationCause::Other => Some(fail_fast.after),
    }
}

/// The objects that the gate of a sync judges.
pub fn scope<'a>(application: &'a Application, sync: &'a Sync) -> impl Iterator<Item = &'a ObjectKey> {
    let ignored: BTreeSet<&ObjectKey> = sync.plan.ignored.iter().map(|reason| &reason.object).collect();
    let written: BTreeSet<&ObjectKey> = sync.plan.writes.iter().map(|write| &write.object).collect();
    let asked = move |object: &ObjectKey| sync.purpose != Purpose::Objects || written.contains(object);
    let judged = move |(object, desired): &(&ObjectKey, &DesiredObject)| {
        health::gates(object)
            && !ignored.contains(object)
            && asked(object)
            && application.inventory.contains_key(*object)
            && !is_past(application, object, desired.manifest)
    };
    sync.target.set.objects.iter().filter(judged).map(|(object, _)| object)
}

/// What was broken before a sync to `target` that does not change it, and is therefore not judged.
pub fn broken_before(
    application: &Application,
    target: &taffrail_model::DesiredSet,
    differing: &BTreeSet<ObjectKey>,
    observed: &Observed,
) -> Vec<ObjectReason> {
    let Some(passed) = application.last_passed() else { return Vec::new() };
    target
        .objects
        .iter()
        .filter(|(object, _)| health::gates(object))
        .filter_map(|(object, desired)| {
            let owned = application.inventory.get(object)?;
            let unchanged =
                owned.manifest == Some(desired.manifest) && owned.written.is_some_and(|written| written <= passed);
            if !unchanged || differing.contains(object) {
                return None;
            }
            let health = observed.live.health(object, owned);
            let broken = matches!(health, Health::Degraded(_) | Health::Progressing(_));
            broken.then(|| ObjectReason { object: object.clone(), reason: health.to_string() })
        })
        .collect()
}

/// The watches that an application's decisions rest on: our objects, the autoscalers of what sets replicas, and while a
/// gate is open the pods of their namespaces.
pub fn watches(application: &Application) -> BTreeSet<Watch> {
    let mut watches = BTreeSet::new();
    let mut last: Option<(&ObjectKey, &ApiVersion)> = None;
    // An inventory is sorted by kind: most objects have the watch of the one before, and this is asked for often.
    for (object, owned) in &application.inventory {
        let same = last.is_some_and(|(before, version)| {
            before.kind == object.kind && before.group == object.group && *version == owned.api_version
        });
        if !same {
            watches.insert(watch_of(object, owned));
            last = Some((object, &owned.api_version));
        }
    }
    watches.extend(scaling::watches(application));
    if let Some(sync) = application.judged() {
        for object in scope(application, sync).filter(|object| health::needs_pods(object)) {
            if let (Some(namespace), Some(owned)) = (&object.namespace, application.inventory.get(object)) {
                watches.insert(pods_in(&owned.cluster, namespace));
                watches.insert(replica_sets_in(&owned.cluster, namespace));
            }
        }
    }
    watches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_from_before_a_gate_do_not_count_against_it() {
        let fail_fast = FailFast { restarts: 3, ..FailFast::default() };
        let restarts = |count| Degradation { cause: DegradationCause::Restarts(count), message: String::new() };
        assert_eq!(patience(&fail_fast, &restarts(3), 0), Some(Duration::ZERO));
        assert_eq!(patience(&fail_fast, &restarts(42), 40), None);
        assert_eq!(patience(&fail_fast, &restarts(43), 40), Some(Duration::ZERO));
    }
}
