//! `taffrail acknowledge APP [OBJECT]...`.

use clap::Args;
use taffrail_model::ObjectKey;

use super::order::{NeededReason, Order, list};
use crate::failure::Failure;
use crate::output::Output;

/// Let objects be deleted that are no longer asked for and held.
#[derive(Debug, Args)]
pub(super) struct Acknowledge {
    #[command(flatten)]
    order: Order,
    /// These objects, as PersistentVolumeClaim:shop/data; all that are held when there is none.
    #[arg(value_name = "OBJECT")]
    objects: Vec<ObjectKey>,
    #[command(flatten)]
    reason: NeededReason,
}

impl Acknowledge {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        self.order.give("acknowledge", self.reason, [("objects", list(&self.objects))], output)
    }
}
