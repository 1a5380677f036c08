//! `taffrail wait APP`.
//!
//! Always: it looks again whenever something happens to the application, and once in a while, since health is no event.
//! It ends with 0 when what was waited for is there, 1 when it will not come by itself, and 3 when the time is over.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, from_value};
use taffrail_model::{ApplicationName, CommitId, Event, Fact, duration};
use taffrail_ports::status::{ApplicationStatus, HealthStatus, SyncStatus};
use tokio::time::Instant;

use super::server::Server;
use crate::client::{Client, ClientError, Messages, Query, block_on};
use crate::failure::Failure;
use crate::output::Output;

/// Wait until an application is in sync and healthy.
///
/// Exit codes: 0 it is; 1 it failed, is reverted or held, so that it does not come by itself; 2 the arguments are wrong;
/// 3 the time is over.
#[derive(Debug, Args)]
pub(super) struct Wait {
    /// The application.
    #[arg(value_name = "APP")]
    application: ApplicationName,
    /// With this revision of its repository, or a later one: a commit's id, or its first characters, from 7.
    #[arg(long, value_name = "COMMIT", value_parser = commit)]
    revision: Option<String>,
    /// Longest time.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::parse)]
    timeout: Duration,
    #[command(flatten)]
    server: Server,
}

/// How often it is looked although nothing happened.
const EVERY: Duration = Duration::from_secs(2);
/// Pause after a daemon could not be asked.
const PAUSE: Duration = Duration::from_secs(1);
/// How many observed revisions are looked at for the one that is waited for.
const REVISIONS: usize = 1000;

fn commit(text: &str) -> Result<String, String> {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex && (7..=64).contains(&text.len()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("write a commit's id, or at least its first 7 characters".to_owned())
    }
}

/// What a look at the application says.
enum Verdict {
    There(String),
    /// It will not come by itself.
    Failed(String),
    /// Not yet, and why.
    Wait(String),
}

impl Wait {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let client = self.server.client(output)?;
        block_on(async {
            let mut waiting = Waiting {
                client,
                application: self.application.clone(),
                wanted: self.revision.clone().map(Wanted::new),
                seen: 0,
                last: "the daemon was not reached".to_owned(),
            };
            match tokio::time::timeout(self.timeout, waiting.run(output)).await {
                Ok(ended) => ended,
                Err(_) => {
                    let what = format!("not within {}: {}", duration::format(self.timeout), waiting.last);
                    Err(Failure::new(what).code(3))
                }
            }
        })
    }
}

struct Waiting {
    client: Client,
    application: ApplicationName,
    wanted: Option<Wanted>,
    /// The newest event when the connection was made.
    seen: u64,
    /// Why it is not there yet.
    last: String,
}

