//! Decisions: from state, what is seen, and an input, to facts. Nothing has happened yet when a fact is returned here:
//! it is proposed, recorded, and only then folded in and acted upon.
//!
//! Always: pure. Each call answers with the facts that follow at once; [`next`] is asked again after each was folded,
//! until it has no more to say.

pub mod application;
pub(crate) mod claim;
mod drift;
pub mod input;
pub mod order;
mod removal;

pub use application::next;
pub use claim::elsewhere;
pub use input::react;
pub use order::ordered;

use taffrail_model::{Actor, ApplicationName, Fact, RepositoryName, Seq, Subject, Timestamp};

use crate::fold::Document;
use crate::observed::Observed;

/// What decisions are made with besides the state.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// What is seen.
    pub observed: &'a Observed,
}

/// A proposed fact, with the documents that it names and that are not stored yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// What it is about.
    pub subject: Subject,
    /// Who caused it.
    pub actor: Actor,
    /// The event that led to it.
    pub cause: Option<Seq>,
    /// The sync that it belongs to. `None` with a fact that starts one: its own number is the sync's.
    pub sync: Option<Seq>,
    /// What happened.
    pub fact: Fact,
    /// Documents that it names.
    pub documents: Vec<Document>,
}

impl Draft {
    fn system(fact: Fact) -> Self {
        Self { subject: Subject::System, actor: Actor::daemon(), cause: None, sync: None, fact, documents: Vec::new() }
    }

    fn repository(name: &RepositoryName, fact: Fact) -> Self {
        Self { subject: Subject::Repository(name.clone()), ..Self::system(fact) }
    }

    fn application(name: &ApplicationName, fact: Fact) -> Self {
        Self { subject: Subject::Application(name.clone()), ..Self::system(fact) }
    }

    fn because(self, cause: Seq) -> Self {
        Self { cause: Some(cause), ..self }
    }

    fn by(self, actor: Actor) -> Self {
        Self { actor, ..self }
    }

    fn of(self, sync: Seq) -> Self {
        Self { sync: Some(sync), cause: self.cause.or(Some(sync)), ..self }
    }

    fn with(self, document: Document) -> Self {
        Self { documents: vec![document], ..self }
    }
}
