//! Orders of people, handed to the daemon.

use taffrail_model::{Order, OrderRefused, RepositoryName, Seq};

use crate::BoxFuture;

/// What became of an order that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// It does not fit what is.
    #[error(transparent)]
    Refused(#[from] OrderRefused),
    /// It was not decided on: the journal cannot be written, or the daemon is ending.
    #[error("the order was not taken: {0}")]
    NotTaken(String),
}

/// Takes orders.
pub trait Orders: Send + Sync + 'static {
    /// Decides on an order; returns the event that records it, once that is durable.
    fn order(&self, order: Order) -> BoxFuture<'_, Result<Seq, OrderError>>;

    /// Takes a hint that a repository has something new: it is polled at once. A repository that is not configured is
    /// passed over.
    fn hint(&self, repository: RepositoryName) -> BoxFuture<'_, ()>;
}
