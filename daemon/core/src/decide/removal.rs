//! What follows for an application that left the configuration.
//!
//! Always: nothing of it is deleted before somebody decides so; what is under way ends by an event of its own.

use taffrail_model::fact::RemovalChoice;
use taffrail_model::{ApplicationName, Fact, ObjectReason};

use super::application::{Next, REASONS};
use super::{Context, Draft};
use crate::effect::EffectKey;
use crate::state::{Application, Leaving, Left, Removal};

/// The next fact about it, or when to ask again.
pub(super) fn next(context: Context<'_>, name: &ApplicationName, application: &Application, left: &Left) -> Next {
    let draft = |fact| Draft::application(name, fact);
    let decided = matches!(left.leaving, Leaving::Orphaned { .. } | Leaving::Deleting(_));
    match &application.sync {
        // It waits for the application to come back.
        Some(sync) if sync.is_revert() && !decided => {}
        Some(sync) => {
            let (verdict, objects) = ("the application left the configuration".to_owned(), Vec::new());
            let fact = match sync.is_revert() {
                true => Fact::RevertFailed { verdict, objects },
                false => Fact::SyncFailed { verdict, objects },
            };
            return draft(fact).because(left.seq).of(sync.id).into();
        }
        None => {}
    }
    // The outcome of a write that was sent may still make an object.
    let writes = context.observed.in_flight.values();
    let in_flight = writes.clone().any(|key| matches!(key, EffectKey::Write(key) if key.application == *name));
    match &left.leaving {
        Leaving::Noticed => {
            let objects = application.inventory.len() as u64;
            draft(Fact::ApplicationRemoved { objects }).because(left.seq).into()
        }
        Leaving::Undecided => Next::Wait(None),
        Leaving::Orphaned { decided } if !in_flight => {
            let fact = Fact::RemovalFinished { choice: RemovalChoice::Orphan, objects: Vec::new() };
            draft(fact).because(*decided).into()
        }
        Leaving::Deleting(removal) if removal.deletes.is_empty() && !in_flight => {
            let fact =
                Fact::RemovalFinished { choice: RemovalChoice::Prune, objects: undeleted(name, application, removal) };
            draft(fact).of(removal.decided).into()
        }
        Leaving::Deleting(removal) => {
            let deadline = removal.clock.deadline(context.now);
            match removal.deletes.first() {
                Some(object) if context.now >= deadline => {
                    let reason = "the time for this removal is over".to_owned();
                    let fact = Fact::ObjectFailed { object: object.clone(), reason, attempts: 0 };
                    draft(fact).of(removal.decided).into()
                }
                Some(_) => Next::Wait(Some(deadline)),
                None => Next::Wait(None), // the outcome of what is in flight comes within its own time-out
            }
        }
        Leaving::Orphaned { .. } => Next::Wait(None),
    }
}

/// What was not deleted, and why.
fn undeleted(name: &ApplicationName, application: &Application, removal: &Removal) -> Vec<ObjectReason> {
    let kept = removal.plan.held_because.iter().map(|(object, because)| ObjectReason {
        object: object.clone(),
        reason: match because {
            taffrail_model::PruneHold::HoldsData => format!(
                "{}: `taffrail acknowledge {name} {object}` and another `taffrail remove {name} --prune` delete it",
                because.words(object)
            ),
            because => because.words(object),
        },
    });
    // A late outcome may have been better than none.
    let failed = removal.failed.iter().filter(|(object, _)| application.inventory.contains_key(*object));
    let failed = failed.map(|(object, reason)| ObjectReason {
        object: object.clone(),
        reason: format!("it could not be deleted: {reason}"),
    });
    kept.chain(failed).take(REASONS).collect()
}
