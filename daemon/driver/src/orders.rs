//! Where people's orders come in.
//!
//! Always: an order is answered once what it decides is durable, or refused; one that the daemon cannot decide on, since
//! its journal cannot be written or it is ending, is told so within a time.

use std::time::Duration;

use taffrail_model::{Order, RepositoryName, Seq};
use taffrail_ports::BoxFuture;
use taffrail_ports::orders::{OrderError, Orders};
use tokio::sync::{mpsc, oneshot};

use crate::run::Command;

/// Longest time that an order waits for its answer. It may still be carried out after that.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Hands orders to the loop.
#[derive(Clone, Debug)]
pub struct Desk {
    commands: mpsc::Sender<Command>,
}

impl Desk {
    /// A desk that hands orders to the loop at the other end of `commands`.
    pub fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }
}

impl Orders for Desk {
    fn order(&self, order: Order) -> BoxFuture<'_, Result<Seq, OrderError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let asked = async {
                let ending = || OrderError::NotTaken("the daemon is ending".to_owned());
                self.commands.send(Command::Order { order, reply }).await.map_err(|_| ending())?;
                answer.await.map_err(|_| ending())?
            };
            tokio::time::timeout(LONGEST_WAIT, asked).await.unwrap_or_else(|_| {
                let words = "no answer came in time: the journal may not be writable, see /readyz; look at the events \
                             before you ask again";
                Err(OrderError::NotTaken(words.to_owned()))
            })
        })
    }

    fn hint(&self, repository: RepositoryName) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // A hint that finds a daemon which is ending, or busy for so long, is of no use any more.
            let _ = tokio::time::timeout(LONGEST_WAIT, self.commands.send(Command::Hinted(repository))).await;
        })
    }
}
