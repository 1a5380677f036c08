//! `taffrail adopt APP`.

use clap::Args;

use super::order::{NeededReason, Order};
use crate::failure::Failure;
use crate::output::Output;

/// Take the claim and the objects of an earlier installation, or of a journal that was restored.
#[derive(Debug, Args)]
pub(super) struct Adopt {
    #[command(flatten)]
    order: Order,
    #[command(flatten)]
    reason: NeededReason,
}

impl Adopt {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        self.order.give("adopt", self.reason, [], output)
    }
}
