//! What orders of people mean for the state.

use taffrail_model::Fact;

use super::Folding;
use crate::state::{Ordered, Suspension};

impl Folding<'_> {
    /// Folds an order in; nothing for any other fact.
    pub(super) fn intervene(&mut self, fact: &Fact) {
        let application = &mut *self.application;
        match fact {
            Fact::SyncRequested { only, .. } => {
                let only = only.iter().cloned().collect();
                application.ordered = Some(Ordered::Sync { only, seq: self.seq, time: self.now });
            }
            Fact::ApplicationSuspended { until, reason } => {
                let (reason, by) = (reason.clone(), self.actor.name.clone());
                application.suspended = Some(Suspension { until: *until, reason, by, seq: self.seq });
                application.ordered = None;
            }
            Fact::ApplicationResumed { .. } => application.suspended = None,
            Fact::DesiredStateReleased { desired, .. } => {
                application.quarantined.remove(desired);
                application.hold.take_if(|hold| hold.desired == *desired);
            }
            _ => {}
        }
    }
}
