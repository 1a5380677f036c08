//! What an input says by itself. What follows from it for an application is for [`super::next`] to say.

use std::sync::Arc;

use taffrail_model::configuration::Configuration;
use taffrail_model::fact::{ChangeCounts, RefusalReason};
use taffrail_model::{
    Actor, ApplicationName, ClusterName, CommitId, DesiredSet, Digest, Fact, ForeignField, ObjectKey, RepositoryName,
};

use super::{Context, Draft, claim};
use crate::effect::{EffectKey, WriteKey};
use crate::fold::{Document, RENDERS_TO_NOTHING};
use crate::input::{Input, Outcome, Polled};
use crate::observed::GRACE;
use crate::replace::may_replace;
use crate::state::{Application, Drift, DriftPhase, State, Sync};
use crate::time::{after, between};

/// How many objects, errors or reasons an event lists; what is more is counted.
pub const LISTED: usize = 100;
/// How often an object may be found gone in one sync before that counts as a failure.
pub const GONE_LIMIT: u32 = 5;

/// The facts in `input`.
pub fn react(state: &State, context: Context<'_>, input: &Input) -> Vec<Draft> {
    match input {
        Input::Started { version } => vec![Draft::system(Fact::DaemonStarted { version: version.clone() })],
        Input::TimeLost { duration, reason } => {
            let milliseconds = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            vec![Draft::system(Fact::TimeLost { milliseconds, reason: reason.clone() })]
        }
        Input::Configured(configuration) => configured(state, configuration),
        Input::ConfigurationRefused(errors) => {
            let errors = errors.iter().take(LISTED).cloned().collect();
            vec![Draft::system(Fact::ConfigurationRefused { errors })]
        }
        Input::Polled { repository, outcome, .. } => polled(state, context, repository, outcome),
        Input::Rendered { application, revision, outcome, .. } => rendered(state, application, revision, outcome),
        Input::Written { key: EffectKey::Write(key), outcome } => written(state, context, key, outcome),
        Input::Claimed { key: EffectKey::Claim(name, started), outcome } => {
            claim::claimed(state, name, *started, outcome)
        }
        Input::Found { key: EffectKey::Find(name, asked), objects } => claim::found(state, name, *asked, objects),
        Input::Seen { .. } | Input::Wake => cluster(state, context),
        // The engine asks [`super::ordered`], since an order is answered.
        Input::Ordered { .. } => Vec::new(),
        Input::Claimed { .. }
        | Input::Examined { .. }
        | Input::Found { .. }
        | Input::Hinted { .. }
        | Input::Retrying { .. }
        | Input::Looked { .. }
        | Input::Checked { .. }
        | Input::Written { .. } => Vec::new(),
    }
}

fn configured(state: &State, configuration: &Arc<Configuration>) -> Vec<Draft> {
    let digest = Digest::of(&configuration.to_bytes());
    if state.configuration.as_ref().is_some_and(|(known, _)| *known == digest) {
        return Vec::new();
    }
    let fact = Fact::ConfigurationChanged { digest };
    vec![Draft::system(fact).with(Document::Configuration(configuration.clone()))]
}

/// Whether the cluster can be seen, when that changes and stays so for a while.
fn cluster(state: &State, context: Context<'_>) -> Vec<Draft> {
    let live = &context.observed.live;
    let of = |cluster: &ClusterName| {
        let unreachable = state.unreachable.contains(cluster);
        let fact = match live.lost(cluster) {
            Some((since, reason)) if !unreachable && between(since, context.now) >= GRACE => {
                Fact::ClusterUnreachable { cluster: cluster.clone(), error: reason.to_owned() }
            }
            None if unreachable && live.reachable(cluster) => Fact::ClusterReachable { cluster: cluster.clone() },
            _ => return None,
        };
        Some(Draft::system(fact))
    };
    live.clusters().iter().filter_map(of).collect()
}

fn polled(state: &State, context: Context<'_>, name: &RepositoryName, outcome: &Result<Polled, String>) -> Vec<Draft> {
    let known = state.repositories.get(name);
    let unreachable = known.is_some_and(|repository| repository.unreachable);
    let polled = match outcome {
        Ok(polled) => polled,
        Err(_) if unreachable => return Vec::new(),
        Err(error) => {
            return vec![Draft::repository(name, Fact::RepositoryUnreachable { error: error.clone() })];
        }
    };
    let mut drafts = Vec::new();
    if unreachable {
        let failures = context.observed.polls.get(name).map_or(0, |polls| polls.recovered_from);
        drafts.push(Draft::repository(name, Fact::RepositoryReachable { failures }));
    }
    let head = known.and_then(|repository| repository.head.as_ref());
    let refused = known.and_then(|repository| repository.refused.as_ref());
    let polled = match polled {
        Polled::Taken(polled) => polled,
        Polled::Refused(refusal) => {
            if refused != Some(refusal) {
                let author = Actor::author(&refusal.commit.author);
                drafts.push(Draft::repository(name, Fact::RevisionRefused(refusal.clone())).by(author));
            }
            return drafts;
        }
    };
    // What was refused may be gone again, and the head is the one before: that is worth a word.
    if refused.is_some() || head.is_none_or(|head| (&head.revision, &head.tag) != (&polled.revision, &polled.tag)) {
        let fact = Fact::RevisionObserved {
            revision: polled.revision.clone(),
            previous: head.map(|head| head.revision.clone()),
            tag: polled.tag.clone(),
            relation: polled.relation,
            commits: polled.commits.iter().take(LISTED).cloned().collect(),
            count: polled.count,
        };
        let author = polled.commits.first().map_or_else(Actor::daemon, |commit| Actor::author(&commit.author));
        drafts.push(Draft::repository(name, fact).by(author));
    }
    drafts
}

