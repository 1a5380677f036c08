//! Orders of people: what each is recorded as, or why it does not fit what is.
//!
//! Always: an order only says what is wanted. What follows from it is for [`super::next`] to say, from the state.

use std::collections::BTreeSet;
use std::sync::Arc;

use taffrail_model::fact::RemovalChoice;
use taffrail_model::{
    Action, ApplicationName, DesiredSet, Digest, Fact, ObjectKey, ObjectSelector, Order, OrderRefused, Plan,
    RecordedState, Seq, Timestamp,
};

use super::{Context, Draft};
use crate::fold::Document;
use crate::plan;
use crate::state::{Application, DriftPhase, HeldPrune, Leaving, Removal, State, Target};

type Answer = Result<Draft, OrderRefused>;

/// The facts that record an order.
pub fn ordered(
    state: &State,
    context: Context<'_>,
    order: &Order,
    named: Option<&Arc<DesiredSet>>,
) -> Result<Vec<Draft>, OrderRefused> {
    let name = &order.application;
    let nothing = Application::default();
    let (application, configured) = match (state.applications.get(name), state.configured(name)) {
        (None, None) => return refuse(format!("there is no application {name}")),
        (application, configured) => (application.map_or(&nothing, |application| application), configured),
    };
    let ordering = Ordering { name, application, order };
    let draft = match (&order.action, configured) {
        (
            Action::Refresh
            | Action::Sync { .. }
            | Action::Suspend { .. }
            | Action::Resume
            | Action::Release
            | Action::Revert { .. },
            None,
        ) => refuse(format!("the application {name} is not in the configuration any more")),
        (Action::Refresh, Some(_)) => Ok(ordering.draft(Fact::RefreshRequested { reason: ordering.reason() })),
        (Action::Sync { only }, Some(configured)) => ordering.sync(only, configured.gate.digest()),
        (Action::Suspend { until }, Some(_)) => ordering.suspend(*until, context.now),
        (Action::Resume, Some(_)) => ordering.resume(),
        (Action::Release, Some(configured)) => ordering.release(configured.gate.digest()),
        (Action::Acknowledge { objects }, _) => ordering.acknowledge(objects),
        (Action::Revert { to }, Some(configured)) => ordering.revert(to.as_ref(), named, configured.gate.digest()),
        (Action::Adopt, _) => ordering.adopt(),
        (Action::Remove(choice), _) => ordering.remove(*choice),
    };
    draft.map(|draft| vec![draft.by(order.actor.clone())])
}

fn refuse<T>(words: String) -> Result<T, OrderRefused> {
    Err(OrderRefused(words))
}

struct Ordering<'a> {
    name: &'a ApplicationName,
    application: &'a Application,
    order: &'a Order,
}

