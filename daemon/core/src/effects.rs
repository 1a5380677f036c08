//! Which effects a state asks for.
//!
//! Always: a function of the state and what is seen. Nothing is written to a cluster that a folded event does not intend.

use std::collections::BTreeMap;

use taffrail_model::configuration::{self, Check, ConflictPolicy, Repository};
use taffrail_model::{
    ApplicationName, DesiredObject, Digest, FieldSet, Known, ObjectKey, Replicas, RepositoryName, Seq, Take, Timestamp,
};

use crate::decide::application::waiting_for_first_wave;
use crate::decide::{self, Context};
use crate::effect::{Effect, EffectKey, WriteKey};
use crate::gate;
use crate::observed::claims_watch;
use crate::plan::FIRST_WAVE;
use crate::scaling;
use crate::state::{Application, Claim, Leaving, Left, Owned, Pause, Phase, Removal, State, Sync};

mod drift;

/// How many writes of one sync are asked for at once.
pub const WRITES_AT_ONCE: usize = 32;

/// The polls that are due, or will be.
pub fn of_repository(state: &State, context: Context<'_>, name: &RepositoryName) -> Option<(EffectKey, Effect)> {
    let (_, configuration) = state.configuration.as_ref()?;
    let repository = configuration.repositories.get(name)?.clone();
    let polls = context.observed.polls.get(name).cloned().unwrap_or_default();
    let head = state.repositories.get(name).and_then(|known| known.head.as_ref());
    let known = head.map(|head| Known { revision: head.revision.clone(), tag: head.tag.clone() });
    let settings = poll_settings(&repository);
    // Another URL, branch or interval is not to wait for the next poll of the old one.
    let at = polls.next.filter(|(by, _)| *by == settings).map_or(Timestamp::UNIX_EPOCH, |(_, at)| at);
    let key = EffectKey::Poll(name.clone(), polls.count + polls.hints.forward, settings);
    Some((key, Effect::Poll { name: name.clone(), repository, known, at }))
}

/// What an application asks for.
pub fn of_application(state: &State, context: Context<'_>, name: &ApplicationName) -> BTreeMap<EffectKey, Effect> {
    let mut effects = BTreeMap::new();
    let application = state.applications.get(name);
    if let Some(Left { leaving, configured, .. }) = application.and_then(|application| application.left.as_ref()) {
        if let (Some(application), Leaving::Deleting(removal)) = (application, leaving) {
            effects.extend(removes(configured, application, removal, name));
        }
        return effects;
    }
    let Some(configured) = state.configured(name) else { return effects };
    if let Some((key, effect)) = render(state, context, name, configured) {
        effects.insert(key, effect);
    }
    let Some(application) = application else { return effects };
    let mut watches = gate::watches(application);
    if !matches!(application.claim, Claim::Open { .. }) {
        watches.insert(claims_watch(&configured.cluster));
    }
    effects.extend(watches.into_iter().map(|watch| (EffectKey::Watch(watch.clone()), Effect::Watch(watch))));
    if decide::claim::elsewhere(state, name, application).is_some() {
        return effects;
    }
    effects.extend(claim(state, application, name));
    if let (Some(sync), true) = (&application.sync, application.is_ours()) {
        match &sync.phase {
            Phase::Writing { .. } => effects.extend(writes(configured, application, sync, context, name)),
            Phase::Pruning { deletes } => {
                effects.extend(
                    deletes
                        .iter()
                        .take(WRITES_AT_ONCE)
                        .filter_map(|object| delete(configured, application, sync, name, object)),
                );
            }
            Phase::Gate { .. } | Phase::GateFailed { .. } | Phase::Failed { .. } => {}
        }
    }
    if let Some(sync) = application.judged() {
        effects.extend(checks(configured, sync, context, name));
        effects.extend(examinations(configured, application, context, name));
    }
    if application.sync.is_none() && application.is_ours() {
        effects.extend(drift::looks(application, context, name));
        effects.extend(drift::heals(configured, application, context, name));
    }
    effects
}

