//! How a string must be written so that it reads back as the same string.
//!
//! Source: go-yaml v2's `encode.go` (`stringv`) and `emitterc.go` (`yaml_emitter_analyze_scalar`,
//! `yaml_emitter_select_scalar_style`), because `kustomize build` prints with them.

use crate::resolve::{Plain, Rules, resolve};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// The style that go-yaml chooses; a key never becomes a block.
pub(crate) fn style(text: &str, key: bool) -> Style {
    let shape = Shape::of(text);
    if text.contains('\n') {
        return if shape.block_allowed && !key { Style::Literal } else { Style::DoubleQuoted };
    }
    if resolve(text, Rules::Yaml11) != Plain::Text || (key && text == "<<") || is_base60(text) {
        return Style::DoubleQuoted;
    }
    if key && shape.line_breaks {
        return Style::DoubleQuoted;
    }
    match (shape.plain_allowed, shape.single_quoted_allowed) {
        (true, _) => Style::Plain,
        (false, true) => Style::SingleQuoted,
        (false, false) => Style::DoubleQuoted,
    }
}

/// Whether go-yaml writes the character as it is. The line and paragraph separators, which YAML 1.1 reads as line
/// breaks and YAML 1.2 as text, are escaped here, so that both read the same.
pub(crate) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && !matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}')
}

/// A line break in the eyes of YAML 1.1.
pub(crate) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`: what other YAML 1.1 readers take for a number of base 60.
fn is_base60(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let mut parts = whole.split(':');
    let head = parts.next().unwrap_or_default();
    let mut minutes = parts.peekable();
    head.starts_with(|c: char| c.is_ascii_digit())
        && digits(head)
        && minutes.peek().is_some()
        && minutes.all(|part| match part.as_bytes() {
            [unit] => unit.is_ascii_digit(),
            [ten, unit] => (b'0'..=b'5').contains(ten) && unit.is_ascii_digit(),
            _ => false,
        })
        && digits(fraction)
}

struct Shape {
    line_breaks: bool,
    plain_allowed: bool,
    single_quoted_allowed: bool,
    block_allowed: bool,
}

impl Shape {
    fn of(text: &str) -> Self {
        if text.is_empty() {
            return Self { line_breaks: false, plain_allowed: true, single_quoted_allowed: true, block_allowed: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks, mut break_space, mut space_break) = (false, false, false, false);
        let (mut after_blank, mut after_space, mut after_break) = (true, false, false);
        let mut chars = text.chars().enumerate().peekable();
        while let Some((index, c)) = chars.next() {
            let before_blank = chars.peek().is_none_or(|(_, next)| matches!(next, ' ' | '\t'));
            indicators |= match c {
                ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => index == 0,
                '?' | '-' => index == 0 && before_blank,
                ':' => before_blank,
                '#' => after_blank,
                _ => false,
            };
            special |= !is_printable(c);
            break_space |= c == ' ' && after_break;
            space_break |= is_break(c) && after_space;
            breaks |= is_break(c);
            after_space = c == ' ';
            after_break = is_break(c);
            after_blank = matches!(c, ' ' | '\t' | '\0') || is_break(c);
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let edges = text.starts_with(edge) || text.ends_with(edge);
        Self {
            line_breaks: breaks,
            plain_allowed: !(edges || breaks || break_space || space_break || special || indicators),
            single_quoted_allowed: !(break_space || space_break || special),
            block_allowed: !(text.ends_with(' ') || space_break || special),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_the_style_of_go_yaml() {
        for (text, expected) in [
            ("plain", Style::Plain),
            ("a: b", Style::SingleQuoted),
            ("a:", Style::SingleQuoted),
            ("a:b", Style::Plain),
            ("a #b", Style::SingleQuoted),
            ("-a", Style::Plain),
            ("- a", Style::SingleQuoted),
            (" a", Style::SingleQuoted),
            ("*", Style::SingleQuoted),
            ("", Style::DoubleQuoted),
            ("yes", Style::DoubleQuoted),
            ("0644", Style::DoubleQuoted),
            ("1.0", Style::DoubleQuoted),
            ("12:30:45", Style::DoubleQuoted),
            ("2020-01-01", Style::DoubleQuoted),
            ("tab\there", Style::DoubleQuoted),
            ("😀", Style::DoubleQuoted),
            ("a\nb\n", Style::Literal),
            ("a \nb", Style::DoubleQuoted),
            ("<<", Style::Plain),
        ] {
            assert_eq!(style(text, false), expected, "{text:?}");
        }
    }
}
