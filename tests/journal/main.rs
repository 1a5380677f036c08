//! The journal on a disk and the fold together: what an application has gone through, exported and imported, gives the same
//! state again.

#![allow(clippy::unwrap_used, reason = "clippy takes helpers of tests for other code")]

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use taffrail_core::fold::{Document, Documents, apply};
use taffrail_driver::replay;
use taffrail_journal::{Options, SledJournal, import};
use taffrail_model::configuration::{GatePolicy, OnFailure};
use taffrail_model::{Event, Relation, Seq};
use taffrail_ports::journal::{self, Journal};
use taffrail_tests::stage::{Condition, Stage, configuration, set};

/// Something that happens.
#[derive(Clone, Debug)]
enum Step {
    Commit(u8),
    Write(Condition),
    Turn(Condition),
    Pass(u64),
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let condition = prop::sample::select(vec![Condition::Healthy, Condition::Healthy, Condition::Degraded]);
    prop::collection::vec(
        prop_oneof![
            3 => any::<u8>().prop_map(Step::Commit),
            3 => condition.clone().prop_map(Step::Write),
            1 => condition.prop_map(Step::Turn),
            2 => (1_u64..700).prop_map(Step::Pass),
            1 => Just(Step::Crash),
        ],
        1..14,
    )
}

fn play(stage: &mut Stage, steps: &[Step]) {
    for (number, step) in steps.iter().enumerate() {
        match step {
            Step::Commit(content) => {
                stage.poll(&format!("commit {number}"), Relation::Descendant);
                let content = content.to_string();
                let widgets = [("example.org/Widget:shop/api", content.as_str()), ("batch/Job:shop/migrate", "1")];
                stage.rendered(Ok(set(&widgets)));
            }
            Step::Write(condition) => drop(stage.write_all(*condition)),
            Step::Turn(condition) => drop(stage.turn_all(*condition)),
            Step::Pass(seconds) => drop(stage.pass(Duration::from_secs(*seconds))),
            Step::Crash => stage.crash(),
        }
    }
}

fn options(root: &Path, name: &str) -> Options {
    Options { minimum_free: 0, ..Options::new(root.join(name).join("journal"), root.join("key")) }
}

/// Appends what happened on the stage after its first event.
fn record(journal: &SledJournal, events: &[Event], documents: &Documents) {
    let stored = documents.iter().map(|(digest, document)| {
        let bytes = match document {
            Document::Set(set) => set.to_bytes(),
            Document::Plan(plan) => plan.to_bytes(),
            Document::Configuration(configuration) => configuration.to_bytes(),
            Document::Fields(fields) => fields.to_bytes(),
        };
        journal::Document { digest: *digest, bytes, confidential: false }
    });
    let envelopes = events.iter().map(|event| event.envelope.clone()).collect();
    let recorded = journal.append(envelopes, stored.collect()).unwrap();
    assert_eq!(recorded, events);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_imported_journal_folds_to_the_exported_state_and_pauses_it(steps in steps(), back in 0_u64..5) {
        let root = tempfile::tempdir().unwrap();
        let journal = SledJournal::open(&options(root.path(), "data")).unwrap().journal;
        let first = journal.event(Seq(1)).unwrap().unwrap().event;
        let mut stage = Stage::after(first, configuration(GatePolicy::default(), OnFailure::Revert));
        play(&mut stage, &steps);
        record(&journal, &stage.events[1..], stage.documents());
        prop_assert_eq!(&replay(&journal, "test").unwrap(), stage.engine.state());

        let at = Seq(journal.head().seq.0.saturating_sub(back).max(1));
        let mut export = Vec::new();
        journal.export(Some(at), &mut export).unwrap();
        import(&options(root.path(), "restored"), &mut export.as_slice()).unwrap();
        let restored = SledJournal::open(&options(root.path(), "restored")).unwrap().journal;

        stage.events.truncate(at.0 as usize);
        let mut expected = stage.fold();
        let before = expected.clone();
        let news = restored.event(at.next()).unwrap().unwrap().event;
        apply(&mut expected, &news, stage.documents());
        let state = replay(&restored, "test").unwrap();
        prop_assert_eq!(&state, &expected);
        prop_assert!(state.applications.values().all(|application| application.paused.is_some()));
        for (name, application) in &before.applications {
            for (object, owned) in &application.inventory {
                let job = object.kind == "Job";
                let now = state.applications[name].inventory[object].manifest;
                prop_assert_eq!(now, owned.manifest.filter(|_| job), "only what a Job ran for is known of {}", object);
            }
        }
        for digest in stage.documents().keys() {
            prop_assert_eq!(restored.document(*digest).unwrap(), journal.document(*digest).unwrap());
        }
    }
}
