//! What an event says, in a few words.

use taffrail_model::fact::{ChangeCounts, PlanCounts, RefusalReason, RemovalChoice, SyncScope};
use taffrail_model::{Commit, Fact, ForeignField, ObjectKey, ObjectReason, Refusal, Relation, duration};

/// A few words; empty when the kind says it all.
pub(super) fn summary(fact: &Fact) -> String {
    match fact {
        Fact::JournalCreated { installation, .. } => format!("installation {installation}"),
        Fact::JournalRestored { from_epoch, at_seq, .. } => {
            format!("from an export up to event {at_seq} of epoch {}", from_epoch.0)
        }
        Fact::DaemonStarted { version } => format!("version {version}"),
        Fact::TimeLost { milliseconds, reason } => format!("{}: {reason}", time(*milliseconds)),
        Fact::ConfigurationChanged { digest } => digest.short(),
        Fact::ConfigurationRefused { errors } => first(errors),
        Fact::ClusterUnreachable { cluster, error } if !cluster.is_default() => format!("{cluster}: {error}"),
        Fact::ClusterUnreachable { error, .. } | Fact::RepositoryUnreachable { error } => error.clone(),
        Fact::ClusterReachable { cluster } if !cluster.is_default() => cluster.to_string(),
        Fact::ClusterReachable { .. } | Fact::SyncResumed {} => String::new(),
        Fact::RevisionObserved { revision, tag, relation, commits, count, .. } => {
            let tag = tag.as_ref().map_or_else(String::new, |tag| format!("{tag} is "));
            format!("{tag}{}{}", revision.short(), news(*relation, commits, *count))
        }
        Fact::RevisionRefused(Refusal { revision, tag, commit, reason }) => {
            let tag = tag.as_ref().map_or_else(String::new, |tag| format!("{tag} is "));
            format!("{tag}{}: the commit {} by {}: {reason}", revision.short(), commit.id.short(), commit.author)
        }
        Fact::RepositoryReachable { failures } => format!("after {failures} failed polls"),
        Fact::DesiredStateChanged { revision, objects, counts, .. } => {
            let ChangeCounts { added, changed, removed } = counts;
            format!("{}: {objects} objects, {added} added, {changed} changed, {removed} removed", revision.short())
        }
        Fact::RenderFailed { revision, errors } => format!("{}: {}", revision.short(), first(errors)),
        Fact::DesiredStateRefused { revision, reason: RefusalReason::Empty } => {
            format!("{}: it has no objects", revision.short())
        }
        Fact::DesiredStateQuarantined { desired, .. } => format!("{} is not applied again", desired.short()),
        Fact::SyncStarted { revision, counts, scope, .. } => {
            format!("to {}{}: {}", revision.short(), part(*scope), plan(*counts))
        }
        Fact::SyncPaused { reason } => reason.clone(),
        Fact::ObjectApplied { object, created, attempts, .. } => {
            let done = if *created { "created" } else { "changed" };
            let attempts = if *attempts > 1 { format!(" after {attempts} attempts") } else { String::new() };
            format!("{object} {done}{attempts}")
        }
        Fact::ObjectFailed { object, reason, .. }
        | Fact::ObjectKeptForward { object, reason }
        | Fact::ObjectDegraded { object, reason } => format!("{object}: {reason}"),
        Fact::ObjectGone { object, .. } | Fact::ObjectPruned { object, .. } => object.to_string(),
        Fact::GateOpened { timeout, settle, objects, ignored } => {
            let ignored = if ignored.is_empty() { String::new() } else { format!(", {} ignored", ignored.len()) };
            format!("{objects} objects, {} to be healthy and {} to stay so{ignored}", time(*timeout), time(*settle))
        }
        Fact::GatePassed { desired } => desired.short(),
        Fact::GateFailed { verdict, objects, .. }
        | Fact::SyncFailed { verdict, objects }
        | Fact::RevertFailed { verdict, objects } => format!("{verdict}{}", reasons(objects)),
        Fact::SyncSucceeded { desired, held, scope } => {
            format!("{}{}{}", desired.short(), part(*scope), kept(held))
        }
        Fact::Reverted { desired, held } => format!("{}{}", desired.short(), kept(held)),
        Fact::SyncSuperseded { by } => format!("by {}", by.short()),
        Fact::SyncHeld { revision, reason, .. } => format!("{}: {}", revision.short(), reason),
        Fact::RevertStarted { revision, counts, passed, .. } => {
            format!("to {}, which passed in event {passed}: {}", revision.short(), plan(*counts))
        }
        Fact::ObjectAdopted { object, from, .. } => match from.as_slice() {
            [] => format!("{object}: it bears our mark"),
            from => format!("{object} from {}", from.join(", ")),
        },
        Fact::ObjectConflicted { object, conflicts, .. } => format!("{object}: {}", foreign(conflicts)),
        Fact::ObjectReplaceStarted { object, reason, .. } => format!("{object}: {reason}"),
        Fact::DriftDetected { object, fields, heal } => {
            let what = if fields.is_empty() { "it is gone".to_owned() } else { foreign(fields) };
            format!("{object}: {what}{}", if *heal { "" } else { "; it is not mended, by configuration" })
        }
        Fact::DriftHealed { object, fields } if fields.is_empty() => format!("{object}: it is there again"),
        Fact::DriftHealed { object, fields } => format!("{object}: {}", foreign(fields)),
        Fact::DriftEnded { object } => object.to_string(),
        Fact::HealStopped { object, fields, heals } => {
            let what = if fields.is_empty() { "it is gone".to_owned() } else { foreign(fields) };
            format!("{object}: nothing more is tried after {heals} times within an hour: {what}")
        }
        Fact::PruneHeld { objects, count } => format!("{count} objects{}", reasons(objects)),
        Fact::PruneAcknowledged { objects, reason } => format!("{} objects: {reason}", objects.len()),
        Fact::ApplicationRemoved { objects } => format!("it has {objects} objects, which stay until somebody decides"),
        Fact::RemovalDecided { choice, reason, .. } => format!("{}: {reason}", removal(*choice)),
        Fact::RemovalFinished { choice, objects } => format!("{}{}", removal(*choice), reasons(objects)),
        Fact::ClaimStarted { over } => over.as_ref().map(|over| format!("over {over}")).unwrap_or_default(),
        Fact::ClaimHeld { .. } => String::new(),
        Fact::ClaimRefused { holder } => format!("it is of {holder}"),
        Fact::ClaimLost { holder } => match holder {
            Some(holder) => format!("it is of {holder} now"),
            None => "it was deleted".to_owned(),
        },
        Fact::AdoptionFinished { objects } => format!("{objects} objects were found that were not known"),
        Fact::AdoptionApproved { reason } | Fact::RefreshRequested { reason } | Fact::ApplicationResumed { reason } => {
            reason.clone()
        }
        Fact::SyncRequested { only, reason } => match only.len() {
            0 => reason.clone(),
            some => format!("{some} objects: {reason}"),
        },
        Fact::ApplicationSuspended { until, reason } => match until {
            Some(until) => format!("until {until}: {reason}"),
            None => reason.clone(),
        },
        Fact::DesiredStateReleased { desired, reason } => format!("{}: {reason}", desired.short()),
        Fact::RevertRequested { named, revision, reason, .. } => {
            format!("to {}, as of event {named}: {reason}", revision.short())
        }
        Fact::GateWatchEnded { desired } => desired.short(),
    }
}

