//! What drift asks for: looks at what the watches do not see, and writes that mend.

use taffrail_model::configuration;
use taffrail_model::{ApplicationName, Replicas};

use super::{WRITES_AT_ONCE, knows_autoscalers, take};
use crate::decide::Context;
use crate::drift::{Difference, mends, written};
use crate::effect::{Effect, EffectKey, WriteKey};
use crate::observed::watch_of;
use crate::scaling;
use crate::state::{Application, DriftPhase};

/// Looks at objects that their watch does not see any more.
pub(super) fn looks(
    application: &Application,
    context: Context<'_>,
    name: &ApplicationName,
) -> Vec<(EffectKey, Effect)> {
    let suspects = context.observed.suspects.get(name).into_iter().flatten();
    suspects
        .filter(|(_, suspect)| suspect.difference == Difference::Missing)
        .filter_map(|(object, _)| {
            let owned = application.inventory.get(object)?;
            let key = EffectKey::Look(name.clone(), object.clone(), owned.uid.clone()?);
            Some((key, Effect::Look { object: object.clone(), api_version: owned.api_version.clone() }))
        })
        .take(WRITES_AT_ONCE)
        .collect()
}

/// Writes to objects that are to be as we wrote them again.
pub(super) fn heals(
    configured: &configuration::Application,
    application: &Application,
    context: Context<'_>,
    name: &ApplicationName,
) -> Vec<(EffectKey, Effect)> {
    let due = application
        .drifts
        .iter()
        .filter(|(object, drift)| drift.due(context.now) <= context.now && mends(application, configured, object));
    due.filter_map(|(object, drift)| {
        let DriftPhase::Healing { seq, .. } = drift.phase else { return None };
        let (desired, owned) = written(application, object)?;
        let live = &context.observed.live;
        if live.stale([&watch_of(object, owned)]).is_some() || !knows_autoscalers(application, desired, context, object)
        {
            return None;
        }
        let scaled = scaling::autoscaled(application, live, object);
        let replicas = if scaled { Replicas::Autoscaled } else { Replicas::AsRendered };
        let key = WriteKey {
            application: name.clone(),
            sync: seq,
            attempt: u32::try_from(drift.tries.len()).unwrap_or(u32::MAX),
            delete: false,
            object: object.clone(),
        };
        let effect = Effect::Apply {
            manifest: desired.manifest,
            uid: owned.uid.clone(),
            predecessors: application.predecessors.iter().cloned().collect(),
            foreign: configured.sync.foreign,
            take: take(configured, owned, replicas),
            replicas,
            identity: configured.service_account.clone(),
        };
        Some((EffectKey::Write(key), effect))
    })
    .take(WRITES_AT_ONCE)
    .collect()
}
