//! Drift: how a live object differs from what we wrote.
//!
//! Always: told by who owns which fields, never by values, so that it holds for Secrets too. Whoever changes a value of
//! ours takes the field out of what we own. Nothing is said of an object whose watch is behind our last write of it.

use std::collections::BTreeSet;

use taffrail_model::configuration::{self, DriftPolicy};
use taffrail_model::fields::FIELD_MANAGER;
use taffrail_model::{
    DesiredObject, FieldPath, FieldSet, ForeignField, LiveObject, ManagedFields, ObjectKey, Operation, Seq,
};

use crate::decide::input::LISTED;
use crate::jobs::{has_run, is_job};
use crate::observed::{Observed, has_seen, watch_of};
use crate::scaling;
use crate::state::{Application, Drift, DriftPhase, Owned};

/// What autoscalers set.
const REPLICAS: &str = ".spec.replicas";

/// How an object differs from what we wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// What is seen is too old to tell.
    Unknown,
    /// Not at all.
    None,
    /// Somebody deleted it, and it is not gone yet.
    Going,
    /// Its watch does not see it: it is gone, or lost our label. It is looked at to know.
    Missing,
    /// It is gone; another may have its name.
    Gone,
    /// Fields of ours were changed or removed.
    Fields(Vec<ForeignField>),
}

/// How an object that is live in an application differs from what we wrote.
pub fn difference(application: &Application, object: &ObjectKey, owned: &Owned, observed: &Observed) -> Difference {
    if observed.live.stale([&watch_of(object, owned)]).is_some() {
        return Difference::Unknown;
    }
    let Some(uid) = &owned.uid else { return Difference::Gone };
    let seen = match observed.live.ours(object, owned) {
        Some(live) => live,
        None => match observed.looked.get(object).filter(|(of, _)| of == uid) {
            None => return Difference::Missing,
            Some((_, None)) => return Difference::Gone,
            Some((_, Some(found))) => found,
        },
    };
    if !has_seen(&seen.resource_version, &owned.resource_version) {
        return Difference::Unknown;
    }
    if seen.uid != *uid {
        return Difference::Gone;
    }
    if seen.body.pointer("/metadata/deletionTimestamp").is_some() {
        return Difference::Going;
    }
    let Some(fields) = &owned.fields else { return Difference::None };
    let mut lost = lost(fields, seen);
    if lost.iter().any(|lost| lost.field.0 == REPLICAS) {
        if scaling::watch(&owned.cluster, object).is_some_and(|watch| !observed.live.is_listed(&watch)) {
            return Difference::Unknown;
        }
        // Whoever scales it does so in an autoscaler's place, which we leave the field to with the next sync.
        if scaling::autoscaled(application, &observed.live, object) {
            lost.retain(|lost| lost.field.0 != REPLICAS);
        }
    }
    if lost.is_empty() { Difference::None } else { Difference::Fields(lost) }
}

/// The fields that were ours and are not any more, and whose they are now.
fn lost(recorded: &FieldSet, live: &LiveObject) -> Vec<ForeignField> {
    let is_ours = |entry: &ManagedFields| {
        entry.manager == FIELD_MANAGER && entry.operation == Operation::Apply && entry.subresource.is_none()
    };
    let ours = live.managers.iter().find(|entry| is_ours(entry)).map(|entry| &entry.fields);
    if ours == Some(recorded) {
        return Vec::new();
    }
    let ours = ours.map(FieldSet::paths).unwrap_or_default();
    let lost: Vec<FieldPath> = recorded.paths().into_iter().filter(|path| !ours.contains(path)).collect();
    if lost.is_empty() {
        return Vec::new();
    }
    let others: Vec<(&str, BTreeSet<FieldPath>)> = live
        .managers
        .iter()
        .filter(|entry| !is_ours(entry))
        .map(|entry| (entry.manager.as_str(), entry.fields.paths()))
        .collect();
    let manager_of = |field: &FieldPath| others.iter().find(|(_, fields)| fields.contains(field));
    lost.into_iter()
        .map(|field| ForeignField { manager: manager_of(&field).map(|(manager, _)| (*manager).to_owned()), field })
        .collect()
}

/// What an application last brought to the cluster as a whole of this object, if that is the object's manifest still.
pub fn written<'a>(application: &'a Application, object: &ObjectKey) -> Option<(&'a DesiredObject, &'a Owned)> {
    let desired = application.live.as_ref()?.set.objects.get(object)?;
    let owned = application.inventory.get(object)?;
    let as_written = owned.manifest == Some(desired.manifest) || owned.uid.is_none();
    as_written.then_some((desired, owned))
}

/// Whether what differs of an object is mended now. A Job has run by having been made, and is left as it is.
pub fn mends(application: &Application, configured: &configuration::Application, object: &ObjectKey) -> bool {
    configured.sync.drift == DriftPolicy::Heal && application.suspended.is_none() && !is_job(object)
}

/// Whether an object that is gone is missed. A Job that ran is not: whatever took it away, it has done its work.
pub fn is_missed(application: &Application, object: &ObjectKey, desired: &DesiredObject) -> bool {
    !has_run(application, object, desired.manifest)
}

