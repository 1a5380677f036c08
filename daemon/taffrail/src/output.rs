//! The terminal: the only place that writes to it.
//!
//! Always: results go to stdout, everything about them to stderr; colour only where a person looks; what others wrote
//! (commit subjects, server messages) cannot move the cursor. A closed pipe is an error, not a panic, which is why
//! nothing here is `println!`.

use std::io::{self, IsTerminal, Write};

/// Where a command's results go.
pub struct Output {
    results: Box<dyn Write>,
    messages: Box<dyn Write>,
    colour: bool,
}

/// Colours that mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Good,
    Changing,
    Bad,
    Faint,
}

impl Output {
    /// The process's own stdout and stderr.
    pub fn terminal() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let colour = wanted && io::stdout().is_terminal();
        Self { results: Box::new(io::stdout()), messages: Box::new(io::stderr()), colour }
    }

    /// Writes a result as it is.
    pub(crate) fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.results.write_all(text)
    }

    /// Writes a line of a result.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.results, "{text}")
    }

    /// Where results go as they are, for those who write a stream.
    pub(crate) fn results(&mut self) -> &mut dyn Write {
        &mut *self.results
    }

    /// Hands on what was written so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.results.flush()
    }

    /// `text` in a colour, or as it is.
    pub(crate) fn paint(&self, colour: Option<Colour>, text: &str) -> String {
        let code = match colour.filter(|_| self.colour) {
            None => return text.to_owned(),
            Some(Colour::Good) => 32,
            Some(Colour::Changing) => 33,
            Some(Colour::Bad) => 31,
            Some(Colour::Faint) => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// What went wrong. A terminal that is gone cannot be told.
    pub(crate) fn error(&mut self, text: &str) {
        let _ = writeln!(self.messages, "error: {}", printable(text));
    }

    /// What may be wrong, or only incomplete.
    pub(crate) fn warning(&mut self, text: &str) {
        let _ = writeln!(self.messages, "warning: {}", printable(text));
    }

    /// What is waited for.
    pub(crate) fn progress(&mut self, text: &str) {
        let _ = writeln!(self.messages, "{}", printable(text));
    }

    /// What to do about it.
    pub(crate) fn hint(&mut self, text: &str) {
        let _ = writeln!(self.messages, "hint: {}", printable(text));
    }
}

/// `text` without what would move a terminal's cursor or end the line.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        // Besides control characters, those that reorder the text around them.
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_text_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\r\nä\u{202e}"), "a\\u{1b}[2Jb\\r\\nä\\u{202e}");
    }
}
