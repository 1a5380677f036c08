//! The stored forms of events: a golden file for each kind. A file is never edited: a form that was once written must
//! stay readable, and mean the same. A new form of a kind gets a new file, `KIND.2.json`.
//!
//! `UPDATE=1 cargo test -p taffrail-model --test stored_forms` writes files that are missing.

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of tests for other code")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use taffrail_model::fact::{ChangeCounts, HoldReason, PlanCounts, RefusalReason, RemovalChoice, SyncScope};
use taffrail_model::{
    Actor, ClusterName, Commit, Digest, Envelope, Epoch, Event, Fact, FieldPath, ForeignField, Holder, ObjectKey,
    ObjectReason, Refusal, Relation, Seq, Subject, Uid,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn samples() -> Vec<Fact> {
    let digest = |word: &str| Digest::of(word.as_bytes());
    let revision: taffrail_model::CommitId = "0123456789abcdef0123456789abcdef01234567".parse().unwrap();
    let object: ObjectKey = "apps/Deployment:shop/api".parse().unwrap();
    let uid = Uid("0c5f6f0e-5a3c-4c6c-9f0b-000000000001".to_owned());
    let text = || "why".to_owned();
    let reasons = || vec![ObjectReason { object: object.clone(), reason: text() }];
    let commit =
        Commit { id: revision.clone(), author: "Ada <ada@example.org>".to_owned(), subject: "Raise".to_owned() };
    let fields = || {
        let field = FieldPath(".spec.replicas".to_owned());
        vec![ForeignField { field, manager: Some("kubectl-edit".to_owned()) }]
    };
    let holder = Holder { installation: "another".to_owned(), epoch: Epoch(2) };
    let counts = PlanCounts { create: 1, change: 2, prune: 3 };
    vec![
        Fact::JournalCreated { installation: "installation".to_owned(), key_check: digest("key") },
        Fact::JournalRestored { from_epoch: Epoch(1), at_seq: Seq(11), head: digest("head") },
        Fact::DaemonStarted { version: "0.1.0".to_owned() },
        Fact::TimeLost { milliseconds: 90_000, reason: text() },
        Fact::ConfigurationChanged { digest: digest("configuration") },
        Fact::ConfigurationRefused { errors: vec!["taffrail.yaml:3:5: why".to_owned()] },
        Fact::ClusterUnreachable { cluster: ClusterName::default(), error: text() },
        Fact::ClusterReachable { cluster: ClusterName::default() },
        Fact::RevisionObserved {
            revision: revision.clone(),
            previous: Some(revision.clone()),
            tag: None,
            relation: Relation::Descendant,
            commits: vec![commit.clone()],
            count: 1,
        },
        Fact::RevisionRefused(Refusal {
            revision: revision.clone(),
            tag: Some("v1.4.2".to_owned()),
            commit,
            reason: text(),
        }),
        Fact::RepositoryUnreachable { error: text() },
        Fact::RepositoryReachable { failures: 3 },
        Fact::DesiredStateChanged {
            revision: revision.clone(),
            desired: digest("new"),
            previous: Some(digest("old")),
            objects: 25,
            added: vec![object.clone()],
            changed: vec![object.clone()],
            removed: vec![object.clone()],
            counts: ChangeCounts { added: 1, changed: 1, removed: 1 },
        },
        Fact::RenderFailed { revision: revision.clone(), errors: vec!["a.yaml:1:2: why".to_owned()] },
        Fact::DesiredStateRefused { revision: revision.clone(), reason: RefusalReason::Empty },
        Fact::DesiredStateQuarantined { desired: digest("new"), gate: digest("gate") },
        Fact::SyncStarted {
            desired: digest("new"),
            revision: revision.clone(),
            plan: digest("plan"),
            counts,
            scope: SyncScope::Whole,
        },
        Fact::SyncPaused { reason: text() },
        Fact::SyncResumed {},
        Fact::ObjectApplied {
            object: object.clone(),
            uid: uid.clone(),
            manifest: digest("manifest"),
            created: true,
            resource_version: "42".to_owned(),
            attempts: 1,
            fields: None,
            autoscaled: false,
        },
        Fact::ObjectFailed { object: object.clone(), reason: text(), attempts: 2 },
        Fact::ObjectGone { object: object.clone(), uid: uid.clone() },
        Fact::ObjectPruned { object: object.clone(), uid: Some(uid.clone()) },
        Fact::ObjectKeptForward { object: object.clone(), reason: text() },
        Fact::GateOpened { timeout: 600_000, settle: 30_000, objects: 25, ignored: reasons() },
        Fact::ObjectDegraded { object: object.clone(), reason: text() },
        Fact::GatePassed { desired: digest("new") },
        Fact::GateFailed { desired: digest("new"), verdict: text(), objects: reasons(), evidence: Vec::new() },
        Fact::SyncSucceeded { desired: digest("new"), held: vec![object.clone()], scope: SyncScope::Whole },
        Fact::SyncFailed { verdict: text(), objects: reasons() },
        Fact::SyncSuperseded { by: digest("newer") },
        Fact::SyncHeld { revision: revision.clone(), desired: digest("new"), reason: HoldReason::NoPassedState },
        Fact::RevertStarted {
            from: digest("new"),
            to: digest("old"),
            passed: Seq(7),
            revision: revision.clone(),
            plan: digest("plan"),
            counts,
        },
        Fact::Reverted { desired: digest("old"), held: vec![object.clone()] },
        Fact::RevertFailed { verdict: text(), objects: reasons() },
        Fact::ObjectAdopted {
            object: object.clone(),
            uid: uid.clone(),
            api_version: None,
            from: vec!["helm".to_owned()],
        },
        Fact::ObjectConflicted { object: object.clone(), conflicts: fields(), attempts: 1 },
        Fact::ObjectReplaceStarted { object: object.clone(), uid: Some(uid), reason: text() },
        Fact::DriftDetected { object: object.clone(), fields: fields(), heal: true },
        Fact::DriftHealed { object: object.clone(), fields: fields() },
        Fact::DriftEnded { object: object.clone() },
        Fact::HealStopped { object: object.clone(), fields: fields(), heals: 5 },
        Fact::PruneHeld { objects: reasons(), count: 1 },
        Fact::PruneAcknowledged { objects: vec![object.clone()], reason: text() },
        Fact::ApplicationRemoved { objects: 25 },
        Fact::RemovalDecided { choice: RemovalChoice::Prune, plan: Some(digest("plan")), reason: text() },
        Fact::RemovalFinished { choice: RemovalChoice::Orphan, objects: reasons() },
        Fact::ClaimStarted { over: Some(holder.clone()) },
        Fact::ClaimHeld { started: Seq(7) },
        Fact::ClaimRefused { holder: holder.clone() },
        Fact::ClaimLost { holder: Some(holder) },
        Fact::AdoptionApproved { reason: text() },
        Fact::AdoptionFinished { objects: 3 },
        Fact::RefreshRequested { reason: text() },
        Fact::SyncRequested { only: vec![object], reason: text() },
        Fact::ApplicationSuspended { until: Some("2026-11-21T03:00:00Z".parse().unwrap()), reason: text() },
        Fact::ApplicationResumed { reason: text() },
        Fact::DesiredStateReleased { desired: digest("new"), reason: text() },
        Fact::RevertRequested { to: digest("old"), named: Seq(7), revision, reason: text() },
        Fact::GateWatchEnded { desired: digest("new") },
    ]
}

fn event(fact: Fact) -> (Event, Vec<u8>) {
    let envelope = Envelope {
        seq: Seq(12),
        epoch: Epoch(1),
        id: "1-12".to_owned(),
        time: "2026-11-21T03:00:00.123Z".parse().unwrap(),
        subject: Subject::Application("shop".parse().unwrap()),
        actor: Actor::daemon(),
        cause: Some(Seq(11)),
        sync: Some(Seq(10)),
        fact,
    };
    Event::seal(envelope, Digest::of(b"previous"))
}

#[test]
fn every_kind_has_a_sample_and_a_file_that_reads_back_as_it() {
    let mut kinds = Vec::new();
    for sample in samples() {
        let kind = sample.kind();
        let file = folder().join(format!("{kind}.1.json"));
        let (event, bytes) = event(sample);
        if !file.exists() && std::env::var_os("UPDATE").is_some() {
            std::fs::write(&file, &bytes).unwrap();
        }
        let stored = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(Event::from_bytes(&stored).unwrap(), event, "{kind} reads back");
        assert_eq!(String::from_utf8(bytes), String::from_utf8(stored), "{kind} is written as it was");
        kinds.push(kind);
    }
    assert_eq!(kinds, Fact::KINDS);
}

#[test]
fn every_form_that_was_ever_written_reads() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let event =
            Event::from_bytes(&std::fs::read(&path).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
        assert_eq!(event.envelope.fact.kind(), name);
    }
}

#[test]
fn the_document_of_events_has_a_row_for_each_kind_and_no_other() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/EVENTS.md");
    let text = std::fs::read_to_string(document).unwrap();
    let rows: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(kind, _)| kind).collect();
    assert_eq!(rows, Fact::KINDS.iter().copied().collect());
}
