//! `--output`: the same answer for a person, or for a program.

use clap::ValueEnum;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::Output;

/// How an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a person.
    #[default]
    Text,
    /// One JSON document.
    Json,
    /// One YAML document.
    Yaml,
}

/// Writes `value` as one JSON document.
pub(super) fn json(value: &Value, output: &mut Output) -> Result<(), Failure> {
    Ok(output.line(&format!("{value:#}"))?)
}

/// Writes `value` as one YAML document.
pub(super) fn yaml(value: &Value, output: &mut Output) -> Result<(), Failure> {
    Ok(output.write(taffrail_yaml::to_string(value).as_bytes())?)
}
