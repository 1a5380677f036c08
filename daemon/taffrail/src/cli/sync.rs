//! `taffrail sync APP`.

use clap::Args;

use super::order::{Order, Reason, list};
use crate::failure::Failure;
use crate::output::Output;

/// Write what Git asks for again, or only some objects of it; starts what `mode: manual` waits with.
#[derive(Debug, Args)]
pub(super) struct Sync {
    #[command(flatten)]
    order: Order,
    /// Only this object, as Deployment/api; may be given several times.
    #[arg(long, value_name = "KIND/NAME", value_parser = selector)]
    only: Vec<String>,
    #[command(flatten)]
    reason: Reason,
}

fn selector(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => Ok(text.to_owned()),
        _ => Err("write it as Deployment/api".to_owned()),
    }
}

impl Sync {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        self.order.give("sync", self.reason, [("only", list(&self.only))], output)
    }
}