/// The claim while it is being written, and the search for what was made before us.
fn claim(state: &State, application: &Application, name: &ApplicationName) -> Option<(EffectKey, Effect)> {
    let find = |asked| {
        let effect = Effect::Find { application: name.clone(), kinds: decide::claim::kinds(application) };
        Some((EffectKey::Find(name.clone(), asked), effect))
    };
    match (&application.paused, &application.claim, application.adopting) {
        (Some(Pause::Claimed { seq, .. }), ..) => find(*seq),
        (Some(Pause::Restored { .. }), ..) => None,
        (None, Claim::Started { seq, over, .. }, _) => {
            let namespace = decide::claim::place(state, name).namespace.unwrap_or_default();
            let (holder, over) = (state.holder(), over.clone());
            let effect = Effect::Claim { application: name.clone(), namespace, holder, over };
            Some((EffectKey::Claim(name.clone(), *seq), effect))
        }
        (None, Claim::Held, Some(asked)) => find(asked),
        (None, ..) => None,
    }
}

/// What decides the result of a poll, and when it is due.
pub(crate) fn poll_settings(repository: &Repository) -> Digest {
    Digest::of(format!("{repository:?}").as_bytes())
}

/// Names a check of a gate: one that is configured otherwise is another.
pub(crate) fn check_key(name: &ApplicationName, sync: Seq, index: usize, check: &Check) -> EffectKey {
    EffectKey::Check(name.clone(), sync, index, Digest::of(format!("{check:?}").as_bytes()))
}

/// What else than the revision decides the result of a render.
pub fn render_key(configured: &configuration::Application) -> Digest {
    Digest::of(format!("{}\0{}\0{:?}", configured.repository, configured.path, configured.namespace).as_bytes())
}

fn render(
    state: &State,
    context: Context<'_>,
    name: &ApplicationName,
    configured: &configuration::Application,
) -> Option<(EffectKey, Effect)> {
    let head = state.repositories.get(&configured.repository)?.head.as_ref()?;
    let key = render_key(configured);
    let done =
        context.observed.rendered.get(name).is_some_and(|(revision, by)| *revision == head.revision && *by == key);
    (!done).then(|| {
        (
            EffectKey::Render(name.clone(), head.revision.clone(), key),
            Effect::Render {
                application: name.clone(),
                repository: configured.repository.clone(),
                revision: head.revision.clone(),
                path: configured.path.clone(),
                namespace: configured.namespace.clone(),
            },
        )
    })
}

/// What may be taken from other managers: fields that were ours, whoever changed them since, and replicas that were left
/// to an autoscaler which is there no more.
fn take(configured: &configuration::Application, owned: &Owned, replicas: Replicas) -> Take {
    let given_back = owned.autoscaled && replicas == Replicas::AsRendered;
    match (configured.sync.conflicts, &owned.fields) {
        (ConflictPolicy::Take, _) => Take::Everything,
        (ConflictPolicy::Fail, Some(fields)) if given_back => Take::Ours(fields.with(&["spec", "replicas"])),
        (ConflictPolicy::Fail, Some(fields)) => Take::Ours(FieldSet::clone(fields)),
        (ConflictPolicy::Fail, None) => Take::Nothing,
    }
}

fn writes(
    configured: &configuration::Application,
    application: &Application,
    sync: &Sync,
    context: Context<'_>,
    name: &ApplicationName,
) -> Vec<(EffectKey, Effect)> {
    let Phase::Writing { deletes, writes } = &sync.phase else { return Vec::new() };
    if !deletes.is_empty() {
        return deletes
            .iter()
            .take(WRITES_AT_ONCE)
            .filter_map(|object| delete(configured, application, sync, name, object))
            .collect();
    }
    let Some(&first) = writes.first() else { return Vec::new() };
    let wave = sync.plan.writes[first].wave;
    let earlier_failed = sync.plan.writes.iter().any(|w| w.wave < wave && sync.failed.contains_key(&w.object));
    let waits = wave > FIRST_WAVE && waiting_for_first_wave(application, sync, context.observed).is_some();
    if earlier_failed || waits {
        return Vec::new();
    }
    let autoscaled = scaling::targets(&application.cluster, &sync.target.set, &context.observed.live);
    writes
        .iter()
        .map(|&index| &sync.plan.writes[index])
        .take_while(|write| write.wave == wave)
        .take(WRITES_AT_ONCE)
        .filter_map(|write| {
            // Not in the inventory: it belongs to another application, and is about to be recorded as failed.
            let owned = application.inventory.get(&write.object)?;
            if sync.replacing.contains(&write.object) {
                return delete(configured, application, sync, name, &write.object);
            }
            if let Some(desired) = sync.target.set.objects.get(&write.object)
                && !knows_autoscalers(application, desired, context, &write.object)
            {
                return None;
            }
            let scaled = autoscaled.contains(&write.object);
            let replicas = if scaled { Replicas::Autoscaled } else { Replicas::AsRendered };
            let effect = Effect::Apply {
                manifest: write.manifest,
                uid: owned.uid.clone(),
                predecessors: application.predecessors.iter().cloned().collect(),
                foreign: configured.sync.foreign,
                take: take(configured, owned, replicas),
                replicas,
                identity: configured.service_account.clone(),
            };
            Some((EffectKey::Write(write_key(sync, name, &write.object, false)), effect))
        })
        .collect()
}