fn rendered(
    state: &State,
    name: &ApplicationName,
    revision: &CommitId,
    outcome: &Result<Arc<DesiredSet>, Vec<String>>,
) -> Vec<Draft> {
    let Some(configured) = state.configured(name) else { return Vec::new() };
    let head = state.repositories.get(&configured.repository).and_then(|repository| repository.head.as_ref());
    let Some(head) = head.filter(|head| head.revision == *revision) else { return Vec::new() };
    let application = state.applications.get(name);
    let refused = application.and_then(|application| application.refused.as_ref());
    let refused_before =
        |errors: &[String]| refused.is_some_and(|refused| refused.revision == *revision && refused.errors == errors);
    let draft = |fact| Draft::application(name, fact).because(head.seq).by(Actor::author(&head.author));

    let set = match outcome {
        Err(errors) => {
            let errors: Vec<String> = errors.iter().take(LISTED).cloned().collect();
            if refused_before(&errors) {
                return Vec::new();
            }
            return vec![draft(Fact::RenderFailed { revision: revision.clone(), errors })];
        }
        Ok(set) => set,
    };
    let something = application.is_some_and(|application| {
        !application.inventory.is_empty()
            || application.desired.as_ref().is_some_and(|desired| !desired.set.objects.is_empty())
    });
    if set.objects.is_empty() && something {
        if refused_before(&[RENDERS_TO_NOTHING.to_owned()]) {
            return Vec::new();
        }
        let reason = RefusalReason::Empty;
        return vec![draft(Fact::DesiredStateRefused { revision: revision.clone(), reason })];
    }
    let digest = set.digest();
    let before = application.and_then(|application| application.desired.as_ref());
    let same = before.filter(|desired| desired.digest == digest);
    if let Some(desired) = same {
        // The same state, asked for again: worth a word when it is not applied, or when what came between was refused.
        let hold = application.and_then(|application| application.hold.as_ref());
        if let Some(hold) = hold.filter(|hold| hold.desired == digest && desired.revision != *revision) {
            return vec![draft(Fact::SyncHeld { revision: revision.clone(), desired: digest, reason: hold.reason })];
        }
        if refused.is_none() {
            return Vec::new();
        }
    }
    let nothing = DesiredSet::default();
    let previous = before.map_or(&nothing, |desired| &desired.set);
    let fact = changed(revision, digest, before.map(|desired| desired.digest), previous, set);
    vec![draft(fact).with(Document::Set(set.clone()))]
}

fn changed(revision: &CommitId, desired: Digest, previous: Option<Digest>, old: &DesiredSet, new: &DesiredSet) -> Fact {
    let missing_in = |set: &DesiredSet, other: &DesiredSet| -> Vec<ObjectKey> {
        set.objects.keys().filter(|object| !other.objects.contains_key(object)).cloned().collect()
    };
    let mut added = missing_in(new, old);
    let mut removed = missing_in(old, new);
    let mut changed: Vec<ObjectKey> = new
        .objects
        .iter()
        .filter(|(object, desired)| old.objects.get(*object).is_some_and(|before| before != *desired))
        .map(|(object, _)| object.clone())
        .collect();
    let counts =
        ChangeCounts { added: added.len() as u64, changed: changed.len() as u64, removed: removed.len() as u64 };
    for list in [&mut added, &mut changed, &mut removed] {
        list.truncate(LISTED);
    }
    Fact::DesiredStateChanged {
        revision: revision.clone(),
        desired,
        previous,
        objects: new.objects.len() as u64,
        added,
        changed,
        removed,
        counts,
    }
}

