//! Writes a JSON value byte for byte as `kustomize build` does: sigs.k8s.io/yaml, which is go-yaml v2.
//!
//! What always holds: what is written reads back as the same value; keys stand in go-yaml's order; a list stands at
//! the indentation of its key; texts outside of blocks are folded at the first single space beyond column 80.

use std::fmt::Write;

use serde_json::{Number, Value};

use crate::resolve::number;
use crate::style::{Style, is_break, is_printable, style};

const INDENT: usize = 2;
/// go-yaml folds beyond this column.
const WIDTH: usize = 80;

/// The YAML of one document, with a newline at the end and without `---`.
pub fn to_string(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(map) if !map.is_empty() => mapping(&mut out, map, 0, false),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0, false),
        other => {
            leaf(&mut out, other, INDENT);
            newline(&mut out, other);
        }
    }
    out
}

/// Sorts entries as go-yaml does. Its order is not transitive (`a9 < a10 < a1b < a9`), on which the standard sort may
/// panic: a merge of halves, from a fixed start, gives one answer whatever the comparison says.
fn sorted<'v>(mut entries: Vec<(&'v String, &'v Value)>) -> Vec<(&'v String, &'v Value)> {
    entries.sort_by_key(|(key, _)| key.as_str());
    halve(entries)
}

/// Recursion is bounded by the logarithm of the length.
fn halve<'v>(mut left: Vec<(&'v String, &'v Value)>) -> Vec<(&'v String, &'v Value)> {
    if left.len() < 2 {
        return left;
    }
    let right = halve(left.split_off(left.len() / 2));
    let mut left = halve(left).into_iter().peekable();
    let mut merged = Vec::with_capacity(left.len() + right.len());
    for entry in right {
        while let Some(before) = left.next_if(|before| !less(entry.0, before.0)) {
            merged.push(before);
        }
        merged.push(entry);
    }
    merged.extend(left);
    merged
}

/// Letters after other characters, runs of digits by their number.
/// Source: `keyList.Less` in go-yaml v2's `sorter.go`.
fn less(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let Some(at) = a.iter().zip(&b).position(|(x, y)| x != y) else { return a.len() < b.len() };
    let (x, y) = (a[at], b[at]);
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (false, false) => {}
        (_, y_is_letter) => return y_is_letter,
    }
    // A zero inside of a longer number counts as a digit of it.
    let inside = (x == '0' || y == '0') && a[..at].iter().rev().take_while(|c| c.is_numeric()).any(|c| *c != '0');
    let start = i64::from(inside);
    let run = |chars: &[char]| {
        chars[at..].iter().take_while(|c| c.is_ascii_digit()).fold((start, 0), |(value, length), c| {
            (value.wrapping_mul(10).wrapping_add(i64::from(*c as u32 - '0' as u32)), length + 1)
        })
    };
    let ((x_value, x_length), (y_value, y_length)): ((i64, usize), (i64, usize)) = (run(&a), run(&b));
    if x_value != y_value {
        return x_value < y_value;
    }
    if x_length != y_length { x_length < y_length } else { x < y }
}

/// `inline` says that the first line goes on after `- `.
fn mapping(out: &mut String, map: &serde_json::Map<String, Value>, indent: usize, inline: bool) {
    for (index, (key, value)) in sorted(map.iter().collect()).into_iter().enumerate() {
        if index > 0 || !inline {
            pad(out, indent);
        }
        // YAML's simple keys are short and on one line; others are written with `?`.
        let simple = key.len() <= 128 && !key.contains(is_break);
        if simple {
            string(out, key, indent, true);
            out.push(':');
        } else {
            out.push_str("? ");
            string(out, key, indent + INDENT, false);
            if !out.ends_with('\n') {
                out.push('\n');
            }
            pad(out, indent);
            out.push(':');
        }
        match value {
            Value::Object(map) if !map.is_empty() => {
                if simple {
                    out.push('\n');
                } else {
                    out.push(' ');
                }
                mapping(out, map, indent + INDENT, !simple);
            }
            Value::Array(items) if !items.is_empty() => {
                if simple {
                    out.push('\n');
                    sequence(out, items, indent, false);
                } else {
                    out.push(' ');
                    sequence(out, items, indent + INDENT, true);
                }
            }
            other => {
                out.push(' ');
                leaf(out, other, indent + INDENT);
                newline(out, other);
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Value], indent: usize, inline: bool) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !inline {
            pad(out, indent);
        }
        out.push_str("- ");
        match item {
            Value::Object(map) if !map.is_empty() => mapping(out, map, indent + INDENT, true),
            Value::Array(items) if !items.is_empty() => sequence(out, items, indent + INDENT, true),
            other => {
                leaf(out, other, indent + INDENT);
                newline(out, other);
            }
        }
    }
}

