//! Plans: what a sync writes, decided once at its start as a pure function of inventory and target.
//!
//! Always: what is already written, and still so, is not written again; a Job does not run twice for a manifest; only
//! what the inventory holds is deleted; namespaces, definitions and claims are never deleted without being asked.

use std::collections::{BTreeMap, BTreeSet};

use taffrail_model::configuration::SyncPolicy;
use taffrail_model::fact::PlanCounts;
use taffrail_model::{DesiredSet, ObjectKey, ObjectReason, Plan, PlannedWrite, PruneHold, PruneOption, Seq, WriteKind};

use crate::jobs::{Runs, is_job};
use crate::state::{HeldPrune, Origin, Owned};

/// What a plan is made from.
pub struct Planning<'a> {
    /// What is there.
    pub inventory: &'a BTreeMap<ObjectKey, Owned>,
    /// What Jobs ran for.
    pub runs: &'a Runs,
    /// What shall be there.
    pub target: &'a DesiredSet,
    /// What autoscalers set the replicas of.
    pub autoscaled: &'a BTreeSet<ObjectKey>,
    /// Whether to delete what is no longer desired, and how much of it at once.
    pub prune: Pruning<'a>,
    /// For a revert: the event by which the target passed. What came in after it is deleted first.
    pub revert_to: Option<Seq>,
    /// Which of its objects are written.
    pub writes: Writes<'a>,
    /// Objects that are broken before the sync and that it does not change.
    pub ignored: Vec<ObjectReason>,
    /// Objects that are not as we wrote them, and are to be.
    pub differing: BTreeSet<ObjectKey>,
}

/// What may be deleted.
#[derive(Clone, Copy, Debug)]
pub struct Pruning<'a> {
    /// How the application is configured.
    pub policy: &'a SyncPolicy,
    /// What is held already, and what of it may go.
    pub held: &'a BTreeMap<ObjectKey, HeldPrune>,
}

/// Which objects of a state a plan writes.
#[derive(Clone, Copy, Debug)]
pub enum Writes<'a> {
    /// Those that were not last written as they are desired.
    Changed,
    /// All: what is there may be otherwise than what was last written.
    All,
    /// These, whatever was last written, and nothing else is done.
    Only(&'a BTreeSet<ObjectKey>),
}

/// Makes the plan.
pub fn plan(planning: Planning<'_>) -> Plan {
    let Planning { inventory, runs, target, autoscaled, prune, revert_to, writes: asked, ignored, differing } =
        planning;
    let mut writes: Vec<PlannedWrite> = target
        .objects
        .iter()
        .filter_map(|(object, desired)| {
            let owned = inventory.get(object);
            let unchanged = owned.is_some_and(|owned| {
                owned.uid.is_some()
                    && !differing.contains(object)
                    && owned.manifest == Some(desired.manifest)
                    && owned.api_version == desired.api_version
                    && (owned.autoscaled == autoscaled.contains(object) || !desired.options.sets_replicas)
            });
            let ran = is_job(object) && runs.has(object, desired.manifest);
            // A definition holds the data of every object of its kind, so that an older one may lose fields.
            let made = owned.is_some_and(|owned| owned.uid.is_some());
            let kept_forward = revert_to.is_some() && is_definition(object) && made;
            let asked = match asked {
                Writes::Changed => !unchanged,
                Writes::All => true,
                Writes::Only(only) => only.contains(object),
            };
            (asked && !ran && !kept_forward).then(|| PlannedWrite {
                object: object.clone(),
                api_version: desired.api_version.clone(),
                manifest: desired.manifest,
                wave: wave(object),
                kind: match owned.and_then(|owned| owned.uid.clone()) {
                    Some(uid) if is_job(object) => WriteKind::Replace(uid),
                    Some(uid) => WriteKind::Change(uid),
                    None => WriteKind::Create,
                },
            })
        })
        .collect();
    writes.sort_by(|a, b| (a.wave, rank(&a.object), &a.object).cmp(&(b.wave, rank(&b.object), &b.object)));

    let mut made = Plan { writes, ignored, ..Plan::default() };
    if let Writes::Only(_) = asked {
        made.ignored.clear();
        return made;
    }
    let mut surplus: Vec<&ObjectKey> = inventory.keys().filter(|object| !target.objects.contains_key(object)).collect();
    surplus.sort_by_key(|object| deletion_order(object));
    let mut candidates = Vec::new();
    for object in surplus {
        let came_since = revert_to.is_some_and(|passed| inventory[object].since > passed);
        let created_since = came_since && inventory[object].origin == Origin::Made;
        let held = prune.held.get(object);
        if created_since && !never_pruned(object) {
            made.delete_first.push(object.clone());
        } else if held.is_some_and(HeldPrune::may_go) {
            made.prunes.push(object.clone());
        } else if inventory[object].prune == PruneOption::Disabled {
            made.hold(object, PruneHold::LeftToOthers);
        } else if never_pruned(object) {
            made.hold(object, PruneHold::HoldsData);
        } else if came_since && !created_since {
            made.hold(object, PruneHold::TakenOver);
        } else if !prune.policy.prune {
            made.hold(object, PruneHold::ByConfiguration);
        } else if let (Some(HeldPrune { because: because @ PruneHold::TooMany { .. }, .. }), 0..100) =
            (held, prune.policy.prune_limit)
        {
            made.hold(object, because.clone());
        } else {
            candidates.push(object);
        }
    }
    let too_many = too_many(&made, &candidates, inventory, prune.policy.prune_limit);
    for object in candidates {
        match (&too_many, inventory[object].prune) {
            (Some(because), _) => made.hold(object, because.clone()),
            (None, PruneOption::Before) => made.delete_first.push(object.clone()),
            (None, _) => made.prunes.push(object.clone()),
        }
    }
    made.prunes.sort_by_key(deletion_order);
    // The Job that a failed state ran in place of one that is past stays no more than what it created.
    let superseded = |object: &ObjectKey, owned: &Owned, passed| {
        let past = target
            .objects
            .get(object)
            .is_some_and(|desired| owned.manifest != Some(desired.manifest) && runs.has(object, desired.manifest));
        is_job(object) && past && owned.uid.is_some() && owned.written.is_some_and(|written| written > passed)
    };
    if let Some(passed) = revert_to {
        let jobs = inventory.iter().filter(|(object, owned)| superseded(object, owned, passed));
        made.delete_first.extend(jobs.map(|(object, _)| object.clone()));
    }
    // What can refuse or break the writes of a revert goes first.
    made.delete_first.sort_by_key(|object| !obstructs(object));
    made
}