/// What is known of an object that was seen to change, since it was last found to be as the state says.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// How it differs.
    pub difference: Difference,
    /// What that was found from: comparing again would find the same.
    compared: Option<Compared>,
}

/// The live version, and the event of our last write.
type Compared = (String, Option<Seq>);

impl Suspect {
    /// Not compared yet.
    pub fn new() -> Self {
        Self { difference: Difference::Unknown, compared: None }
    }

    /// Compares it, if that may find something else than before.
    pub fn compare(&mut self, application: &Application, object: &ObjectKey, owned: &Owned, observed: &Observed) {
        let stale = observed.live.stale([&watch_of(object, owned)]).is_some();
        let version = observed.live.ours(object, owned).map(|live| live.resource_version.clone());
        let compared = version.filter(|_| !stale).map(|version| (version, owned.written));
        if compared.is_none() || compared != self.compared {
            self.difference = difference(application, object, owned, observed);
            self.compared = compared.filter(|_| self.difference != Difference::Unknown);
        }
    }
}

impl Default for Suspect {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether nothing follows from how an object differs, beyond what the state says already.
pub fn is_known(difference: &Difference, owned: &Owned, drift: Option<&Drift>) -> bool {
    let phase = drift.map_or(&DriftPhase::Over, |drift| &drift.phase);
    match (difference, phase) {
        (Difference::None, DriftPhase::Over) => true,
        // What is to be written is compared again once that was seen.
        (Difference::None | Difference::Fields(_), DriftPhase::Healing { .. }) => true,
        (Difference::Gone, DriftPhase::Healing { .. }) => owned.uid.is_none(),
        (Difference::Fields(fields), DriftPhase::Recorded { fields: known }) => same_fields(fields, known),
        (Difference::Gone, DriftPhase::Recorded { fields }) => owned.uid.is_none() && fields.is_empty(),
        (Difference::Gone, DriftPhase::Stopped { .. }) => owned.uid.is_none(),
        (Difference::Fields(_), DriftPhase::Stopped { .. }) => true,
        _ => false,
    }
}

/// Whether these are the same fields, as far as an event lists them; whose they are may have changed.
pub fn same_fields(found: &[ForeignField], known: &[ForeignField]) -> bool {
    let found = found.iter().take(LISTED).map(|foreign| &foreign.field);
    found.eq(known.iter().map(|foreign| &foreign.field))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use taffrail_model::Uid;

    use super::*;

    fn entry(manager: &str, subresource: Option<&str>, fields: Value) -> ManagedFields {
        let operation = if manager == FIELD_MANAGER { Operation::Apply } else { Operation::Update };
        let (manager, subresource) = (manager.to_owned(), subresource.map(str::to_owned));
        ManagedFields { manager, operation, subresource, fields: FieldSet::new(fields).unwrap() }
    }

    /// What is lost of two fields that were ours, when they are managed like this now.
    fn found(managers: Vec<ManagedFields>) -> Vec<String> {
        let recorded = FieldSet::new(json!({ "f:spec": { "f:paused": {}, "f:replicas": {} } })).unwrap();
        let live = LiveObject {
            key: "apps/Deployment:shop/api".parse().unwrap(),
            api_version: "apps/v1".into(),
            uid: Uid("1".to_owned()),
            resource_version: "1".to_owned(),
            body: Arc::new(json!({})),
            managers: managers.into(),
        };
        lost(&recorded, &live).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_others_own_besides_is_no_drift() {
        let ours = entry(FIELD_MANAGER, None, json!({ "f:spec": { "f:paused": {}, "f:replicas": {} } }));
        let theirs = entry("kubectl-edit", None, json!({ "f:spec": { "f:paused": {}, "f:template": {} } }));
        assert!(found(vec![ours.clone()]).is_empty());
        assert!(found(vec![theirs, ours]).is_empty());
    }

    #[test]
    fn a_field_that_moved_is_lost_to_whoever_owns_it_now() {
        let ours = entry(FIELD_MANAGER, None, json!({ "f:spec": { "f:paused": {} } }));
        let scaled = entry("kubectl", Some("scale"), json!({ "f:spec": { "f:replicas": {} } }));
        assert_eq!(found(vec![ours, scaled]), [".spec.replicas (kubectl)"]);
    }

    #[test]
    fn a_field_that_nobody_owns_was_removed() {
        let ours = entry(FIELD_MANAGER, None, json!({ "f:spec": { "f:paused": {} } }));
        assert_eq!(found(vec![ours]), [".spec.replicas (removed)"]);
        assert_eq!(found(Vec::new()), [".spec.paused (removed)", ".spec.replicas (removed)"]);
    }

    #[test]
    fn an_update_under_our_name_is_none_of_our_applies() {
        let mut entry = entry(FIELD_MANAGER, None, json!({ "f:spec": { "f:paused": {}, "f:replicas": {} } }));
        entry.operation = Operation::Update;
        assert_eq!(found(vec![entry]), [".spec.paused (taffrail)", ".spec.replicas (taffrail)"]);
    }
}
