//! `taffrail suspend APP`.

use std::time::Duration;

use clap::Args;
use taffrail_model::{Timestamp, duration};

use super::order::{Order, Reason};
use crate::failure::Failure;
use crate::output::Output;

/// Start no sync and heal nothing, for a while or until it is resumed.
#[derive(Debug, Args)]
pub(super) struct Suspend {
    #[command(flatten)]
    order: Order,
    /// For so long, as 2h or 1h30m.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, conflicts_with = "until")]
    r#for: Option<Duration>,
    /// Until then, as 2026-11-21T18:00:00Z.
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    #[command(flatten)]
    reason: Reason,
}

impl Suspend {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let fields = [
            ("for", self.r#for.map(|time| duration::format(time).into())),
            ("until", self.until.map(|until| until.to_string().into())),
        ];
        self.order.give("suspend", self.reason, fields, output)
    }
}
