//! `taffrail remove APP --prune|--orphan`.

use clap::Args;

use super::order::{NeededReason, Order};
use crate::failure::Failure;
use crate::output::Output;

/// Decide about the objects of an application that left the configuration.
#[derive(Debug, Args)]
pub(super) struct Remove {
    #[command(flatten)]
    order: Order,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    reason: NeededReason,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Choice {
    /// They are deleted, save what holds data.
    #[arg(long)]
    prune: bool,
    /// They stay, and are nobody's.
    #[arg(long)]
    orphan: bool,
}

impl Remove {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let choice = if self.choice.prune { "prune" } else { "orphan" };
        self.order.give("remove", self.reason, [("choice", Some(choice.into()))], output)
    }
}