fn foreign(fields: &[ForeignField]) -> String {
    first(&fields.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn part(scope: SyncScope) -> &'static str {
    match scope {
        SyncScope::Whole => "",
        SyncScope::Objects => ", some objects only",
        SyncScope::Prunes => ", only what was acknowledged to be deleted",
    }
}

fn removal(choice: RemovalChoice) -> &'static str {
    match choice {
        RemovalChoice::Prune => "its objects are deleted",
        RemovalChoice::Orphan => "its objects stay, and are nobody's",
    }
}

fn news(relation: Relation, commits: &[Commit], count: u64) -> String {
    let forced = match relation {
        Relation::First | Relation::Descendant => "",
        Relation::Forced => " (force push)",
        Relation::TagMoved => " (the tag was moved)",
        Relation::TagDeleted => " (the tag before was deleted)",
        Relation::OtherTag => " (not a descendant of the tag before)",
    };
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    match commits.first() {
        Some(newest) => format!("{forced} {:?} by {}{more}", newest.subject, newest.author),
        None => forced.to_owned(),
    }
}

fn plan(counts: PlanCounts) -> String {
    format!("create {}, change {}, prune {}", counts.create, counts.change, counts.prune)
}

fn first(errors: &[String]) -> String {
    match errors {
        [] => String::new(),
        [only] => only.clone(),
        [first, rest @ ..] => format!("{first} (and {} more)", rest.len()),
    }
}

fn reasons(objects: &[ObjectReason]) -> String {
    let each: Vec<String> = objects.iter().map(|of| format!("{}: {}", of.object, of.reason)).collect();
    if each.is_empty() { String::new() } else { format!("; {}", first(&each)) }
}

fn kept(held: &[ObjectKey]) -> String {
    if held.is_empty() { String::new() } else { format!(", {} objects kept that are no longer asked for", held.len()) }
}

fn time(milliseconds: u64) -> String {
    duration::format(std::time::Duration::from_millis(milliseconds))
}
