//! `taffrail revert APP [--to SEQ]`.

use clap::Args;

use super::order::{NeededReason, Order};
use crate::failure::Failure;
use crate::output::Output;

/// Go back to a recorded state: to the one before what is live, unless one is named.
#[derive(Debug, Args)]
pub(super) struct Revert {
    #[command(flatten)]
    order: Order,
    /// The state that this event names; `taffrail history APP` lists them.
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    #[command(flatten)]
    reason: NeededReason,
}

impl Revert {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        self.order.give("revert", self.reason, [("to", self.to.map(Into::into))], output)
    }
}
