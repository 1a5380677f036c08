//! `taffrail release APP`.

use clap::Args;

use super::order::{Order, Reason};
use crate::failure::Failure;
use crate::output::Output;

/// Lift the hold and the quarantine of what Git asks for, and let stopped healing begin anew.
#[derive(Debug, Args)]
pub(super) struct Release {
    #[command(flatten)]
    order: Order,
    #[command(flatten)]
    reason: Reason,
}

impl Release {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        self.order.give("release", self.reason, [], output)
    }
}