impl Ordering<'_> {
    fn draft(&self, fact: Fact) -> Draft {
        Draft::application(self.name, fact)
    }

    fn reason(&self) -> String {
        self.order.reason.trim().to_owned()
    }

    fn sync(&self, only: &[ObjectSelector], gate: Digest) -> Answer {
        let name = self.name;
        self.starts_something()?;
        let Some(desired) = &self.application.desired else {
            return refuse(format!("nothing is desired of {name} yet: no revision of it was rendered"));
        };
        if let Some(seq) = self.quarantined(gate) {
            return refuse(format!(
                "what Git asks for is quarantined (event {seq}), since it failed or somebody went back from it: commit \
                 something else, or lift that with `taffrail release {name}`"
            ));
        }
        if self.application.sync.as_ref().is_some_and(crate::state::Sync::is_revert) {
            return refuse(format!("a revert of {name} is under way: ask again when it has ended"));
        }
        let objects: Vec<&ObjectKey> = desired.set.objects.keys().collect();
        let mut chosen = BTreeSet::new();
        for selector in only {
            let matching: Vec<&ObjectKey> = objects.iter().copied().filter(|object| selector.matches(object)).collect();
            if matching.is_empty() {
                let (kind, wanted) = (&selector.kind, &selector.name);
                let hint =
                    nearest(selector, &objects).map(|near| format!(": did you mean {}/{}?", near.kind, near.name));
                return refuse(format!("{name} has no object {kind}/{wanted}{}", hint.unwrap_or_default()));
            }
            chosen.extend(matching.into_iter().cloned());
        }
        Ok(self.draft(Fact::SyncRequested { only: chosen.into_iter().collect(), reason: self.reason() }))
    }

    fn suspend(&self, until: Option<Timestamp>, now: Timestamp) -> Answer {
        match until {
            Some(until) if until <= now => refuse(format!("{until} is over already")),
            until => Ok(self.draft(Fact::ApplicationSuspended { until, reason: self.reason() })),
        }
    }

    fn resume(&self) -> Answer {
        match &self.application.suspended {
            None => refuse(format!("{} is not suspended", self.name)),
            Some(suspension) => {
                let fact = Fact::ApplicationResumed { reason: self.reason() };
                Ok(self.draft(fact).because(suspension.seq))
            }
        }
    }

    fn release(&self, gate: Digest) -> Answer {
        let Some(desired) = &self.application.desired else {
            return refuse(format!("nothing is desired of {} yet: no revision of it was rendered", self.name));
        };
        let held = self.application.hold.as_ref().filter(|hold| hold.desired == desired.digest).map(|hold| hold.seq);
        let stopped = self.application.drifts.values().find_map(|drift| match drift.phase {
            DriftPhase::Stopped { seq, .. } => Some(seq),
            _ => None,
        });
        match self.quarantined(gate).or(held).or(stopped) {
            None => {
                let name = self.name;
                refuse(format!("nothing holds what Git asks for of {name}, and no heal of its objects was stopped"))
            }
            Some(seq) => {
                let fact = Fact::DesiredStateReleased { desired: desired.digest, reason: self.reason() };
                Ok(self.draft(fact).because(seq))
            }
        }
    }

    fn acknowledge(&self, objects: &[ObjectKey]) -> Answer {
        let reason = self.demanded()?;
        let (name, held) = (self.name, &self.application.held);
        let removed = self.application.left.is_some();
        for object in objects {
            match held.get(object) {
                // It is named before `taffrail remove --prune`, which deletes it then as well.
                None if removed && self.application.inventory.contains_key(object) => {}
                None => return refuse(format!("{object} is not held: `taffrail status {name}` lists what is")),
                Some(HeldPrune { acknowledged: Some(seq), .. }) => {
                    return refuse(format!("that {object} is deleted was acknowledged already (event {seq})"));
                }
                Some(_) => {}
            }
        }
        let all = held.iter().filter(|(_, held)| held.acknowledged.is_none()).map(|(object, _)| object);
        let objects: BTreeSet<&ObjectKey> = if objects.is_empty() { all.collect() } else { objects.iter().collect() };
        if objects.is_empty() {
            return refuse(format!("nothing of {name} waits to be acknowledged"));
        }
        let objects = objects.into_iter().cloned().collect();
        Ok(self.draft(Fact::PruneAcknowledged { objects, reason }))
    }

    fn revert(&self, to: Option<&RecordedState>, named: Option<&Arc<DesiredSet>>, gate: Digest) -> Answer {
        let reason = self.demanded()?;
        self.starts_something()?;
        let (name, application) = (self.name, self.application);
        if application.sync.as_ref().is_some_and(crate::state::Sync::is_revert) {
            return refuse(format!("a revert of {name} is under way: ask again when it has ended"));
        }
        let live = application.live.as_ref().map(|live| live.digest);
        let known = [&application.desired, &application.live].into_iter().flatten().chain(&application.passed);
        let (state, set) = match to {
            Some(to) => {
                let known = known.into_iter().find(|known| known.digest == to.desired).map(|known| &known.set);
                match known.or(named) {
                    Some(set) => (to.clone(), set),
                    None => return refuse(format!("the objects of event {} are not kept any more", to.seq)),
                }
            }
            None => {
                let left = live.or(application.desired.as_ref().map(|desired| desired.digest));
                let earlier = application.passed.iter().rev().find(|passed| {
                    Some(passed.digest) != left
                        && application.quarantined.get(&passed.digest).is_none_or(|(judged_by, _)| *judged_by != gate)
                });
                match earlier {
                    Some(Target { digest, set, revision, seq, .. }) => {
                        (RecordedState { seq: *seq, desired: *digest, revision: revision.clone() }, set)
                    }
                    None => {
                        return refuse(format!("no earlier state of {name} passed its gate: name one with --to EVENT"));
                    }
                }
            }
        };
        if live == Some(state.desired) {
            return refuse(format!("the state of event {} is live already", state.seq));
        }
        let RecordedState { seq: named, desired: to, revision } = state;
        let fact = Fact::RevertRequested { to, named, revision, reason };
        Ok(self.draft(fact).with(Document::Set(set.clone())))
    }

    fn remove(&self, choice: RemovalChoice) -> Answer {
        let reason = self.demanded()?;
        let (name, application) = (self.name, self.application);
        let plan = match (application.left.as_ref().map(|left| &left.leaving), choice) {
            (None, _) => {
                return refuse(format!("{name} is in the configuration: take it out of that first"));
            }
            (Some(Leaving::Orphaned { decided } | Leaving::Deleting(Removal { decided, .. })), _) => {
                return refuse(format!("what becomes of the objects of {name} is decided already (event {decided})"));
            }
            (Some(Leaving::Noticed | Leaving::Undecided), RemovalChoice::Orphan) => None,
            (Some(Leaving::Noticed | Leaving::Undecided), RemovalChoice::Prune) => {
                if let Some(pause) = &application.paused {
                    return refuse(pause.reason(name));
                }
                Some(plan::removal(&application.inventory, &application.held))
            }
        };
        let digest = plan.as_ref().map(Plan::digest);
        let draft = self.draft(Fact::RemovalDecided { choice, plan: digest, reason });
        Ok(match plan {
            Some(plan) => draft.with(Document::Plan(plan.into())),
            None => draft,
        })
    }

    fn adopt(&self) -> Answer {
        let reason = self.demanded()?;
        match &self.application.paused {
            None => refuse(format!("{} is not paused: there is nothing to adopt", self.name)),
            Some(pause) => Ok(self.draft(Fact::AdoptionApproved { reason }).because(pause.seq())),
        }
    }

    /// The reason, of an order that demands one.
    fn demanded(&self) -> Result<String, OrderRefused> {
        match self.reason() {
            reason if reason.is_empty() => refuse("this order demands a reason: --reason TEXT".to_owned()),
            reason => Ok(reason),
        }
    }

    /// Why nothing can be started now.
    fn starts_something(&self) -> Result<(), OrderRefused> {
        if let Some(pause) = &self.application.paused {
            return refuse(pause.reason(self.name));
        }
        match &self.application.suspended {
            Some(suspension) => refuse(format!(
                "{} is suspended by {} (event {}): end that first with `taffrail resume {}`",
                self.name, suspension.by, suspension.seq, self.name
            )),
            None => Ok(()),
        }
    }

    /// The event that quarantined what is desired.
    fn quarantined(&self, gate: Digest) -> Option<Seq> {
        let desired = self.application.desired.as_ref()?;
        let (judged_by, seq) = self.application.quarantined.get(&desired.digest)?;
        (*judged_by == gate).then_some(*seq)
    }
}

