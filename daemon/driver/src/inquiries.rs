//! Answers what was: states folded up to an event, and how two of them differ, from the journal alone. What would be is
//! for [`crate::preview`].
//!
//! Always: nothing is written; two questions are answered at once, and none takes longer than [`LONGEST`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use taffrail_core::State;
use taffrail_core::state::Target;
use taffrail_model::{ApplicationName, Digest, ObjectKey, Seq};
use taffrail_ports::BoxFuture;
use taffrail_ports::inquiries::{Change, Difference, Inquiries, InquiryError, ObjectDifference, Side};
use taffrail_ports::journal::Journal;
use taffrail_ports::status::ApplicationStatus;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::board::{Board, describe_unseen};
use crate::differ::differ;
use crate::preview;
use crate::replay::{ReplayError, replay_to};
use crate::run::{World, blocking};

/// Longest time for one question.
const LONGEST: Duration = Duration::from_secs(25);
/// Longest time that a question waits for its turn.
const LONGEST_TURN: Duration = Duration::from_secs(5);
/// Questions at once.
const AT_ONCE: usize = 2;

/// What is asked about the past.
#[derive(Clone)]
pub struct Archive {
    pub(crate) world: World,
    pub(crate) board: Board,
    code: String,
    turns: Arc<Semaphore>,
}

impl Archive {
    /// Asks `world`, and `board` for what is now; `code` names this build, for snapshots.
    pub fn new(world: World, board: Board, code: String) -> Self {
        Self { world, board, code, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Does `work` where it may block, in its turn.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Question) -> Result<T, InquiryError> + Send + 'static,
    ) -> Result<T, InquiryError> {
        let turn = self.turn().await?;
        let question = Question {
            journal: self.world.journal.clone(),
            code: self.code.clone(),
            deadline: Instant::now() + LONGEST,
        };
        let asked = blocking(move || {
            let _turn = turn;
            work(&question)
        });
        asked.await.map_err(|error| InquiryError::Unanswered(error.to_string()))?
    }
}

impl Archive {
    /// The turn to ask something.
    pub(crate) async fn turn(&self) -> Result<OwnedSemaphorePermit, InquiryError> {
        let busy = || InquiryError::Unanswered("others ask already: try again".to_owned());
        let turn = tokio::time::timeout(LONGEST_TURN, self.turns.clone().acquire_owned()).await;
        turn.ok().and_then(Result::ok).ok_or_else(busy)
    }
}

/// One question, on a thread of its own.
struct Question {
    journal: Arc<dyn Journal>,
    code: String,
    deadline: Instant,
}

impl Question {
    fn state(&self, at: Seq) -> Result<State, InquiryError> {
        let newest = self.journal.head().seq;
        if at > newest {
            return Err(InquiryError::Nothing(format!("there is no event {at}; the newest is {newest}")));
        }
        let go_on = || if Instant::now() < self.deadline { Ok(()) } else { Err(ReplayError::TooLong) };
        replay_to(&*self.journal, &self.code, at, go_on).map_err(|error| InquiryError::Unanswered(error.to_string()))
    }

    /// What was desired of an application after an event.
    fn desired(&self, application: &ApplicationName, at: Seq) -> Result<Target, InquiryError> {
        let state = self.state(at)?;
        let desired = state.applications.get(application).and_then(|application| application.desired.clone());
        desired.ok_or_else(|| InquiryError::Nothing(format!("{application} had no desired state at event {at}")))
    }

    fn manifest(&self, digest: Digest) -> Result<Value, InquiryError> {
        let bytes =
            self.journal.document(digest).map_err(|error| InquiryError::Unanswered(format!("a manifest: {error}")))?;
        // An error of serde may quote what it read.
        serde_json::from_slice(&bytes)
            .map_err(|_| InquiryError::Unanswered(format!("document {digest} is no manifest")))
    }

    fn between(&self, application: ApplicationName, from: Seq, to: Seq) -> Result<Difference, InquiryError> {
        let (before, after) = (self.desired(&application, from)?, self.desired(&application, to)?);
        let sides = |at, target: &Target| Side::Recorded { seq: at, desired: target.digest };
        let mut keys: BTreeMap<&ObjectKey, (Option<Digest>, Option<Digest>)> = BTreeMap::new();
        for (object, desired) in &before.set.objects {
            keys.entry(object).or_default().0 = Some(desired.manifest);
        }
        for (object, desired) in &after.set.objects {
            keys.entry(object).or_default().1 = Some(desired.manifest);
        }
        let (mut objects, mut unchanged) = (Vec::new(), 0);
        for (object, (old, new)) in keys {
            if old == new {
                unchanged += 1;
                continue;
            }
            if Instant::now() > self.deadline {
                return Err(InquiryError::Unanswered("comparing takes too long".to_owned()));
            }
            let change = match (old, new) {
                (None, _) => Change::Created,
                (_, None) => Change::Pruned,
                _ => Change::Changed,
            };
            let read = |digest: Option<Digest>| digest.map(|digest| self.manifest(digest)).transpose();
            let (old, new) = (read(old)?, read(new)?);
            let diff = differ(old.as_ref(), new.as_ref());
            objects.push(ObjectDifference { object: object.clone(), change, diff, note: None });
        }
        let (from, to) = (sides(from, &before), sides(to, &after));
        Ok(Difference { application, from, to, objects, unchanged })
    }
}

impl Inquiries for Archive {
    fn past(&self, at: Seq) -> BoxFuture<'_, Result<Vec<ApplicationStatus>, InquiryError>> {
        Box::pin(self.ask(move |question| {
            let state = question.state(at)?;
            let configured = state.configuration.iter().flat_map(|(_, configuration)| &configuration.applications);
            Ok(configured.map(|(name, configured)| describe_unseen(&state, name, configured)).collect())
        }))
    }

    fn recorded(
        &self,
        application: ApplicationName,
        from: Seq,
        to: Seq,
    ) -> BoxFuture<'_, Result<Difference, InquiryError>> {
        Box::pin(self.ask(move |question| question.between(application, from, to)))
    }

    fn preview(
        &self,
        application: ApplicationName,
        revision: Option<String>,
    ) -> BoxFuture<'_, Result<Difference, InquiryError>> {
        Box::pin(preview::preview(self, application, revision))
    }
}
