//! What events mean for drift.

use taffrail_model::{Fact, ForeignField, ObjectKey, Seq};

use super::{Folding, in_the_way};
use crate::state::{Drift, DriftPhase};

impl Folding<'_> {
    pub(super) fn drift(&mut self, fact: &Fact) {
        let (seq, now) = (self.seq, self.now);
        match fact {
            Fact::DriftDetected { object, fields, heal } => {
                let fields = fields.clone();
                self.turn(
                    object,
                    match heal {
                        true => DriftPhase::Healing { seq, since: now, fields, refused: None },
                        false => DriftPhase::Recorded { fields },
                    },
                );
            }
            Fact::HealStopped { object, fields, .. } => self.stop(object, fields.clone()),
            Fact::DriftHealed { object, .. } => {
                if let Some(drift) = self.healing(object) {
                    drift.tried(now);
                }
                if let Some(drift) = self.application.drifts.get_mut(object) {
                    drift.phase = DriftPhase::Over;
                }
            }
            Fact::DriftEnded { object } => {
                let known = self.application.inventory.contains_key(object);
                if let Some(drift) = self.application.drifts.get_mut(object) {
                    drift.phase = DriftPhase::Over;
                    let forgotten = drift.tries.is_empty() || !known;
                    self.application.drifts.retain(|other, _| !forgotten || other != object);
                }
            }
            // Written for another reason than drift, it begins anew.
            Fact::ObjectApplied { object, .. } if self.current().is_some() => {
                self.application.drifts.remove(object);
            }
            Fact::ObjectFailed { object, reason, .. } => self.not_healed(object, reason.clone()),
            Fact::ObjectConflicted { object, conflicts, .. } => self.not_healed(object, in_the_way(conflicts)),
            Fact::ObjectGone { object, .. } => {
                if let Some(drift) = self.healing(object) {
                    drift.tried(now);
                }
            }
            Fact::DesiredStateReleased { .. } => {
                for drift in self.application.drifts.values_mut() {
                    if let DriftPhase::Stopped { fields, .. } = &drift.phase {
                        *drift = Drift::new(DriftPhase::Recorded { fields: fields.clone() });
                    }
                }
            }
            _ => {}
        }
    }

    fn turn(&mut self, object: &ObjectKey, phase: DriftPhase) {
        match self.application.drifts.get_mut(object) {
            Some(drift) => drift.phase = phase,
            None => drop(self.application.drifts.insert(object.clone(), Drift::new(phase))),
        }
    }

    fn stop(&mut self, object: &ObjectKey, fields: Vec<ForeignField>) {
        let refused = match self.application.drifts.get(object).map(|drift| &drift.phase) {
            Some(DriftPhase::Healing { refused, .. }) => refused.clone(),
            _ => None,
        };
        self.turn(object, DriftPhase::Stopped { seq: self.seq, fields, refused });
    }

    fn not_healed(&mut self, object: &ObjectKey, reason: String) {
        let now = self.now;
        let Some(drift) = self.healing(object) else { return };
        drift.tried(now);
        if let DriftPhase::Healing { refused, .. } = &mut drift.phase {
            *refused = Some(reason);
        }
    }

    /// The drift that the event was to mend, if it is not over.
    fn healing(&mut self, object: &ObjectKey) -> Option<&mut Drift> {
        let intent: Seq = self.sync_id?;
        let drift = self.application.drifts.get_mut(object)?;
        matches!(drift.phase, DriftPhase::Healing { seq, .. } if seq == intent).then_some(drift)
    }
}
