//! `taffrail resume APP`.

use clap::Args;

use super::order::{Order, Reason};
use crate::failure::Failure;
use crate::output::Output;

/// End a suspension.
#[derive(Debug, Args)]
pub(super) struct Resume {
    #[command(flatten)]
    order: Order,
    #[command(flatten)]
    reason: Reason,
}

impl Resume {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        self.order.give("resume", self.reason, [], output)
    }
}