impl Waiting {
    async fn run(&mut self, output: &mut Output) -> Result<(), Failure> {
        loop {
            match self.follow(output).await {
                Ok(done) => return done,
                // A daemon that restarts, or a proxy before it: the wait goes on.
                Err(error) if error.may_pass() => self.last = error.to_string(),
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Follows the events until it is decided, or the connection is lost.
    async fn follow(&mut self, output: &mut Output) -> Result<Result<(), Failure>, ClientError> {
        let mut status = self.status().await?;
        let repository = status.repository.to_string();
        self.find(&repository).await?;
        let mut messages = self.client.messages(&["events"], &Query::new(), &self.seen.to_string()).await?;
        let mut told = String::new();
        loop {
            match self.verdict(&status) {
                Verdict::There(what) => return Ok(output.line(&what).map_err(Failure::from)),
                Verdict::Failed(what) => return Ok(Err(Failure::new(what))),
                Verdict::Wait(what) => {
                    if what != told {
                        output.progress(&what);
                        told.clone_from(&what);
                    }
                    self.last = what;
                }
            }
            self.next(&mut messages, &repository).await?;
            status = self.status().await?;
        }
    }

    /// Returns when something happened to the application or its repository, or after a while.
    async fn next(&mut self, messages: &mut Messages, repository: &str) -> Result<(), ClientError> {
        let deadline = Instant::now() + EVERY;
        loop {
            let message = match tokio::time::timeout_at(deadline, messages.next()).await {
                Err(_) => return Ok(()),
                Ok(message) => message?.ok_or_else(|| self.client.ended())?,
            };
            let Some(event) = message.event.and_then(|bytes| Event::from_bytes(&bytes).ok()) else { continue };
            let subject = event.envelope.subject.to_string();
            if subject == format!("repository/{repository}") {
                if let Some(wanted) = &mut self.wanted {
                    wanted.observed(&event.envelope.fact);
                }
                return Ok(());
            }
            if event.envelope.subject.application() == Some(&self.application) {
                return Ok(());
            }
        }
    }

    async fn status(&self) -> Result<ApplicationStatus, ClientError> {
        let answer = self.client.json(&["applications", self.application.as_str()], &Query::new()).await?;
        from_value(answer).map_err(|error| self.client.unreadable(error))
    }

    /// Looks for the wanted revision among those that were observed so far; and where the events are.
    async fn find(&mut self, repository: &str) -> Result<(), ClientError> {
        let newest =
            self.client.json(&["events"], &vec![("order", "desc".to_owned()), ("limit", "1".to_owned())]).await?;
        self.seen = newest["events"][0]["seq"].as_u64().unwrap_or_default();
        let Some(wanted) = &mut self.wanted else { return Ok(()) };
        let query = vec![
            ("repository", repository.to_owned()),
            ("kind", "RevisionObserved".to_owned()),
            ("order", "desc".to_owned()),
            ("before", (self.seen + 1).to_string()),
            ("limit", REVISIONS.to_string()),
        ];
        let answer = self.client.json(&["events"], &query).await?;
        let mut facts: Vec<Fact> = Vec::new();
        for event in answer["events"].as_array().into_iter().flatten() {
            let fact: Value = serde_json::json!({ "kind": event["kind"], "data": event["data"] });
            facts.extend(from_value::<Fact>(fact).ok());
        }
        facts.iter().rev().for_each(|fact| wanted.observed(fact));
        Ok(())
    }

    fn verdict(&self, status: &ApplicationStatus) -> Verdict {
        let name = &self.application;
        let observed = status.observed_revision.as_ref();
        if let Some(wanted) =
            self.wanted.as_ref().filter(|wanted| !observed.is_some_and(|observed| wanted.has(observed)))
        {
            let start = &wanted.prefix[..wanted.prefix.len().min(12)];
            return match &status.refused_revision {
                Some(why) if why.contains(start) => Verdict::Failed(format!("{name}: {why}")),
                _ => Verdict::Wait(format!("{} was not seen in {} yet", wanted.prefix, status.repository)),
            };
        }
        let Some(revision) = observed.filter(|observed| status.rendered_revision.as_ref() == Some(observed)) else {
            return Verdict::Wait(format!("{name}: the newest revision is not rendered yet"));
        };
        if let Some(error) = status.errors.first() {
            return Verdict::Failed(format!("{name}: {} does not render: {error}", revision.short()));
        }
        // Also while it is reverted: what is desired by now may be another state than the one that failed.
        if let Some(activity) = &status.activity {
            let first = activity.waiting_for.first().map(|wait| format!(": {wait}")).unwrap_or_default();
            return Verdict::Wait(format!("{name}: {}, {}{first}", activity.kind, activity.phase));
        }
        match (status.sync, status.health, &status.hold) {
            (SyncStatus::Synced, HealthStatus::Healthy, _) => {
                Verdict::There(format!("{name} is in sync and healthy at {}", revision.short()))
            }
            (SyncStatus::OutOfSync, _, Some(hold)) if status.unseen.as_ref() != Some(hold) => {
                Verdict::Failed(format!("{name} is held: {hold}"))
            }
            (sync, health, _) => Verdict::Wait(format!("{name} is {sync:?} and {health:?}")),
        }
    }
}

/// The revision that is waited for, and those that came with or after it.
struct Wanted {
    prefix: String,
    known: BTreeSet<CommitId>,
}

impl Wanted {
    fn new(prefix: String) -> Self {
        Self { prefix, known: BTreeSet::new() }
    }

    fn has(&self, revision: &CommitId) -> bool {
        self.known.contains(revision)
    }

    /// Takes an observation in, in their order.
    fn observed(&mut self, fact: &Fact) {
        let Fact::RevisionObserved { revision, relation, commits, .. } = fact else { return };
        let is = |id: &CommitId| id.as_str().starts_with(&self.prefix);
        let names = is(revision) || commits.iter().any(|commit| is(&commit.id));
        // What a force push took away is no longer in what is followed.
        let goes_on = !self.known.is_empty() && *relation != taffrail_model::Relation::Forced;
        if names || goes_on {
            self.known.insert(revision.clone());
        } else {
            self.known.clear();
        }
    }
}