/// Whether it is known which autoscalers there are, if that matters: fields that an autoscaler set would be taken from
/// it otherwise.
fn knows_autoscalers(
    application: &Application,
    desired: &DesiredObject,
    context: Context<'_>,
    object: &ObjectKey,
) -> bool {
    let watch = scaling::watch(&application.cluster, object).filter(|_| desired.options.sets_replicas);
    watch.is_none_or(|watch| context.observed.live.is_listed(&watch))
}

fn delete(
    configured: &configuration::Application,
    application: &Application,
    sync: &Sync,
    name: &ApplicationName,
    object: &ObjectKey,
) -> Option<(EffectKey, Effect)> {
    let owned = application.inventory.get(object)?;
    let effect = Effect::Delete {
        api_version: owned.api_version.clone(),
        uid: owned.uid.clone(),
        wait: sync.replacing.contains(object),
        identity: configured.service_account.clone(),
    };
    Some((EffectKey::Write(write_key(sync, name, object, true)), effect))
}

/// The deletion of what an application leaves behind.
fn removes(
    configured: &configuration::Application,
    application: &Application,
    removal: &Removal,
    name: &ApplicationName,
) -> Vec<(EffectKey, Effect)> {
    let deletes = removal.deletes.iter().take(WRITES_AT_ONCE);
    let delete = |object: &ObjectKey| {
        let owned = application.inventory.get(object)?;
        let effect = Effect::Delete {
            api_version: owned.api_version.clone(),
            uid: owned.uid.clone(),
            wait: false,
            identity: configured.service_account.clone(),
        };
        let key = WriteKey {
            application: name.clone(),
            sync: removal.decided,
            attempt: 0,
            delete: true,
            object: object.clone(),
        };
        Some((EffectKey::Write(key), effect))
    };
    deletes.filter_map(delete).collect()
}

fn write_key(sync: &Sync, name: &ApplicationName, object: &ObjectKey, delete: bool) -> WriteKey {
    WriteKey {
        application: name.clone(),
        sync: sync.id,
        attempt: sync.gone.get(object).copied().unwrap_or_default(),
        delete,
        object: object.clone(),
    }
}

/// Why a gate fails, asked of the cluster before the verdict is recorded.
fn examinations(
    configured: &configuration::Application,
    application: &Application,
    context: Context<'_>,
    name: &ApplicationName,
) -> Vec<(EffectKey, Effect)> {
    let gate = context.observed.gates.get(name);
    let Some((gate, failing)) = gate.and_then(|gate| Some((gate, gate.failing.as_ref()?))) else { return Vec::new() };
    let secrets: Vec<(ObjectKey, Digest)> = application
        .inventory
        .iter()
        .filter(|(object, _)| object.is_secret())
        .filter_map(|(object, owned)| Some((object.clone(), owned.manifest?)))
        .collect();
    let examined = failing.examined.iter().filter_map(|object| {
        let owned = application.inventory.get(object)?;
        let effect = Effect::Examine {
            object: object.clone(),
            uid: owned.uid.clone()?,
            pods: context.observed.live.unwell_pods(object, owned),
            log_lines: configured.gate.log_lines,
            secrets: secrets.clone(),
        };
        Some((EffectKey::Examine(name.clone(), gate.sync, object.clone()), effect))
    });
    examined.collect()
}

fn checks(
    configured: &configuration::Application,
    sync: &Sync,
    context: Context<'_>,
    name: &ApplicationName,
) -> Vec<(EffectKey, Effect)> {
    let ready = context.observed.gates.get(name).is_some_and(|gate| gate.sync == sync.id && gate.ready_for_checks());
    if !ready {
        return Vec::new();
    }
    configured
        .gate
        .checks
        .iter()
        .enumerate()
        .map(|(index, check)| {
            let (Check::Http { interval, .. } | Check::Service { interval, .. }) = check;
            let effect =
                Effect::Check { check: check.clone(), namespace: configured.namespace.clone(), interval: *interval };
            (check_key(name, sync.id, index, check), effect)
        })
        .collect()
}