/// What is deleted when an application left the configuration: everything but what holds data, unless that is
/// acknowledged, and what its own word leaves as it is.
pub fn removal(inventory: &BTreeMap<ObjectKey, Owned>, held: &BTreeMap<ObjectKey, HeldPrune>) -> Plan {
    let mut made = Plan::default();
    for (object, owned) in inventory {
        if held.get(object).is_some_and(|held| held.acknowledged.is_some()) {
            made.prunes.push(object.clone());
        } else if owned.prune == PruneOption::Disabled {
            made.hold(object, PruneHold::LeftToOthers);
        } else if never_pruned(object) {
            made.hold(object, PruneHold::HoldsData);
        } else {
            made.prunes.push(object.clone());
        }
    }
    made.prunes.sort_by_key(deletion_order);
    made
}

/// What somebody acknowledged to be deleted, and nothing else.
pub fn acknowledged<'a>(objects: impl Iterator<Item = &'a ObjectKey>) -> Plan {
    let mut prunes: Vec<ObjectKey> = objects.cloned().collect();
    prunes.sort_by_key(deletion_order);
    Plan { prunes, ..Plan::default() }
}

/// The reverse of the order of writes.
fn deletion_order(object: &ObjectKey) -> impl Ord + use<> {
    std::cmp::Reverse((wave(object), rank(object), object.clone()))
}

/// Why so much is not deleted at once. What is made anew under another name, as a generated ConfigMap is, goes without
/// being counted.
fn too_many(
    plan: &Plan,
    candidates: &[&ObjectKey],
    inventory: &BTreeMap<ObjectKey, Owned>,
    limit: u8,
) -> Option<PruneHold> {
    let is_made = |object: &ObjectKey| inventory.get(object).is_some_and(|owned| owned.uid.is_some());
    let place = |object: &ObjectKey| (object.group.clone(), object.kind.clone(), object.namespace.clone());
    let mut gone: BTreeMap<_, u64> = BTreeMap::new();
    for object in candidates.iter().filter(|object| is_made(object)) {
        *gone.entry(place(object)).or_default() += 1;
    }
    for write in plan.writes.iter().filter(|write| write.kind == WriteKind::Create) {
        if let Some(count) = gone.get_mut(&place(&write.object)) {
            *count = count.saturating_sub(1);
        }
    }
    let pruned: u64 = gone.values().sum();
    let of = inventory.keys().filter(|object| is_made(object)).count() as u64;
    (pruned * 100 > u64::from(limit) * of).then_some(PruneHold::TooMany { pruned, of, limit })
}

/// How much a plan does.
pub fn counts(plan: &Plan) -> PlanCounts {
    let create = plan.writes.iter().filter(|write| write.kind == WriteKind::Create).count();
    PlanCounts {
        create: create as u64,
        change: (plan.writes.len() - create) as u64,
        prune: (plan.delete_first.len() + plan.prunes.len()) as u64,
    }
}

/// The wave that others wait for to be ready.
pub const FIRST_WAVE: u8 = 0;

/// Namespaces and definitions come first, since other objects live in them; what intercepts requests comes last.
pub fn wave(object: &ObjectKey) -> u8 {
    match (object.group.as_str(), object.kind.as_str()) {
        ("", "Namespace") => FIRST_WAVE,
        _ if is_definition(object) => FIRST_WAVE,
        ("admissionregistration.k8s.io", _) | ("apiregistration.k8s.io", _) => 2,
        _ => 1,
    }
}

/// The order of starts within a wave: what others mount or run as, before them.
fn rank(object: &ObjectKey) -> u8 {
    const ORDER: [&str; 15] = [
        "ResourceQuota",
        "LimitRange",
        "PriorityClass",
        "StorageClass",
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
        "NetworkPolicy",
        "ConfigMap",
        "Secret",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Service",
    ];
    let place = ORDER.iter().position(|kind| *kind == object.kind).unwrap_or(ORDER.len());
    u8::try_from(place).unwrap_or(u8::MAX)
}

fn is_definition(object: &ObjectKey) -> bool {
    object.is("apiextensions.k8s.io", "CustomResourceDefinition")
}

fn never_pruned(object: &ObjectKey) -> bool {
    is_definition(object) || object.is("", "Namespace") || object.is("", "PersistentVolumeClaim")
}

fn obstructs(object: &ObjectKey) -> bool {
    object.group == "admissionregistration.k8s.io"
        || object.is("", "ResourceQuota")
        || object.is("networking.k8s.io", "NetworkPolicy")
}
