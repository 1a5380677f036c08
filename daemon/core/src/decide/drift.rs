//! What follows from drift. Asked only while no sync is under way.
//!
//! Always: one event for one drift, however often it is seen. What is written to mend an object is intended by
//! `DriftDetected`.

use std::collections::BTreeSet;

use taffrail_model::configuration::DriftPolicy;
use taffrail_model::{Fact, ForeignField, ObjectKey};

use super::Draft;
use super::application::{Deciding, Next};
use super::input::LISTED;
use crate::drift::{Difference, difference, mends, same_fields, written};
use crate::fold::LONGEST_WAIT;
use crate::jobs::is_job;
use crate::state::{Drift, DriftPhase};
use crate::time::after;

impl Deciding<'_> {
    /// What follows from drift, or when to ask again.
    pub(super) fn drift(&self) -> Next {
        if self.application.live.is_none() {
            return Next::Wait(None);
        }
        let (mut wake, mut facts) = (None, Vec::new());
        for (object, drift) in &self.application.drifts {
            match self.goes_on(object, drift) {
                Next::Wait(time) => wake = wake.into_iter().chain(time).min(),
                Next::Facts(more) => facts.extend(more),
            }
        }
        if facts.is_empty() {
            let suspects = self.context.observed.suspects.get(self.name).into_iter().flatten();
            let seen = suspects.filter(|(object, _)| !self.context.observed.in_flight.contains_key(*object));
            facts.extend(seen.filter_map(|(object, suspect)| self.differs(object, &suspect.difference)));
        }
        if facts.is_empty() { Next::Wait(wake) } else { Next::Facts(facts) }
    }

    /// What becomes of a drift that is known.
    fn goes_on(&self, object: &ObjectKey, drift: &Drift) -> Next {
        let now = self.context.now;
        let Some(fields) = drift.phase.fields() else { return Next::Wait(None) };
        if written(self.application, object).is_none() {
            return self.draft(Fact::DriftEnded { object: object.clone() }).into();
        }
        let mends = mends(self.application, self.configured, object);
        match &drift.phase {
            DriftPhase::Recorded { .. } if mends => self.detected(object, fields).into(),
            // What was intended is not done any more: the configuration changed, or the application is suspended.
            DriftPhase::Healing { .. } if !mends && !self.context.observed.in_flight.contains_key(object) => {
                self.detected(object, fields).into()
            }
            DriftPhase::Healing { seq, since, .. } => {
                let end = after(*since, LONGEST_WAIT);
                if drift.is_worn_out(now) || now >= end {
                    return self.stopped(object, fields).of(*seq).into();
                }
                let due = drift.due(now);
                Next::Wait(Some(if due > now { due.min(end) } else { end }))
            }
            DriftPhase::Over | DriftPhase::Recorded { .. } | DriftPhase::Stopped { .. } => Next::Wait(None),
        }
    }

    /// What follows from how an object is seen to differ.
    fn differs(&self, object: &ObjectKey, difference: &Difference) -> Option<Draft> {
        let (_, owned) = written(self.application, object)?;
        let phase = self.application.drifts.get(object).map_or(&DriftPhase::Over, |drift| &drift.phase);
        match (difference, phase) {
            (Difference::Gone, phase) => match (&owned.uid, phase) {
                (Some(uid), _) => {
                    let fact = Fact::ObjectGone { object: object.clone(), uid: uid.clone() };
                    Some(self.draft(fact))
                }
                (None, DriftPhase::Over) => Some(self.detected(object, &[])),
                (None, DriftPhase::Recorded { fields }) if !fields.is_empty() => Some(self.detected(object, &[])),
                (None, _) => None,
            },
            (Difference::Fields(fields), DriftPhase::Over) => Some(self.detected(object, fields)),
            (Difference::Fields(fields), DriftPhase::Recorded { fields: known }) => {
                (!same_fields(fields, known)).then(|| self.detected(object, fields))
            }
            (Difference::None, DriftPhase::Recorded { .. } | DriftPhase::Stopped { .. }) => {
                Some(self.draft(Fact::DriftEnded { object: object.clone() }))
            }
            // What is to be mended is written also when it mended itself: only that tells us the version it has now.
            _ => None,
        }
    }

    fn detected(&self, object: &ObjectKey, fields: &[ForeignField]) -> Draft {
        let heal = mends(self.application, self.configured, object);
        let worn_out = |drift: &Drift| drift.is_worn_out(self.context.now);
        if heal && self.application.drifts.get(object).is_some_and(worn_out) {
            return self.stopped(object, fields);
        }
        let fields = fields.iter().take(LISTED).cloned().collect();
        self.draft(Fact::DriftDetected { object: object.clone(), fields, heal })
    }

    fn stopped(&self, object: &ObjectKey, fields: &[ForeignField]) -> Draft {
        let fields = fields.iter().take(LISTED).cloned().collect();
        let tries = self.application.drifts.get(object).map_or(0, |drift| drift.tries.len());
        let heals = u32::try_from(tries).unwrap_or(u32::MAX);
        self.draft(Fact::HealStopped { object: object.clone(), fields, heals })
    }

    /// Objects that differ from what we wrote, and that a sync or revert writes as well: what it leaves as it is could
    /// make its gate fail.
    pub(super) fn differing(&self) -> BTreeSet<ObjectKey> {
        let heals = |object: &&ObjectKey| self.configured.sync.drift == DriftPolicy::Heal && !is_job(object);
        let drifts = &self.application.drifts;
        let open = drifts
            .iter()
            .filter(|(_, drift)| matches!(drift.phase, DriftPhase::Recorded { .. } | DriftPhase::Healing { .. }));
        let stopped = |object: &ObjectKey| {
            drifts.get(object).is_some_and(|drift| matches!(drift.phase, DriftPhase::Stopped { .. }))
        };
        let suspects = self.context.observed.suspects.get(self.name).into_iter().flatten();
        let seen = suspects.map(|(object, _)| object).filter(|object| {
            let Some(owned) = self.application.inventory.get(*object) else { return false };
            let difference = || difference(self.application, object, owned, self.context.observed);
            !stopped(object) && matches!(difference(), Difference::Missing | Difference::Gone | Difference::Fields(_))
        });
        open.map(|(object, _)| object).chain(seen).filter(heals).cloned().collect()
    }
}