fn pad(out: &mut String, indent: usize) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// Ends a leaf's line, unless its block has ended it already.
fn newline(out: &mut String, leaf: &Value) {
    let block = matches!(leaf, Value::String(text) if style(text, false) == Style::Literal && text.ends_with('\n'));
    if !block {
        out.push('\n');
    }
}

fn leaf(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(value) => out.push_str(&number_text(value)),
        Value::String(text) => string(out, text, indent, false),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

/// Integers as they are (an integral float is one, as it passes through JSON); other floats as Go's
/// `strconv.FormatFloat(value, 'g', -1, 64)`, which turns to exponents below 1e-4 and from 1e6 on.
fn number_text(value: &Number) -> String {
    let value = match value.as_f64() {
        Some(float) if value.is_f64() => number(float),
        _ => value.clone(),
    };
    let Some(float) = value.as_f64().filter(|_| value.is_f64()) else { return value.to_string() };
    let scientific = format!("{float:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn string(out: &mut String, text: &str, indent: usize, key: bool) {
    // A key stands on one line.
    let mut line = Line::new(out, if key { None } else { Some(indent) });
    match style(text, key) {
        Style::Plain => line.fold(text, |line, c| line.push(c)),
        Style::SingleQuoted => {
            line.push('\'');
            line.fold(text, |line, c| {
                line.push(c);
                if c == '\'' {
                    line.push(c);
                }
            });
            line.push('\'');
        }
        Style::DoubleQuoted => {
            line.push('"');
            line.double_quoted = true;
            line.fold(text, escape);
            line.push('"');
        }
        Style::Literal => literal(out, text, indent),
    }
}

/// The line being written, which knows its column.
struct Line<'a> {
    out: &'a mut String,
    column: usize,
    /// Where the next line starts; `None` when there must be none.
    indent: Option<usize>,
    double_quoted: bool,
}

impl<'a> Line<'a> {
    fn new(out: &'a mut String, indent: Option<usize>) -> Self {
        let column = out.chars().rev().take_while(|c| *c != '\n').count();
        Self { out, column, indent, double_quoted: false }
    }

    fn push(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    /// Writes each character, a new line instead of a space where the text is folded.
    fn fold(&mut self, text: &str, mut write: impl FnMut(&mut Self, char)) {
        let mut after_space = false;
        let mut chars = text.chars().enumerate().peekable();
        while let Some((index, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            let before_space = next == Some(' ');
            let may_fold = c == ' ' && !after_space && index > 0 && next.is_some() && self.column > WIDTH;
            match self.indent.filter(|_| may_fold && (self.double_quoted || !before_space)) {
                Some(indent) => {
                    self.out.push('\n');
                    pad(self.out, indent);
                    self.column = indent;
                    if before_space {
                        // The space that opens the next line would be taken for indentation.
                        self.push('\\');
                    }
                }
                None => write(self, c),
            }
            after_space = c == ' ';
        }
    }
}

fn literal(out: &mut String, text: &str, indent: usize) {
    out.push('|');
    if text.starts_with(|c| c == ' ' || is_break(c)) {
        let _ = write!(out, "{INDENT}");
    }
    let mut last = text.chars().rev();
    match (last.next(), last.next()) {
        (Some(end), _) if !is_break(end) => out.push('-'),
        (Some(_), None) => out.push('+'),
        (Some(_), Some(before)) if is_break(before) => out.push('+'),
        _ => {}
    }
    out.push('\n');
    let mut fresh = true;
    for c in text.chars() {
        if is_break(c) {
            out.push(c);
            fresh = true;
        } else {
            if fresh {
                pad(out, indent);
                fresh = false;
            }
            out.push(c);
        }
    }
}

fn escape(line: &mut Line<'_>, c: char) {
    if is_printable(c) && !is_break(c) && c != '"' && c != '\\' {
        return line.push(c);
    }
    line.push('\\');
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ => {
            let code = u32::from(c);
            let digits = match code {
                0..=0xff => format!("x{code:02X}"),
                0x100..=0xffff => format!("u{code:04X}"),
                _ => format!("U{code:08X}"),
            };
            return digits.chars().for_each(|digit| line.push(digit));
        }
    };
    line.push(short);
}
