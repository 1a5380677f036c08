//! Applications as a table, and one with its objects.

use std::io;

use taffrail_model::Timestamp;
use taffrail_ports::status::{Activity, ApplicationStatus, HealthStatus, StateReference, SyncStatus};

use crate::output::{Colour, Output, printable};

pub(super) type Cell = (String, Option<Colour>);

/// One line an application.
pub(crate) fn table(applications: &[ApplicationStatus], output: &mut Output) -> io::Result<()> {
    let rows = applications.iter().map(|application| {
        vec![
            plain(application.name.as_str()),
            sync(application.sync),
            health(application.health),
            plain(&revisions(application)),
            plain(&waits(application)),
        ]
    });
    columns(&["APPLICATION", "SYNC", "HEALTH", "REVISION", "WAITS FOR"], rows.collect(), output)
}

/// An application and its objects.
pub(crate) fn details(application: &ApplicationStatus, output: &mut Output) -> io::Result<()> {
    let mut rows = vec![
        vec![plain("application"), plain(application.name.as_str())],
        vec![plain("source"), plain(&format!("{} {}", application.repository, application.path))],
        vec![plain("sync"), sync(application.sync)],
        vec![plain("health"), health(application.health)],
        vec![plain("observed"), plain(application.observed_revision.as_ref().map_or("-", |revision| revision.short()))],
    ];
    for (name, state) in
        [("desired", &application.desired), ("live", &application.live), ("passed", &application.passed)]
    {
        rows.push(vec![plain(name), plain(&state.as_ref().map_or_else(|| "-".to_owned(), reference))]);
    }
    rows.extend(
        application.refused_revision.iter().map(|why| vec![plain("refused"), (printable(why), Some(Colour::Bad))]),
    );
    if let Some(activity) = &application.activity {
        rows.push(vec![plain("doing"), plain(&format!("{} {}, {}", activity.kind, activity.sync, activity.phase))]);
        rows.extend(activity.waiting_for.iter().map(|wait| vec![plain("waits for"), plain(wait)]));
    }
    rows.extend(application.hold.iter().map(|hold| vec![plain("held"), (printable(hold), Some(Colour::Bad))]));
    rows.extend(application.drift.iter().map(|drift| vec![plain("drift"), (printable(drift), Some(Colour::Changing))]));
    for held in &application.held {
        let said = match held.acknowledged {
            Some(seq) => format!("{}: its deletion was acknowledged in event {seq}", held.object),
            None => format!("{}: {} (event {})", held.object, held.reason, held.since),
        };
        rows.push(vec![plain("kept"), plain(&said)]);
    }
    if application.held.iter().any(|held| held.acknowledged.is_none()) {
        let hint = format!("`taffrail acknowledge {} --reason TEXT` deletes what is kept", application.name);
        rows.push(vec![plain(""), plain(&hint)]);
    }
    rows.extend(application.errors.iter().map(|error| vec![plain("error"), (printable(error), Some(Colour::Bad))]));
    columns(&[], rows, output)?;
    if application.objects.is_empty() {
        return Ok(());
    }
    output.line("")?;
    let rows = application.objects.iter().map(|object| {
        let written = if object.synced { plain("yes") } else { ("no".to_owned(), Some(Colour::Changing)) };
        let reason = plain(object.reason.as_deref().unwrap_or_default());
        vec![plain(&object.object.to_string()), health(object.health), written, reason]
    });
    columns(&["OBJECT", "HEALTH", "SYNCED", "REASON"], rows.collect(), output)
}

pub(super) fn plain(text: &str) -> Cell {
    (printable(text), None)
}

fn sync(status: SyncStatus) -> Cell {
    let colour = match status {
        SyncStatus::Synced => Colour::Good,
        SyncStatus::OutOfSync | SyncStatus::Drifted => Colour::Changing,
        SyncStatus::Unknown => Colour::Faint,
    };
    (format!("{status:?}"), Some(colour))
}

fn health(status: HealthStatus) -> Cell {
    let colour = match status {
        HealthStatus::Healthy => Colour::Good,
        HealthStatus::Progressing => Colour::Changing,
        HealthStatus::Suspended | HealthStatus::Unknown => Colour::Faint,
        HealthStatus::Missing | HealthStatus::Degraded => Colour::Bad,
    };
    (format!("{status:?}"), Some(colour))
}

/// The revision that is live, and the one that is asked for when that is another.
fn revisions(application: &ApplicationStatus) -> String {
    let live = application.live.as_ref().map_or("-", |live| live.revision.short());
    match &application.desired {
        Some(desired) if application.sync == SyncStatus::OutOfSync => format!("{live} -> {}", desired.revision.short()),
        _ => live.to_owned(),
    }
}

/// Why it is not done: what failed, what holds it, or what it is at.
fn waits(application: &ApplicationStatus) -> String {
    if let Some(error) = application.errors.first() {
        return format!("the newest revision does not render: {error}");
    }
    match (&application.activity, &application.hold) {
        (Some(activity), _) => doing(activity),
        (None, Some(hold)) => hold.clone(),
        (None, None) => match (&application.refused_revision, application.drift.as_slice()) {
            (Some(refused), _) => refused.clone(),
            (None, []) => String::new(),
            (None, [only]) => format!("drift of {only}"),
            (None, [first, rest @ ..]) => format!("drift of {first} (and {} more)", rest.len()),
        },
    }
}

fn doing(activity: &Activity) -> String {
    let Activity { kind, phase, waiting_for, .. } = activity;
    match waiting_for.as_slice() {
        [] => format!("{kind}, {phase}"),
        [only] => format!("{kind}, {phase}: {only}"),
        [first, rest @ ..] => format!("{kind}, {phase}: {first} (and {} more)", rest.len()),
    }
}

fn reference(state: &StateReference) -> String {
    let time: Timestamp = state.time;
    format!("{} at {} (event {})", state.revision.short(), time.strftime("%Y-%m-%dT%H:%M:%SZ"), state.seq)
}

/// Columns as wide as their widest cell; without titles when there are none.
pub(super) fn columns(titles: &[&str], mut rows: Vec<Vec<Cell>>, output: &mut Output) -> io::Result<()> {
    if !titles.is_empty() {
        rows.insert(0, titles.iter().map(|title| plain(title)).collect());
    }
    let count = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].0.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    for row in &rows {
        let mut line = String::new();
        for ((text, colour), width) in row.iter().zip(&widths) {
            line.push_str(&output.paint(*colour, text));
            line.push_str(&" ".repeat(width - text.chars().count() + 2));
        }
        output.line(line.trim_end())?;
    }
    Ok(())
}
