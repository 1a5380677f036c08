//! Text from outside (commits, servers, other people's libraries) made fit for a line of a log.

/// Longest author and longest subject, in characters.
const LONGEST_LINE: usize = 200;
/// Longest reason of an error, in characters.
const LONGEST_REASON: usize = 1000;

/// At most 200 characters of `bytes`, cleaned, on one line.
pub(crate) fn line(bytes: &[u8]) -> String {
    clean(bytes, LONGEST_LINE)
}

/// What somebody says went wrong, cleaned, on one line.
pub(crate) fn reason(text: &str) -> String {
    clean(text.as_bytes(), LONGEST_REASON)
}

/// Invalid UTF-8 is replaced; control characters are left out, and so are those that turn the direction of writing and
/// make a line read as another (CVE-2021-42574).
fn clean(bytes: &[u8], longest: usize) -> String {
    let turning = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let text = String::from_utf8_lossy(bytes);
    let text: String = text.trim().chars().filter(|c| !c.is_control() && !turning(*c)).take(longest).collect();
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn nothing_moves_the_cursor_or_floods_the_log() {
        assert_eq!(line(b" fix \x1b[31mit\r\n"), "fix [31mit");
        assert_eq!(line("a\u{202e}b".as_bytes()), "ab");
        assert_eq!(line(b"caf\xe9"), "caf\u{fffd}");
        assert_eq!(line("ü".repeat(300).as_bytes()).chars().count(), 200);
    }
}
