//! How two states differ: for a terminal, and for a comment on a merge request.

use std::io;

use taffrail_ports::inquiries::{Change, Difference, ObjectDifference, Side};

use crate::output::{Colour, Output, printable};

/// Unified diffs, and a line that counts.
pub(crate) fn difference(difference: &Difference, output: &mut Output) -> io::Result<()> {
    for ObjectDifference { object, change, diff, note } in &difference.objects {
        let (word, colour) = word(*change);
        let head = output.paint(Some(colour), &format!("{word} {}", printable(&object.to_string())));
        output.line(&head)?;
        if let Some(note) = note {
            output.line(&format!("  {}", printable(note)))?;
        }
        for line in diff.lines() {
            let colour = match line.as_bytes().first() {
                Some(b'+') => Some(Colour::Good),
                Some(b'-') => Some(Colour::Bad),
                Some(b'@') => Some(Colour::Faint),
                _ => None,
            };
            let line = output.paint(colour, &printable(line));
            output.line(&format!("  {line}"))?;
        }
    }
    output.line(&counts(difference))
}

/// A table, and the diffs folded away below it.
pub(crate) fn markdown(difference: &Difference, output: &mut Output) -> io::Result<()> {
    output.line(&format!("### {}: {}\n", difference.application, counts(difference)))?;
    if difference.objects.is_empty() {
        return Ok(());
    }
    output.line("| object | change | |\n|---|---|---|")?;
    for ObjectDifference { object, change, note, .. } in &difference.objects {
        let note = note.as_deref().map(cell).unwrap_or_default();
        output.line(&format!("| `{}` | {} | {note} |", cell(&object.to_string()), word(*change).0))?;
    }
    for ObjectDifference { object, diff, .. } in difference.objects.iter().filter(|object| !object.diff.is_empty()) {
        // A fence must be longer than any that the text holds.
        let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(longest.max(2) + 1);
        let object = printable(&object.to_string());
        output.line(&format!("\n<details><summary><code>{object}</code></summary>\n\n{fence}diff"))?;
        for line in diff.lines() {
            output.line(&printable(line))?;
        }
        output.line(&format!("{fence}\n\n</details>"))?;
    }
    Ok(())
}

/// Text that stays in its cell of a table.
fn cell(text: &str) -> String {
    printable(text).replace('|', "\\|").replace('<', "&lt;")
}

fn word(change: Change) -> (&'static str, Colour) {
    match change {
        Change::Created => ("created", Colour::Good),
        Change::Changed => ("changed", Colour::Changing),
        Change::Pruned => ("deleted", Colour::Bad),
        Change::Held => ("kept, although no longer asked for", Colour::Faint),
        Change::Refused => ("refused", Colour::Bad),
    }
}

fn counts(difference: &Difference) -> String {
    let side = |side: &Side| match side {
        Side::Live => "the cluster".to_owned(),
        Side::Recorded { seq, .. } => format!("event {seq}"),
        Side::Rendered { revision } => revision.short().to_owned(),
    };
    let count = |change| difference.objects.iter().filter(|object| object.change == change).count();
    let words: Vec<String> = [
        (Change::Created, "created"),
        (Change::Changed, "changed"),
        (Change::Pruned, "deleted"),
        (Change::Held, "kept"),
        (Change::Refused, "refused"),
    ]
    .into_iter()
    .filter(|(change, _)| count(*change) > 0)
    .map(|(change, word)| format!("{} {word}", count(change)))
    .collect();
    let what = if words.is_empty() { "no difference".to_owned() } else { words.join(", ") };
    let (from, to) = (side(&difference.from), side(&difference.to));
    format!("{what} from {from} to {to}; {} objects are the same", difference.unchanged)
}
