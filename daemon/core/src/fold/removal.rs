//! What it means that an application leaves the configuration, comes back, or is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use taffrail_model::configuration::{self, Configuration};
use taffrail_model::fact::RemovalChoice;
use taffrail_model::{ApplicationName, Fact, ObjectKey, PruneHold, Seq, Timestamp};

use super::{Folding, LONGEST_WAIT, planned};
use crate::clock::Clock;
use crate::state::{Application, HeldPrune, Leaving, Left, Phase, Removal, State};

/// Another configuration is in force.
pub(super) fn reconfigure(state: &mut State, configured: &Configuration, seq: Seq, now: Timestamp) {
    let before = state.configuration.clone();
    for (name, application) in &mut state.applications {
        let was = before.as_ref().and_then(|(_, before)| before.applications.get(name));
        match (configured.applications.contains_key(name), was) {
            (false, Some(was)) => leave(Arc::make_mut(application), was, seq, now),
            (true, _) if application.left.is_some() => come_back(Arc::make_mut(application)),
            _ => {}
        }
    }
}

/// Nobody carries on what an application does that is taken out of the configuration. Put back, a sync starts anew from
/// what is desired then; a revert goes on, since nothing else would.
fn leave(application: &mut Application, was: &configuration::Application, seq: Seq, now: Timestamp) {
    match &mut application.sync {
        Some(sync) if sync.is_revert() => sync.clock.pause(now),
        // It said already that it failed.
        sync => drop(sync.take_if(|sync| matches!(sync.phase, Phase::Failed { .. }))),
    }
    (application.ordered, application.watched) = (None, None);
    if application.left.is_none() {
        application.left = Some(Left { configured: Arc::new(was.clone()), seq, leaving: Leaving::Noticed });
    }
}

/// It goes on as before, unless somebody decided otherwise: that comes to its end first.
fn come_back(application: &mut Application) {
    application.left.take_if(|left| matches!(left.leaving, Leaving::Noticed | Leaving::Undecided));
    let Application { desired, live, held, .. } = application;
    // What was acknowledged for a removal is desired again.
    let desired =
        |object: &ObjectKey| desired.iter().chain(&*live).any(|target| target.set.objects.contains_key(object));
    held.retain(|object, _| !desired(object));
}

/// Forgets an application of which nothing is left, and lets one that was put back meanwhile begin anew.
pub(super) fn settle(state: &mut State, name: &ApplicationName, fact: &Fact) {
    let configured = state.configured(name).is_some();
    let Some(application) = state.applications.get_mut(name) else { return };
    if let Fact::ApplicationRemoved { .. } | Fact::RemovalFinished { .. } = fact {
        if configured {
            Arc::make_mut(application).left = None;
        } else if application.inventory.is_empty() && application.sync.is_none() {
            state.applications.remove(name);
        }
    }
}

impl Folding<'_> {
    /// Folds what becomes of an application that left; nothing for any other fact.
    pub(super) fn remove(&mut self, fact: &Fact) {
        let seq = self.seq;
        let application = &mut *self.application;
        let Some(left) = &mut application.left else { return };
        match fact {
            Fact::SyncFailed { .. } | Fact::RevertFailed { .. } => application.sync = None,
            Fact::ApplicationRemoved { .. } => left.leaving = Leaving::Undecided,
            Fact::RemovalDecided { choice: RemovalChoice::Prune, plan: Some(plan), .. } => {
                let plan = planned(self.documents, plan);
                left.leaving = Leaving::Deleting(Removal {
                    decided: seq,
                    deletes: plan.prunes.iter().cloned().collect::<BTreeSet<_>>(),
                    plan,
                    failed: BTreeMap::new(),
                    clock: Clock::start(self.now, left.configured.sync.timeout, LONGEST_WAIT),
                });
                application.live = None;
            }
            Fact::RemovalDecided { .. } => {
                left.leaving = Leaving::Orphaned { decided: seq };
                application.live = None;
            }
            Fact::PruneAcknowledged { objects, .. } => {
                for object in objects {
                    let held = HeldPrune { because: PruneHold::HoldsData, since: seq, acknowledged: Some(seq) };
                    application.held.insert(object.clone(), held);
                }
            }
            Fact::RemovalFinished { choice: RemovalChoice::Orphan, .. } => {
                application.inventory.clear();
                application.held.clear();
            }
            Fact::RemovalFinished { choice: RemovalChoice::Prune, .. } => {
                if let Leaving::Deleting(removal) = &left.leaving {
                    let others = |because: &PruneHold| *because == PruneHold::LeftToOthers;
                    application
                        .inventory
                        .retain(|object, _| !removal.plan.held_because.get(object).is_some_and(others));
                }
                left.leaving = Leaving::Undecided;
            }
            Fact::ObjectPruned { object, .. } => {
                if let Leaving::Deleting(removal) = &mut left.leaving {
                    removal.deletes.remove(object);
                }
            }
            Fact::ObjectFailed { object, reason, .. } => match &mut left.leaving {
                Leaving::Deleting(removal) if self.sync_id == Some(removal.decided) => {
                    removal.deletes.remove(object);
                    removal.failed.insert(object.clone(), reason.clone());
                }
                _ => {}
            },
            _ => {}
        }
    }
}
