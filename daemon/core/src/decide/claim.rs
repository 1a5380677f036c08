//! The claim on an application: whether anything may be written for it at all.
//!
//! Always: nothing else is decided before the claim is ours. One that turns out to be another's ends what is under way;
//! only a person's `adopt` takes it.

use taffrail_model::claim::{Claimed, OWNER_ANNOTATION, claim_on, owner_mark};
use taffrail_model::configuration;
use taffrail_model::fact::HoldReason;
use taffrail_model::{ApplicationName, ClusterName, Fact, LiveObject, ObjectKey, Seq};

use super::application::Next;
use super::{Context, Draft};
use crate::fold::LONGEST_WAIT;
use crate::observed::{ClaimSeen, claims_watch};
use crate::state::{Application, Claim, Pause, State};
use crate::time::after;

/// What is said of the claim; `None` when it is ours, and the application goes on.
pub(super) fn next(
    state: &State,
    context: Context<'_>,
    name: &ApplicationName,
    application: &Application,
) -> Option<Next> {
    let draft = |fact| Draft::application(name, fact);
    match (&application.paused, &application.sync) {
        (Some(Pause::Claimed { seq, .. }), Some(sync)) => {
            let (revision, desired) = (sync.target.revision.clone(), sync.target.digest);
            let held = Fact::SyncHeld { revision, desired, reason: HoldReason::Claimed };
            return Some(draft(held).of(sync.id).because(*seq).into());
        }
        (Some(_), _) => return Some(Next::Wait(None)),
        (None, _) => {}
    }
    let desired = application.desired.as_ref()?;
    if elsewhere(state, name, application).is_some() {
        return Some(Next::Wait(None));
    }
    match &application.claim {
        Claim::Open { over } => Some(draft(Fact::ClaimStarted { over: over.clone() }).because(desired.seq).into()),
        Claim::Started { seq, since, .. } => {
            let end = after(*since, LONGEST_WAIT);
            let held = application.hold.as_ref().is_some_and(|hold| hold.desired == desired.digest);
            if held || context.now < end {
                return Some(Next::Wait((!held).then_some(end)));
            }
            let (revision, digest) = (desired.revision.clone(), desired.digest);
            let fact = Fact::SyncHeld { revision, desired: digest, reason: HoldReason::WaitExpired };
            Some(draft(fact).because(*seq).into())
        }
        Claim::Held => {
            let lost = |holder| Some(draft(Fact::ClaimLost { holder }).into());
            let (live, known) = (&context.observed.live, context.observed.claims.get(name));
            let watch = claims_watch(&state.cluster_of(name));
            match live.claim(&watch, &place(state, name)) {
                // The watch may still be where it was before we wrote it.
                Some(holder) if matches!(known, Some(ClaimSeen::Written { over: Some(over) }) if *over == holder) => {
                    None
                }
                Some(holder) if holder != state.holder() => lost(Some(holder)),
                None if known == Some(&ClaimSeen::Ours) && live.stale([&watch]).is_none() => lost(None),
                _ => application.adopting.map(|_| Next::Wait(None)),
            }
        }
    }
}

/// The cluster that an application's objects are in, when it is not the one that is configured: an application does not
/// move, since nothing would delete what it left behind.
pub fn elsewhere<'a>(state: &State, name: &ApplicationName, application: &'a Application) -> Option<&'a ClusterName> {
    let configured = &state.configured(name)?.cluster;
    application.inventory.values().map(|owned| &owned.cluster).find(|cluster| *cluster != configured)
}

/// Where the claim on an application lies.
pub(crate) fn place(state: &State, name: &ApplicationName) -> ObjectKey {
    let configured = state.configuration.as_ref().and_then(|(_, configuration)| {
        let application = configuration.applications.get(name)?;
        Some(configuration.cluster_of(application))
    });
    let configuration::Cluster { claims } = configured.unwrap_or_default();
    claim_on(name, &claims)
}

/// It is known whose the claim is.
pub(super) fn claimed(state: &State, name: &ApplicationName, started: Seq, outcome: &Claimed) -> Vec<Draft> {
    let current = state.applications.get(name).map(|application| &application.claim);
    if !matches!(current, Some(Claim::Started { seq, .. }) if *seq == started) {
        return Vec::new();
    }
    let fact = match outcome {
        Claimed::Held => Fact::ClaimHeld { started },
        // A life of this journal that ended: it was restored, and a person let it go on.
        Claimed::By(holder) if holder.installation == state.installation && holder.epoch < state.epoch => {
            Fact::ClaimStarted { over: Some(holder.clone()) }
        }
        Claimed::By(holder) => Fact::ClaimRefused { holder: holder.clone() },
    };
    vec![Draft::application(name, fact).because(started)]
}

/// What was made for the application before is known: it is ours from here on.
pub(super) fn found(state: &State, name: &ApplicationName, asked: Seq, objects: &[LiveObject]) -> Vec<Draft> {
    let Some(application) = state.applications.get(name).filter(|application| application.adopting == Some(asked))
    else {
        return Vec::new();
    };
    let draft = |fact| Draft::application(name, fact).because(asked);
    let cluster = state.cluster_of(name);
    let unknown = objects.iter().filter(|object| {
        let known = application.inventory.get(&object.key).and_then(|owned| owned.uid.as_ref());
        is_marked(state, name, application, object)
            && known != Some(&object.uid)
            && state.owner(&cluster, &object.key).is_none_or(|owner| owner == name)
    });
    let mut drafts: Vec<Draft> = unknown
        .map(|object| {
            draft(Fact::ObjectAdopted {
                object: object.key.clone(),
                uid: object.uid.clone(),
                api_version: Some(object.api_version.clone()),
                from: Vec::new(),
            })
        })
        .collect();
    let count = drafts.len() as u64;
    drafts.push(draft(Fact::AdoptionFinished { objects: count }));
    drafts
}

fn is_marked(state: &State, name: &ApplicationName, application: &Application, object: &LiveObject) -> bool {
    let mark = object.body.pointer("/metadata/annotations").and_then(|all| all.get(OWNER_ANNOTATION)?.as_str());
    let mut installations = application.predecessors.iter().chain([&state.installation]);
    mark.is_some_and(|mark| installations.any(|installation| owner_mark(installation, name, &object.key) == mark))
}

/// The kinds in which something of an application may be.
pub(crate) fn kinds(application: &Application) -> Vec<(taffrail_model::ApiVersion, String)> {
    let desired = application.desired.iter().flat_map(|desired| &desired.set.objects);
    let mut kinds: Vec<_> = desired
        .map(|(object, desired)| (desired.api_version.clone(), object.kind.clone()))
        .chain(application.inventory.iter().map(|(object, owned)| (owned.api_version.clone(), object.kind.clone())))
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}
