//! `taffrail refresh APP`.

use clap::Args;

use super::order::{Order, Reason};
use crate::failure::Failure;
use crate::output::Output;

/// Poll an application's repository now.
#[derive(Debug, Args)]
pub(super) struct Refresh {
    #[command(flatten)]
    order: Order,
    #[command(flatten)]
    reason: Reason,
}

impl Refresh {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        self.order.give("refresh", self.reason, [], output)
    }
}