/// The outcome of a write becomes a fact under its own sync, also when that was superseded: otherwise uids would be
/// lost, and objects orphaned.
fn written(state: &State, context: Context<'_>, key: &WriteKey, outcome: &Outcome) -> Vec<Draft> {
    let application = state.applications.get(&key.application);
    let current = application.and_then(|application| application.sync.as_ref()).filter(|sync| sync.id == key.sync);
    let object = key.object.clone();
    let drift = application.and_then(|application| application.drifts.get(&object));
    let heals = drift.is_some_and(|drift| matches!(drift.phase, DriftPhase::Healing { seq, .. } if seq == key.sync));
    let fact = match outcome {
        Outcome::Applied { .. } => return applied(drift, key, outcome),
        Outcome::Conflicted { conflicts, attempts } => {
            if current.is_none() && !heals {
                return Vec::new();
            }
            let conflicts = conflicts.iter().take(LISTED).cloned().collect();
            Fact::ObjectConflicted { object, conflicts, attempts: *attempts }
        }
        Outcome::Deleted { uid } => Fact::ObjectPruned { object, uid: uid.clone() },
        Outcome::Gone { uid } => match current {
            Some(sync) if sync.gone.get(&object).copied().unwrap_or_default() >= GONE_LIMIT => Fact::ObjectFailed {
                object,
                reason: format!("it was gone {GONE_LIMIT} times while it was written: something deletes it"),
                attempts: GONE_LIMIT,
            },
            _ => Fact::ObjectGone { object, uid: uid.clone() },
        },
        Outcome::Refused { reason, immutable, attempts } => match (application, current) {
            (Some(application), Some(sync)) if *immutable => {
                immovable(application, sync, context, &object, reason, *attempts)
            }
            (Some(application), None) if !heals && application.removal(key.sync).is_none() => return Vec::new(),
            (None, _) => return Vec::new(),
            _ => Fact::ObjectFailed { object, reason: reason.clone(), attempts: *attempts },
        },
        Outcome::Stopped => return Vec::new(),
    };
    vec![Draft::application(&key.application, fact).of(key.sync)]
}

/// What becomes of an object whose change the server refuses, since a field of it may not change.
fn immovable(
    application: &Application,
    sync: &Sync,
    context: Context<'_>,
    object: &ObjectKey,
    reason: &str,
    attempts: u32,
) -> Fact {
    let object = object.clone();
    let owned = application.inventory.get(&object);
    let live = owned.and_then(|owned| context.observed.live.ours(&object, owned));
    let option = sync.target.set.objects.get(&object).map(|desired| desired.options.replace).unwrap_or_default();
    let tried = sync.gone.get(&object).copied().unwrap_or_default() >= GONE_LIMIT;
    let reason = reason.to_owned();
    match may_replace(&object, option, live) {
        Ok(()) if !tried => {
            let uid = owned.and_then(|owned| owned.uid.clone());
            Fact::ObjectReplaceStarted { object, uid, reason }
        }
        _ if sync.is_revert() => Fact::ObjectKeptForward { object, reason },
        Ok(()) => Fact::ObjectFailed { object, reason, attempts },
        Err(hint) => Fact::ObjectFailed { object, reason: format!("{reason}; {hint}"), attempts },
    }
}

/// A drift that was known is over with any write of the object, whatever that was for.
fn applied(drift: Option<&Drift>, key: &WriteKey, outcome: &Outcome) -> Vec<Draft> {
    let Outcome::Applied { uid, manifest, created, resource_version, attempts, fields, taken, adopted, autoscaled } =
        outcome
    else {
        return Vec::new();
    };
    let draft = |fact| Draft::application(&key.application, fact).of(key.sync);
    let object = &key.object;
    let adopted = adopted.as_ref().map(|from| {
        draft(Fact::ObjectAdopted { object: object.clone(), uid: uid.clone(), api_version: None, from: from.clone() })
    });
    let fact = Fact::ObjectApplied {
        object: object.clone(),
        uid: uid.clone(),
        manifest: *manifest,
        created: *created,
        resource_version: resource_version.clone(),
        attempts: *attempts,
        fields: Some(fields.digest()),
        autoscaled: *autoscaled,
    };
    let written = draft(fact).with(Document::Fields(Arc::new(fields.clone())));
    let known = drift.and_then(|drift| drift.phase.fields());
    let healed = (known.is_some() || !taken.is_empty()).then(|| {
        let known = known.unwrap_or_default();
        let others = taken.iter().filter(|taken| !known.iter().any(|known| known.field == taken.field));
        let fields: Vec<ForeignField> = known.iter().chain(others).take(LISTED).cloned().collect();
        draft(Fact::DriftHealed { object: object.clone(), fields })
    });
    adopted.into_iter().chain([written]).chain(healed).collect()
}

/// When [`cluster`] has something to say without a new input.
pub(crate) fn cluster_wake(state: &State, context: Context<'_>) -> Option<taffrail_model::Timestamp> {
    let live = &context.observed.live;
    let clusters = live.clusters();
    let reachable = clusters.iter().filter(|cluster| !state.unreachable.contains(cluster));
    reachable.filter_map(|cluster| live.lost(cluster)).map(|(since, _)| after(since, GRACE)).min()
}
