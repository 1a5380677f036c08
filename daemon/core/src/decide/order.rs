//! Orders of people: what each is recorded as, or why it does not fit what is.
//!
//! Always: an order only says what is wanted. What follows from it is for [`super::next`] to say, from the state.

use std::collections::BTreeSet;

use taffrail_model::{Action, ApplicationName, Fact, ObjectKey, ObjectSelector, Order, OrderRefused, Seq, Timestamp};

use super::{Context, Draft};
use crate::state::{Application, DriftPhase, State};

type Answer = Result<Draft, OrderRefused>;

/// The facts that record an order.
pub fn ordered(state: &State, context: Context<'_>, order: &Order) -> Result<Vec<Draft>, OrderRefused> {
    let name = &order.application;
    let nothing = Application::default();
    let (application, configured) = match (state.applications.get(name), state.configured(name)) {
        (None, None) => return refuse(format!("there is no application {name}")),
        (application, configured) => (application.map_or(&nothing, |application| application), configured),
    };
    let ordering = Ordering { name, application, order };
    let draft = match (&order.action, configured) {
        (Action::Refresh | Action::Sync { .. } | Action::Suspend { .. } | Action::Resume | Action::Release, None) => {
            refuse(format!("the application {name} is not in the configuration any more"))
        }
        (Action::Refresh, Some(_)) => Ok(ordering.draft(Fact::RefreshRequested { reason: ordering.reason() })),
        (Action::Sync { only }, Some(configured)) => ordering.sync(only, configured.gate.digest()),
        (Action::Suspend { until }, Some(_)) => ordering.suspend(*until, context.now),
        (Action::Resume, Some(_)) => ordering.resume(),
        (Action::Release, Some(configured)) => ordering.release(configured.gate.digest()),
        (Action::Adopt, _) => ordering.adopt(),
        (Action::Acknowledge { .. } | Action::Remove(_) | Action::Revert { .. }, _) => {
            refuse("this order is not known".to_owned())
        }
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

    fn sync(&self, only: &[ObjectSelector], gate: taffrail_model::Digest) -> Answer {
        let name = self.name;
        self.starts_something()?;
        let Some(desired) = &self.application.desired else {
            return refuse(format!("nothing is desired of {name} yet: no revision of it was rendered"));
        };
        if let Some(seq) = self.quarantined(gate) {
            return refuse(format!(
                "what Git asks for failed its gate and is quarantined (event {seq}): commit something else, or lift that \
                 with `taffrail release {name}`"
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

    fn release(&self, gate: taffrail_model::Digest) -> Answer {
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

    fn adopt(&self) -> Answer {
        match &self.application.paused {
            None => refuse(format!("{} is not paused: there is nothing to adopt", self.name)),
            Some(pause) => Ok(self.draft(Fact::AdoptionApproved { reason: self.reason() }).because(pause.seq())),
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
    fn quarantined(&self, gate: taffrail_model::Digest) -> Option<Seq> {
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
