//! Single values: text that is parsed, durations with bounds, one of a few words.
//!
//! Always: a fault is reported where the value stands. Text is taken as it stands in the file, so that a branch named
//! `on` or `1.10` needs no quotes; what the text means is for the setting to say.

use std::time::Duration;

use taffrail_model::duration;
use taffrail_yaml::{Fields, Location, Node, nearest};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) location: Location,
}

/// Longest duration of any setting: sums of times stay far from the end of time.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// What `read` makes of the text of `name`; its error continues the sentence that the key starts.
pub(super) fn optional<T>(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<Placed<T>> {
    let node = fields.node(name)?;
    placed(fields, name, node, read)
}

/// As [`optional`], for a key that must be there.
pub(super) fn required<T>(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<Placed<T>> {
    match fields.node(name) {
        Some(node) => placed(fields, name, node, read),
        None => {
            fields.missing(name);
            None
        }
    }
}

/// A duration of `least` to [`LONGEST`]; `default` when there is none.
pub(super) fn duration_or(
    fields: &mut Fields<'_, '_>,
    name: &'static str,
    least: Duration,
    default: Duration,
) -> Duration {
    let read = |text: &str| {
        let duration = duration::parse(text).map_err(|error| format!("is wrong: {error}"))?;
        match duration {
            short if short < least => Err(format!("is too short: {} is the least", duration::format(least))),
            long if long > LONGEST => Err(format!("is too long: {} is the most", duration::format(LONGEST))),
            fits => Ok(fits),
        }
    };
    optional(fields, name, read).map_or(default, |placed| placed.value)
}

/// One of `choices`; the default of the type when the key is absent.
pub(super) fn choice<T: Copy + Default>(fields: &mut Fields<'_, '_>, name: &'static str, choices: &[(&str, T)]) -> T {
    let read = |text: &str| match choices.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let words = || choices.iter().map(|(word, _)| *word);
            Err(format!("should be {}{}", words().collect::<Vec<_>>().join(" | "), meant(text, words())))
        }
    };
    optional(fields, name, read).map_or_else(T::default, |placed| placed.value)
}

/// Text that is taken as it is.
pub(super) fn any(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// The hint that `word` may be one of `known`; empty when none is near.
pub(super) fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |known| format!(" (did you mean \"{known}\"?)"))
}

/// Reports `name`, where it is given, as a setting of a later version.
pub(super) fn unsupported(fields: &mut Fields<'_, '_>, name: &'static str, instead: &str) {
    if fields.has(name) {
        let location = fields.location_of(name);
        fields.node(name);
        fields.error_at(location, format!("\"{name}\" is not supported by this version{instead}"));
    }
}

fn placed<T>(
    fields: &mut Fields<'_, '_>,
    name: &str,
    node: &Node,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Option<Placed<T>> {
    let value = match node.text() {
        Some("") => Err("is empty".to_owned()),
        Some(text) => read(text),
        None => Err(format!("should be text, but is {}", node.describe())),
    };
    match value {
        Ok(value) => Some(Placed { value, location: node.location }),
        Err(what) => {
            fields.error_at(node.location, format!("\"{name}\" {what}"));
            None
        }
    }
}
