//! What is shown of the applications: renewed by the loop, read by everybody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use taffrail_core::effect::EffectKey;
use taffrail_core::gate::{GateWatch, watches};
use taffrail_core::health::gates;
use taffrail_core::jobs::has_run;
use taffrail_core::observed::{Observed, watch_of};
use taffrail_core::state::{
    Application, DriftPhase, HeldPrune, Leaving, Pause, Phase, State, Suspension, Sync, Target,
};
use taffrail_core::{Engine, decide::application::waits};
use taffrail_model::configuration::{self, SyncMode};
use taffrail_model::{ApplicationName, Health, ObjectKey, Refusal};
use taffrail_ports::metrics::Metrics;
use taffrail_ports::status::{
    Activity, ApplicationStatus, HealthStatus, HeldObject, ObjectStatus, Readiness, StateReference, Status, Suspended,
    SyncStatus,
};

/// What is shown. Cloning shares it.
#[derive(Clone, Default)]
pub struct Board(Arc<RwLock<Shown>>);

#[derive(Default)]
struct Shown {
    started: bool,
    applications: BTreeMap<ApplicationName, ApplicationStatus>,
    grounds: BTreeMap<ApplicationName, Arc<Ground>>,
    journal: Option<String>,
    clusters: Vec<String>,
    /// Repositories that were never read.
    unread: Vec<String>,
}

/// What an application's next sync starts from.
#[derive(Clone)]
pub(crate) struct Ground {
    pub application: Arc<Application>,
    pub configured: configuration::Application,
    pub repository: configuration::Repository,
}

const WAITS: usize = 20;
const DRIFTS: usize = 20;

impl Board {
    /// The journal takes appends.
    pub(crate) fn journal_works(&self) {
        if self.read(|shown| shown.journal.is_some()) {
            self.write(|shown| shown.journal = None);
        }
    }

    /// It does not.
    pub(crate) fn journal_fails(&self, error: &str) {
        self.write(|shown| shown.journal = Some(error.to_owned()));
    }

    /// Shows these applications as they are now.
    pub(crate) fn renew(&self, engine: &Engine, dirty: BTreeSet<ApplicationName>, metrics: &Metrics) {
        let (state, observed) = (engine.state(), engine.observed());
        let statuses: Vec<(ApplicationName, Option<ApplicationStatus>)> = dirty
            .into_iter()
            .map(|name| {
                let status =
                    state.last_configured(&name).map(|configured| describe(state, observed, &name, configured));
                (name, status)
            })
            .collect();
        for (name, status) in &statuses {
            measure(name, status.as_ref(), metrics);
        }
        let grounds: Vec<(ApplicationName, Option<Ground>)> =
            statuses.iter().map(|(name, _)| (name.clone(), ground(state, name))).collect();
        let unread = state.configuration.iter().flat_map(|(_, configuration)| configuration.repositories.keys());
        let unread = unread
            .filter(|name| state.repositories.get(*name).is_none_or(|repository| repository.head.is_none()))
            .map(|name| format!("the repository {name} was never read"))
            .collect();
        let clusters = state.unreachable.iter().map(|cluster| {
            let which = if cluster.is_default() { String::new() } else { format!(" {cluster}") };
            match observed.live.lost(cluster) {
                Some((_, reason)) => format!("the cluster{which} cannot be seen: {reason}"),
                None => format!("the cluster{which} cannot be seen"),
            }
        });
        let clusters = clusters.collect();
        self.write(|shown| {
            shown.started = true;
            shown.unread = unread;
            shown.clusters = clusters;
            for (name, ground) in grounds {
                match ground {
                    Some(ground) => shown.grounds.insert(name, ground.into()),
                    None => shown.grounds.remove(&name),
                };
            }
            for (name, status) in statuses {
                match status {
                    Some(status) => shown.applications.insert(name, status),
                    None => shown.applications.remove(&name),
                };
            }
        });
    }

    /// What the next sync of an application starts from.
    pub(crate) fn ground(&self, name: &ApplicationName) -> Option<Arc<Ground>> {
        self.read(|shown| shown.grounds.get(name).cloned())
    }

