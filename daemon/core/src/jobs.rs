//! Jobs: they do their work once, by being made.
//!
//! Always: a Job whose run for a manifest is recorded is not run for that manifest again, whatever deleted it: its
//! `ttlSecondsAfterFinished`, a person, another manifest of the same name, a revert. It changes only by being deleted
//! and made anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use taffrail_model::{Digest, ObjectKey, Seq};

use crate::state::{Application, Owned};

/// How many manifests of one Job are remembered.
pub const RUNS_KEPT: usize = 20;
/// How many Jobs that are no longer in the inventory are remembered.
pub const JOBS_KEPT: usize = 1000;

/// The manifests that Jobs ran for. They outlive the inventory: a revert may ask for a Job that was pruned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Runs(BTreeMap<ObjectKey, Run>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    /// The event of the last run.
    last: Seq,
    /// The manifests, the newest last.
    manifests: Vec<Digest>,
}

impl Runs {
    /// Whether the Job ran for this manifest.
    pub fn has(&self, object: &ObjectKey, manifest: Digest) -> bool {
        self.0.get(object).is_some_and(|run| run.manifests.contains(&manifest))
    }

    /// Notes that it does.
    pub(crate) fn note(
        &mut self,
        object: &ObjectKey,
        manifest: Digest,
        seq: Seq,
        inventory: &BTreeMap<ObjectKey, Owned>,
    ) {
        let run = self.0.entry(object.clone()).or_insert_with(|| Run { last: seq, manifests: Vec::new() });
        run.last = seq;
        run.manifests.retain(|known| *known != manifest);
        run.manifests.push(manifest);
        if run.manifests.len() > RUNS_KEPT {
            run.manifests.remove(0);
        }
        if self.0.len() > JOBS_KEPT {
            let gone = self.0.iter().filter(|(object, _)| !inventory.contains_key(*object));
            if let Some(oldest) = gone.min_by_key(|(_, run)| run.last).map(|(object, _)| object.clone()) {
                self.0.remove(&oldest);
            }
        }
    }
}

/// Whether this is a Job.
pub fn is_job(object: &ObjectKey) -> bool {
    object.is("batch", "Job")
}

/// Whether an application has a Job run for this manifest, so that it is not written again.
pub fn has_run(application: &Application, object: &ObjectKey, manifest: Digest) -> bool {
    is_job(object) && application.runs.has(object, manifest)
}

/// Whether a Job that ran for this manifest is gone, or gave its name to another manifest: there is nothing to judge.
pub fn is_past(application: &Application, object: &ObjectKey, manifest: Digest) -> bool {
    let there = |owned: &Owned| owned.uid.is_some() && owned.manifest == Some(manifest);
    has_run(application, object, manifest) && !application.inventory.get(object).is_some_and(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> ObjectKey {
        format!("batch/Job:shop/{name}").parse().unwrap()
    }

    fn manifest(number: usize) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    #[test]
    fn the_newest_manifests_of_a_job_are_remembered() {
        let mut runs = Runs::default();
        for number in 0..=RUNS_KEPT {
            runs.note(&job("migrate"), manifest(number), Seq(number as u64), &BTreeMap::new());
        }
        assert!(!runs.has(&job("migrate"), manifest(0)));
        assert!((1..=RUNS_KEPT).all(|number| runs.has(&job("migrate"), manifest(number))));
        assert!(!runs.has(&job("other"), manifest(1)));
    }

    #[test]
    fn the_jobs_that_ran_last_are_remembered() {
        let mut runs = Runs::default();
        for number in 0..=JOBS_KEPT {
            runs.note(&job(&number.to_string()), manifest(1), Seq(number as u64), &BTreeMap::new());
        }
        assert!(!runs.has(&job("0"), manifest(1)));
        assert!((1..=JOBS_KEPT).all(|number| runs.has(&job(&number.to_string()), manifest(1))));
    }
}
