//! Scenarios: text files of inputs, and under each the events and effects that follow. `UPDATE=1 cargo test -p
//! taffrail-tests --test scenarios` writes what follows now; a change of it is reviewed like code.
//!
//! A line of a case is a comment (`#`), an input, or (indented) what followed. Inputs:
//!
//! | input | meaning |
//! |---|---|
//! | `configure KEY=VALUE ...` | first line: `settle`, `timeout`, `watch`, `onFailure`, `check`, `mode`, `drift`, `conflicts`, `prune`, `pruneLimit` |
//! | `poll WORD [forced]`, `poll fails REASON` | a poll ends |
//! | `render OBJECT=CONTENT[,OPTION]... ...`, `render fails ERROR` | a render ends |
//! | `write all CONDITION`, `write OBJECT CONDITION` | writes are done and their objects are healthy, progressing or degraded |
//! | `refuse OBJECT REASON`, `immutable OBJECT REASON`, `retry OBJECT REASON`, `stopped OBJECT` | a write goes otherwise |
//! | `conflict OBJECT FIELD MANAGER` | a write conflicts with a field that was never ours |
//! | `written OBJECT` | a write was done, and nobody was told before a crash |
//! | `turn OBJECT CONDITION` | an object is seen to be so |
//! | `autoscale AUTOSCALER OBJECT`, `autoscale AUTOSCALER` | somebody makes an autoscaler of an object, or deletes it |
//! | `take OBJECT`, `take OBJECT slowly` | somebody deletes it; with something that holds it still |
//! | `edit OBJECT FIELD VALUE MANAGER`, `remove OBJECT FIELD` | somebody changes or removes its field `label`, `content` or `fixed` |
//! | `replace OBJECT` | somebody deletes it and makes one of the same name |
//! | `look` | the looks that are asked for end |
//! | `check passes`, `check fails REASON` | the check of the gate was made |
//! | `configure KEY=VALUE ...` | not as first line: `settle`, `timeout`, `onFailure`, `check` (instead of those before), `path`, `branch` are changed |
//! | `leave`, `return` | the application is taken out of the configuration, and put back |
//! | `late poll WORD`, `late render OBJECT=CONTENT ...` | one that was stopped ends all the same |
//! | `order refresh`, `order sync [KIND/NAME ...]`, `order suspend [DURATION]`, `order resume`, `order release`, `order acknowledge [OBJECT ...]`, `order adopt`, `order revert [SEQ]`, `order remove prune`, `order remove orphan` | a person's order |
//! | `claim HOLDER`, `claim deleted` | somebody writes or deletes the claim on the application |
//! | `list`, `lose` | the watches list, the API server is away |
//! | `after DURATION` | time passes |
//! | `lost DURATION` | time passes in which nothing could be decided |
//! | `restore [SEQ]` | the journal is lost and restored from an export up to that event (or the newest), and a new start |
//! | `crash` | kill -9, and a new start |

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of tests for other code")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use taffrail_core::{Effect, EffectKey, Input, Outcome, Polled, WriteKey};
use taffrail_model::configuration::{
    Application, Check, Configuration, ConflictPolicy, DriftPolicy, GatePolicy, OnFailure, SyncMode,
};
use taffrail_model::fact::RemovalChoice;
use taffrail_model::{
    Action, Commit, DesiredSet, Event, Fact, FieldPath, ForeignField, ObjectSelector, RecordedState, Reference,
    Refusal, Relation, Replicas, Seq, duration,
};
use taffrail_tests::stage::{Condition, Stage, commit_id, configuration, set, thing};

#[test]
fn every_scenario_goes_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/cases");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() >= 15, "the scenarios are in {}", folder.display());
    let mut wrong = Vec::new();
    for case in cases {
        let written = std::fs::read_to_string(&case).unwrap();
        let played = play(&written);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&case, &played).unwrap();
        } else if played != written {
            wrong.push(format!("{}:\n{}", case.display(), difference(&written, &played)));
        }
    }
    assert!(wrong.is_empty(), "what follows differs (UPDATE=1 takes it over):\n{}", wrong.join("\n"));
}