    fn read<T>(&self, read: impl FnOnce(&Shown) -> T) -> T {
        read(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write(&self, write: impl FnOnce(&mut Shown)) {
        write(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Status for Board {
    fn applications(&self) -> Vec<ApplicationStatus> {
        self.read(|shown| {
            let all = shown.applications.values();
            all.map(|status| ApplicationStatus { objects: Vec::new(), ..status.clone() }).collect()
        })
    }

    fn application(&self, name: &ApplicationName) -> Option<ApplicationStatus> {
        self.read(|shown| shown.applications.get(name).cloned())
    }

    fn readiness(&self) -> Readiness {
        self.read(|shown| {
            let mut missing = shown.unread.clone();
            if !shown.started {
                missing.push("the journal is still being folded".to_owned());
            }
            missing.extend(shown.journal.iter().map(|error| format!("the journal cannot be written: {error}")));
            missing.extend(shown.clusters.clone());
            Readiness { missing }
        })
    }
}

fn ground(state: &State, name: &ApplicationName) -> Option<Ground> {
    let configured = state.configured(name)?.clone();
    let repository = state.configuration.as_ref()?.1.repositories.get(&configured.repository)?.clone();
    let application = state.applications.get(name).cloned().unwrap_or_default();
    Some(Ground { application, configured, repository })
}

/// An application as a state says, when nothing of its cluster is seen.
pub(crate) fn describe_unseen(
    state: &State,
    name: &ApplicationName,
    configured: &configuration::Application,
) -> ApplicationStatus {
    let unseen = Observed::default();
    let mut status = describe(state, &unseen, name, configured);
    let application = state.applications.get(name);
    status.health = HealthStatus::Unknown;
    status.hold = application.and_then(|application| hold(state, &unseen, name, application, configured));
    status.unseen = None;
    if let Some(activity) = &mut status.activity {
        activity.waiting_for.clear();
    }
    for object in &mut status.objects {
        (object.health, object.reason) = (HealthStatus::Unknown, None);
    }
    status
}

fn describe(
    state: &State,
    observed: &Observed,
    name: &ApplicationName,
    configured: &configuration::Application,
) -> ApplicationStatus {
    let head = state.repositories.get(&configured.repository).and_then(|repository| repository.head.as_ref());
    let nothing = Application::default();
    let application = state.applications.get(name).map_or(&nothing, |application| application);
    let objects = objects(application, observed);
    let unseen = unseen(application, observed);
    let sync = match (&application.desired, &application.live) {
        (None, _) => SyncStatus::Unknown,
        (Some(desired), Some(live)) if desired.digest == live.digest => {
            let drifted = application.drifts.values().any(|drift| drift.phase.fields().is_some());
            if drifted { SyncStatus::Drifted } else { SyncStatus::Synced }
        }
        _ => SyncStatus::OutOfSync,
    };
    // What does not gate is shown, and does not make the application look unwell.
    let worst = objects.iter().filter(|object| gates(&object.object)).map(|object| object.health).max();
    ApplicationStatus {
        name: name.clone(),
        repository: configured.repository.clone(),
        path: configured.path.clone(),
        sync,
        health: worst.unwrap_or(if application.desired.is_some() {
            HealthStatus::Healthy
        } else {
            HealthStatus::Unknown
        }),
        refused_revision: state
            .repositories
            .get(&configured.repository)
            .and_then(|repository| repository.refused.as_ref())
            .map(refused_revision),
        observed_revision: head.map(|head| head.revision.clone()),
        rendered_revision: observed.rendered.get(name).map(|(revision, _)| revision.clone()),
        desired: application.desired.as_ref().map(reference),
        live: application.live.as_ref().map(reference),
        passed: application.passed.last().map(reference),
        activity: application.sync.as_ref().map(|sync| activity(name, application, sync, observed)),
        hold: hold(state, observed, name, application, configured).or_else(|| unseen.clone()),
        unseen,
        removed: application.left.as_ref().map(|left| left.seq),
        suspended: application.suspended.as_ref().map(|suspension| Suspended {
            by: suspension.by.clone(),
            reason: suspension.reason.clone(),
            until: suspension.until,
            seq: suspension.seq,
        }),
        drift: drifted(application),
        held: application.held.iter().map(|(object, held)| kept(object, held)).collect(),
        errors: application.refused.as_ref().map(|refused| refused.errors.clone()).unwrap_or_default(),
        objects,
    }
}

/// Why nothing is done although something should be.
fn hold(
    state: &State,
    observed: &Observed,
    name: &ApplicationName,
    application: &Application,
    configured: &configuration::Application,
) -> Option<String> {
    let paused = application.paused.as_ref().map(|pause| match observed.found.get(name) {
        Some(found) if matches!(pause, Pause::Claimed { .. }) => {
            format!("{}; {}", pause.reason(name), what_is_there(found))
        }
        _ => pause.reason(name),
    });
    paused
        .or_else(|| elsewhere(state, name, application))
        .or_else(|| removed(name, application))
        .or_else(|| unclaimed(observed, name))
        .or_else(|| suspended(name, application))
        .or_else(|| held(application))
        .or_else(|| manual(name, application, configured))
}

fn kept(object: &ObjectKey, held: &HeldPrune) -> HeldObject {
    HeldObject {
        object: object.clone(),
        reason: held.because.words(object),
        since: held.since,
        acknowledged: held.acknowledged,
    }
}

/// Nothing is done for it any more before somebody decides.
fn removed(name: &ApplicationName, application: &Application) -> Option<String> {
    let left = application.left.as_ref()?;
    let objects = application.inventory.len();
    Some(match left.leaving {
        Leaving::Deleting(_) => format!("it left the configuration, and {objects} objects are still to be deleted"),
        _ => format!(
            "it left the configuration (event {}): {objects} objects stay until `taffrail remove {name} --prune` or \
             `--orphan`",
            left.seq
        ),
    })
}

/// The claim is tried again, and nothing is written before it.
fn unclaimed(observed: &Observed, name: &ApplicationName) -> Option<String> {
    let mut retrying = observed.retrying.iter();
    retrying.find_map(|(key, reason)| match key {
        EffectKey::Claim(application, _) if application == name => Some(format!("it cannot be claimed yet: {reason}")),
        EffectKey::Find(application, _) if application == name => {
            Some(format!("what is there already cannot be listed yet: {reason}"))
        }
        _ => None,
    })
}

/// No sync starts while it is suspended.
fn suspended(name: &ApplicationName, application: &Application) -> Option<String> {
    let Suspension { until, reason, by, .. } = application.suspended.as_ref()?;
    let until = until.map_or_else(String::new, |until| format!(" until {}", until.strftime("%Y-%m-%dT%H:%M:%SZ")));
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    Some(format!("suspended by {by}{until}{reason}: `taffrail resume {name}` ends that"))
}

/// What is desired waits for an order.
fn manual(
    name: &ApplicationName,
    application: &Application,
    configured: &configuration::Application,
) -> Option<String> {
    let (desired, live) = (application.desired.as_ref()?, application.live.as_ref());
    let waits = configured.sync.mode == SyncMode::Manual
        && application.ordered.is_none()
        && live.is_none_or(|live| live.digest != desired.digest);
    waits.then(|| format!("sync.mode is manual: `taffrail sync {name}` brings what Git asks for"))
}

/// What bears the mark of an application that is somebody else's.
fn what_is_there(found: &[ObjectKey]) -> String {
    let some: Vec<String> = found.iter().take(20).map(ToString::to_string).collect();
    match found.len() {
        0 => "none of its objects is there".to_owned(),
        count => format!("{count} of its objects are there: {}", some.join(", ")),
    }
}

fn elsewhere(state: &State, name: &ApplicationName, application: &Application) -> Option<String> {
    let cluster = taffrail_core::decide::elsewhere(state, name, application)?;
    Some(format!(
        "its objects are in the cluster {cluster}, and an application does not move: take it out of the configuration, \
         decide about its objects with `taffrail remove {name}`, and put it back"
    ))
}

fn refused_revision(Refusal { revision, commit, reason, .. }: &Refusal) -> String {
    let (revision, id, author) = (revision.short(), commit.id.short(), &commit.author);
    format!("the revision {revision} is refused: the commit {id} by {author}: {reason}")
}

/// Why what Git asks for is not done. A hold of what Git asked for before says nothing of what it asks for now.
fn held(application: &Application) -> Option<String> {
    let desired = application.desired.as_ref()?.digest;
    application.hold.as_ref().filter(|hold| hold.desired == desired).map(|hold| hold.reason.to_string())
}

/// A sync does not start before it is seen what is there.
fn unseen(application: &Application, observed: &Observed) -> Option<String> {
    let (desired, live) = (application.desired.as_ref()?, application.live.as_ref());
    if application.sync.is_some() || live.is_some_and(|live| live.digest == desired.digest) {
        return None;
    }
    observed.live.stale(&watches(application)).map(|stale| stale.reason)
}

/// What differs from what was written, of each object as much as fits into a line.
fn drifted(application: &Application) -> Vec<String> {
    let drifts = application.drifts.iter().filter_map(|(object, drift)| {
        let sentences = differs(&drift.phase);
        let more = sentences.len().saturating_sub(2);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let first: Vec<String> = sentences.into_iter().take(2).collect();
        (!first.is_empty()).then(|| format!("{object}: {}{more}", first.join("; ")))
    });
    drifts.take(DRIFTS).collect()
}

/// How an object differs from what was written, after what is done about it.
fn differs(phase: &DriftPhase) -> Vec<String> {
    let Some(fields) = phase.fields() else { return Vec::new() };
    let failed = |reason: &String| format!("it could not be mended: {reason}");
    let mut sentences: Vec<String> = match phase {
        DriftPhase::Over | DriftPhase::Recorded { .. } => Vec::new(),
        DriftPhase::Healing { refused, .. } => refused.iter().map(failed).collect(),
        DriftPhase::Stopped { refused: None, .. } => vec!["it was mended and changed back too often".to_owned()],
        DriftPhase::Stopped { refused: Some(reason), .. } => vec![failed(reason)],
    };
    match fields {
        [] => sentences.push("it is gone".to_owned()),
        fields => sentences.extend(fields.iter().take(DRIFTS).map(ToString::to_string)),
    }
    let more = fields.len().saturating_sub(DRIFTS);
    sentences.extend((more > 0).then(|| format!("and {more} more fields")));
    sentences
}

fn reference(target: &Target) -> StateReference {
    StateReference { digest: target.digest, revision: target.revision.clone(), seq: target.seq, time: target.time }
}

fn objects(application: &Application, observed: &Observed) -> Vec<ObjectStatus> {
    let desired = application.desired.as_ref().map(|desired| &desired.set.objects);
    application
        .inventory
        .iter()
        .map(|(object, owned)| {
            let seen = owned.uid.is_none() || observed.live.ours(object, owned).is_some();
            // What was seen before says nothing of now.
            let stale = observed.live.stale([&watch_of(object, owned)]);
            let health = observed.live.health(object, owned);
            let (status, reason) = match health {
                _ if stale.is_some() => (HealthStatus::Unknown, stale.map(|stale| stale.reason)),
                Health::Healthy => (HealthStatus::Healthy, None),
                Health::Suspended => (HealthStatus::Suspended, None),
                Health::Unknown => (HealthStatus::Unknown, None),
                Health::Progressing(reason) if !seen => (HealthStatus::Missing, Some(reason)),
                Health::Progressing(reason) => (HealthStatus::Progressing, Some(reason)),
                Health::Degraded(degradation) => (HealthStatus::Degraded, Some(degradation.message)),
            };
            let wanted = desired.and_then(|desired| desired.get(object)).map(|desired| desired.manifest);
            ObjectStatus {
                object: object.clone(),
                uid: owned.uid.clone(),
                health: status,
                reason,
                synced: wanted
                    .is_some_and(|wanted| owned.manifest == Some(wanted) || has_run(application, object, wanted)),
                drift: application.drifts.get(object).map(|drift| differs(&drift.phase)).unwrap_or_default(),
            }
        })
        .collect()
}

fn activity(name: &ApplicationName, application: &Application, sync: &Sync, observed: &Observed) -> Activity {
    let phase = match &sync.phase {
        Phase::Writing { deletes, .. } if !deletes.is_empty() => "deleting",
        Phase::Writing { .. } => "applying",
        Phase::Gate { .. } | Phase::GateFailed { .. } | Phase::Failed { .. } => "gate",
        Phase::Pruning { .. } => "pruning",
    };
    let mut waiting_for: Vec<String> = waits(application, sync, observed);
    for (key, reason) in &observed.retrying {
        if let EffectKey::Write(key) = key
            && key.application == *name
        {
            waiting_for.push(format!("{}: {reason}", key.object));
        }
    }
    if let Some(gate) = observed.gates.get(name) {
        waiting_for.extend(gate_waits(gate));
    }
    waiting_for.truncate(WAITS);
    Activity {
        kind: if sync.is_revert() { "revert" } else { "sync" }.to_owned(),
        sync: sync.id,
        phase: phase.to_owned(),
        desired: sync.target.digest,
        waiting_for,
    }
}

fn gate_waits(gate: &GateWatch) -> Vec<String> {
    let stale = gate.stale.iter().map(|stale| stale.reason.clone());
    let unwell = gate.unwell.iter().map(|(object, health)| format!("{object} is {health}"));
    stale.chain(unwell).chain(gate.unchecked.iter().cloned()).collect()
}

fn measure(name: &ApplicationName, status: Option<&ApplicationStatus>, metrics: &Metrics) {
    let drifted = |status: &ApplicationStatus| status.objects.iter().filter(|object| !object.drift.is_empty()).count();
    match status.map(|status| i64::try_from(drifted(status)).unwrap_or(i64::MAX)) {
        Some(drifted) => metrics.drifted.with_label_values(&[name.as_str()]).set(drifted),
        None => drop(metrics.drifted.remove_label_values(&[name.as_str()])),
    }
    for sync in [SyncStatus::Unknown, SyncStatus::Synced, SyncStatus::OutOfSync, SyncStatus::Drifted] {
        let labels = [name.as_str(), &format!("{sync:?}")];
        match status {
            Some(status) => metrics.sync_status.with_label_values(&labels).set(i64::from(status.sync == sync)),
            None => drop(metrics.sync_status.remove_label_values(&labels)),
        }
    }
    for health in [
        HealthStatus::Healthy,
        HealthStatus::Suspended,
        HealthStatus::Progressing,
        HealthStatus::Unknown,
        HealthStatus::Missing,
        HealthStatus::Degraded,
    ] {
        let labels = [name.as_str(), &format!("{health:?}")];
        match status {
            Some(status) => metrics.health_status.with_label_values(&labels).set(i64::from(status.health == health)),
            None => drop(metrics.health_status.remove_label_values(&labels)),
        }
    }
}