/// The object whose kind and name differ the least from those asked for.
fn nearest<'a>(selector: &ObjectSelector, objects: &[&'a ObjectKey]) -> Option<&'a ObjectKey> {
    let wanted = format!("{}/{}", selector.kind, selector.name).to_lowercase();
    // Longer words are cut: the cost grows with the square of the length.
    let wanted: Vec<char> = wanted.chars().take(100).collect();
    objects
        .iter()
        .copied()
        .min_by_key(|object| distance(&wanted, &format!("{}/{}", object.kind, object.name).to_lowercase()))
}

/// Levenshtein's distance, by rows.
fn distance(a: &[char], b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_object_is_named() {
        let objects: Vec<ObjectKey> = ["apps/Deployment:shop/api", "apps/Deployment:shop/web", "Service:shop/api"]
            .map(|object| object.parse().unwrap())
            .into();
        let all: Vec<&ObjectKey> = objects.iter().collect();
        let near = |kind: &str, name: &str| {
            nearest(&ObjectSelector { kind: kind.to_owned(), name: name.to_owned() }, &all).map(ToString::to_string)
        };
        assert_eq!(near("deploymnet", "api").unwrap(), "apps/Deployment:shop/api");
        assert_eq!(near("service", "apy").unwrap(), "Service:shop/api");
        assert_eq!(nearest(&ObjectSelector { kind: "X".to_owned(), name: "y".to_owned() }, &[]), None);
    }
}