fn difference(old: &str, new: &str) -> String {
    let line = old.lines().zip(new.lines()).position(|(old, new)| old != new);
    let line = line.unwrap_or_else(|| old.lines().count().min(new.lines().count()));
    format!("line {}:\n-{}\n+{}", line + 1, old.lines().nth(line).unwrap_or(""), new.lines().nth(line).unwrap_or(""))
}

fn play(text: &str) -> String {
    let mut out = String::new();
    let mut stage: Option<Stage> = None;
    let mut left: Option<Application> = None;
    for line in text.lines().filter(|line| !line.starts_with("  ")) {
        writeln!(out, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let before = stage.as_ref().map(shown_effects).unwrap_or_default();
        let known = stage.as_ref().map(|stage| stage.events.clone()).unwrap_or_default();
        match (&mut stage, line.strip_prefix("configure")) {
            (None, Some(settings)) => stage = Some(Stage::new(configured(settings))),
            (None, None) => panic!("the first input is `configure`: {line}"),
            (Some(stage), Some(settings)) => reconfigure(stage, settings),
            (Some(stage), None) if line == "leave" => left = stage.configure_application(None),
            (Some(stage), None) if line == "return" => drop(stage.configure_application(left.take())),
            (Some(stage), None) => input(stage, line),
        }
        let stage = stage.as_mut().expect("set above");
        let first = known.iter().zip(&stage.events).take_while(|(known, event)| known == event).count();
        for event in &stage.events[first..] {
            writeln!(out, "  {}", shown(event)).unwrap();
        }
        if let Some(Err(refused)) = stage.answer.take() {
            writeln!(out, "  refused: {refused}").unwrap();
        }
        let after = shown_effects(stage);
        for effect in before.iter().filter(|effect| !after.contains(effect)) {
            writeln!(out, "  - {effect}").unwrap();
        }
        for effect in after.iter().filter(|effect| !before.contains(effect)) {
            writeln!(out, "  + {effect}").unwrap();
        }
    }
    out
}

fn configured(settings: &str) -> Configuration {
    let mut configuration = configuration(GatePolicy::default(), OnFailure::Revert);
    change(&mut configuration, settings);
    configuration
}

fn reconfigure(stage: &mut Stage, settings: &str) {
    stage.configure(|configuration| {
        if settings.contains("check=") {
            let application = configuration.applications.values_mut().next().expect("it is configured");
            application.gate.checks.clear();
        }
        change(configuration, settings);
    });
}

fn change(configuration: &mut Configuration, settings: &str) {
    let application = configuration.applications.values_mut().next().expect("it is configured");
    let repository = configuration.repositories.values_mut().next().expect("it is configured");
    for (key, value) in settings.split_whitespace().map(|setting| setting.split_once('=').expect("KEY=VALUE")) {
        let gate = &mut application.gate;
        let time = || duration::parse(value).unwrap();
        match key {
            "settle" => gate.settle = time(),
            "longestPause" => gate.longest_pause = time(),
            "timeout" => gate.timeout = time(),
            "watch" => gate.watch = time(),
            "onFailure" => application.on_failure = if value == "hold" { OnFailure::Hold } else { OnFailure::Revert },
            "pruneLimit" => application.sync.prune_limit = value.parse().unwrap(),
            "prune" => application.sync.prune = value == "true",
            "mode" if value == "manual" => application.sync.mode = SyncMode::Manual,
            "mode" => application.sync.mode = SyncMode::Automatic,
            "drift" => {
                application.sync.drift = if value == "record" { DriftPolicy::Record } else { DriftPolicy::Heal };
            }
            "conflicts" => {
                let take = value == "take";
                application.sync.conflicts = if take { ConflictPolicy::Take } else { ConflictPolicy::Fail };
            }
            "path" => application.path = value.to_owned(),
            "branch" => repository.reference = Reference::Branch(value.to_owned()),
            "check" => gate.checks.push(Check::Http {
                url: value.to_owned(),
                timeout: Duration::from_secs(1),
                interval: Duration::from_secs(1),
            }),
            _ => panic!("no such setting: {key}"),
        }
    }
}

fn input(stage: &mut Stage, line: &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let (first, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    match (word, first) {
        ("poll", "fails") => drop(stage.polled(Err(reason.to_owned()))),
        ("poll", commit) if reason.starts_with("refused ") => {
            let commit = Commit {
                id: commit_id(commit),
                author: "Eve <eve@example.org>".to_owned(),
                subject: commit.to_owned(),
            };
            let reason = reason.trim_start_matches("refused ").to_owned();
            let refusal = Refusal { revision: commit.id.clone(), tag: None, commit, reason };
            stage.polled(Ok(Polled::Refused(refusal)));
        }
        ("poll", commit) => {
            let relation = match reason {
                "forced" => Relation::Forced,
                _ if stage.events.iter().any(|event| event.envelope.fact.kind() == "RevisionObserved") => {
                    Relation::Descendant
                }
                _ => Relation::First,
            };
            stage.poll(commit, relation);
        }
        ("render", "fails") => drop(stage.rendered(Err(vec![reason.to_owned()]))),
        ("render", _) => drop(stage.rendered(Ok(objects(rest)))),
        ("late", "poll") => drop(stage.polled_late(reason)),
        ("late", "render") => drop(stage.rendered_late(Ok(objects(reason)))),
        ("write", "all") => drop(stage.write_all(condition(reason))),
        ("write", object) => drop(stage.write(&write(stage, object), condition(reason))),
        ("written", object) => drop(stage.do_write(&write(stage, object), Condition::Healthy)),
        ("refuse" | "immutable", object) => {
            let outcome = Outcome::Refused { reason: reason.to_owned(), immutable: word == "immutable", attempts: 1 };
            stage.written(&write(stage, object), outcome);
        }
        ("conflict", object) => {
            let (field, manager) = reason.split_once(' ').expect("FIELD MANAGER");
            let foreign = ForeignField { field: FieldPath(field.to_owned()), manager: Some(manager.to_owned()) };
            let outcome = Outcome::Conflicted { conflicts: vec![foreign], attempts: 1 };
            stage.written(&write(stage, object), outcome);
        }
        ("stopped", object) => drop(stage.written(&write(stage, object), Outcome::Stopped)),
        ("retry", object) => {
            let key = EffectKey::Write(write(stage, object));
            stage.give(vec![Input::Retrying { key, reason: reason.to_owned() }]);
        }
        ("turn", object) => drop(stage.turn(object, condition(reason))),
        ("autoscale", autoscaler) => {
            let scales = Some(reason).filter(|object| !object.is_empty());
            stage.autoscale(autoscaler, scales);
        }
        ("take", object) if reason == "slowly" => drop(stage.delete_slowly(object)),
        ("take", object) => drop(stage.take_away(object)),
        ("edit", object) => {
            let [name, value, manager] = reason.split(' ').collect::<Vec<_>>()[..] else { panic!("edit: {line}") };
            stage.edit(object, field(name), value, manager);
        }
        ("remove", object) => drop(stage.remove(object, field(reason))),
        ("replace", object) => drop(stage.replace(object)),
        ("look", _) => drop(stage.look_all()),
        ("check", result) => {
            let outcome = if result == "passes" { Ok(()) } else { Err(reason.to_owned()) };
            let key = stage.effects.keys().find(|key| matches!(key, EffectKey::Check(..))).cloned();
            stage.give(vec![Input::Checked { key: key.expect("a check is asked for"), outcome }]);
        }
        ("claim", "deleted") => drop(stage.claim_changes(None)),
        ("claim", holder) => drop(stage.claim_changes(Some(holder.parse().unwrap()))),
        ("lost", _) => stage.lose_time(duration::parse(rest).unwrap()),
        ("order", _) => drop(stage.order(action(stage, first, reason))),
        ("list", _) => drop(stage.list()),
        ("lose", _) => drop(stage.lose()),
        ("after", _) => drop(stage.pass(duration::parse(rest).unwrap())),
        ("restore", "") => stage.restore(stage.events.len()),
        ("restore", at) => stage.restore(at.parse().unwrap()),
        ("crash", _) => stage.crash(),
        _ => panic!("no such input: {line}"),
    }
}

fn action(stage: &Stage, word: &str, rest: &str) -> Action {
    match word {
        "adopt" => Action::Adopt,
        "remove" if rest == "orphan" => Action::Remove(RemovalChoice::Orphan),
        "remove" => Action::Remove(RemovalChoice::Prune),
        "refresh" => Action::Refresh,
        "sync" => {
            let selector = |object: &str| {
                let (kind, name) = object.split_once('/').expect("KIND/NAME");
                ObjectSelector { kind: kind.to_owned(), name: name.to_owned() }
            };
            Action::Sync { only: rest.split_whitespace().map(selector).collect() }
        }
        "suspend" => {
            let time = |text: &str| stage.now.checked_add(duration::parse(text).unwrap()).unwrap();
            Action::Suspend { until: (!rest.is_empty()).then(|| time(rest)) }
        }
        "resume" => Action::Resume,
        "release" => Action::Release,
        "acknowledge" => {
            Action::Acknowledge { objects: rest.split_whitespace().map(|object| object.parse().unwrap()).collect() }
        }
        "revert" if rest.is_empty() => Action::Revert { to: None },
        "revert" => Action::Revert { to: Some(recorded(stage, rest.parse().unwrap())) },
        _ => panic!("no such order: {word}"),
    }
}

/// The state that an event names.
fn recorded(stage: &Stage, seq: u64) -> RecordedState {
    let fact = &stage.events[seq as usize - 1].envelope.fact;
    let Fact::DesiredStateChanged { desired, revision, .. } = fact else { panic!("event {seq} names no state") };
    RecordedState { seq: Seq(seq), desired: *desired, revision: revision.clone() }
}

fn objects(text: &str) -> Arc<DesiredSet> {
    let objects: Vec<(&str, &str)> =
        text.split_whitespace().map(|object| object.split_once('=').expect("OBJECT=CONTENT")).collect();
    set(&objects)
}

fn write(stage: &Stage, object: &str) -> WriteKey {
    let found = stage.writes().into_iter().find(|write| write.object.to_string() == object);
    found.unwrap_or_else(|| panic!("no write to {object} is asked for"))
}

fn field(word: &str) -> &'static str {
    let fields = [thing::LABEL, thing::CONTENT, thing::FIXED];
    fields.into_iter().find(|field| *field == word).unwrap_or_else(|| panic!("no such field: {word}"))
}

fn condition(word: &str) -> Condition {
    match word {
        "healthy" => Condition::Healthy,
        "progressing" => Condition::Progressing,
        "degraded" => Condition::Degraded,
        _ => panic!("no such condition: {word}"),
    }
}

fn shown(event: &Event) -> String {
    let envelope = &event.envelope;
    let fact = serde_json::to_value(&envelope.fact).unwrap();
    let data = shortened(&fact["data"].to_string());
    let sync = envelope.sync.map(|sync| format!(" sync {sync}")).unwrap_or_default();
    let cause = envelope.cause.map(|cause| format!(" because {cause}")).unwrap_or_default();
    format!("{} {} {}{sync}{cause} {data}", envelope.seq, envelope.subject, envelope.fact.kind())
}

/// Digests and commits by their first six characters.
fn shortened(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_hexdigit() {
            run.push(c);
            continue;
        }
        let keep = if run.len() >= 40 { 6 } else { run.len() };
        out.push_str(&run[..keep]);
        run.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}

/// What is asked for, without what always is.
fn shown_effects(stage: &Stage) -> Vec<String> {
    stage
        .effects
        .keys()
        .filter_map(|key| match key {
            EffectKey::Poll(..) => None,
            EffectKey::Watch(watch) => Some(format!("watch {} {:?}", watch.kind, watch.scope)),
            EffectKey::Render(_, revision, _) => Some(format!("render {}", &revision.as_str()[..6])),
            EffectKey::Look(_, object, uid) => Some(format!("look at {object}, {uid}")),
            EffectKey::Check(_, sync, index, _) => Some(format!("check {index} of sync {sync}")),
            EffectKey::Examine(_, sync, object) => Some(format!("examine {object} for sync {sync}")),
            EffectKey::Claim(_, started) => Some(format!("claim of {started}")),
            EffectKey::Find(_, asked) => Some(format!("find for {asked}")),
            EffectKey::Write(write) => {
                let verb = match &stage.effects[key] {
                    Effect::Delete { wait: true, .. } => "delete and wait for",
                    Effect::Delete { .. } => "delete",
                    Effect::Apply { replicas: Replicas::Autoscaled, .. } => "apply without replicas",
                    _ => "apply",
                };
                let stopped = if stage.stopped.contains(key) { ", stopped" } else { "" };
                Some(format!("{verb} {} of sync {}{stopped}", write.object, write.sync))
            }
        })
        .collect()
}
