//! What orders of people mean for the state, and what is held until they decide.

use std::collections::BTreeMap;

use taffrail_model::{Fact, ObjectKey, PruneHold, Seq};

use super::{Folding, set};
use crate::state::{Application, HeldPrune, Ordered, Purpose, Suspension, Sync, Target};

impl Folding<'_> {
    /// Folds an order in, or what is held; nothing for any other fact.
    pub(super) fn intervene(&mut self, fact: &Fact) {
        let (seq, now) = (self.seq, self.now);
        let application = &mut *self.application;
        match fact {
            Fact::SyncRequested { only, .. } => {
                let only = only.iter().cloned().collect();
                application.ordered = Some(Ordered::Sync { only, seq, time: now });
            }
            Fact::RevertRequested { to, named, revision, .. } => {
                let passed = application.passed.iter().find(|passed| passed.digest == *to).cloned();
                let target = passed.unwrap_or_else(|| Target {
                    digest: *to,
                    set: set(self.documents, to),
                    revision: revision.clone(),
                    seq: *named,
                    time: now,
                });
                application.ordered = Some(Ordered::Revert { target, seq, time: now });
            }
            Fact::ApplicationSuspended { until, reason } => {
                let (reason, by) = (reason.clone(), self.actor.name.clone());
                application.suspended = Some(Suspension { until: *until, reason, by, seq });
                application.ordered = None;
            }
            Fact::ApplicationResumed { .. } => application.suspended = None,
            Fact::DesiredStateReleased { desired, .. } => {
                application.quarantined.remove(desired);
                application.hold.take_if(|hold| hold.desired == *desired);
            }
            Fact::PruneHeld { .. } => self.keep_held(),
            Fact::PruneAcknowledged { objects, .. } => {
                for object in objects {
                    if let Some(held) = application.held.get_mut(object) {
                        held.acknowledged = Some(seq);
                    }
                }
            }
            _ => {}
        }
    }

    /// Keeps what the sync under way leaves although it is no longer desired.
    pub(super) fn keep_held(&mut self) {
        let Some(sync) = &self.application.sync else { return };
        self.application.held = held_after(self.application, sync, self.seq);
    }
}

/// What is held once a sync has done what it does.
pub(crate) fn held_after(application: &Application, sync: &Sync, seq: Seq) -> BTreeMap<ObjectKey, HeldPrune> {
    let undeletable = sync.plan.prunes.iter().filter_map(|object| {
        let reason = sync.failed.get(object)?.clone();
        Some((object, HeldPrune { because: PruneHold::Undeletable { reason }, since: seq, acknowledged: None }))
    });
    let kept = sync.plan.held.iter().map(|object| {
        let because = sync.plan.held_because.get(object).cloned().unwrap_or(PruneHold::HoldsData);
        let acknowledged = application.held.get(object).and_then(|held| held.acknowledged);
        (object, HeldPrune { because, since: seq, acknowledged })
    });
    let before = match sync.purpose {
        Purpose::Deploy | Purpose::Revert => BTreeMap::new(),
        Purpose::Objects | Purpose::Prunes => application.held.clone(),
    };
    let now = kept.chain(undeletable).filter(|(object, _)| application.inventory.contains_key(*object));
    let now = now.map(|(object, held)| {
        let since = application.held.get(object).map_or(seq, |known| known.since);
        (object.clone(), HeldPrune { since, ..held })
    });
    before.into_iter().chain(now).collect()
}
