//! Strikes known values out of a text.
//!
//! Always: also as base64, wherever in an encoded text they stand, as URL and JSON write them, and line by line. What is
//! left is one line without control characters, and cut only after the striking.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::address::encoded;

/// Shorter values would strike out half of every text.
const SHORTEST: usize = 4;
/// Most characters of a text.
const LONGEST: usize = 500;
const STRUCK: &str = "***";

pub(super) struct Strike {
    /// The longest first, so that none is left of which another is a part.
    needles: Vec<String>,
}

impl Strike {
    pub fn new(values: &[String]) -> Self {
        let parts = values.iter().flat_map(|value| std::iter::once(value.as_str()).chain(value.lines()));
        let mut needles: Vec<_> = parts.map(str::trim).filter(|part| part.len() >= SHORTEST).flat_map(forms).collect();
        needles.retain(|needle| needle.chars().count() >= SHORTEST);
        needles.sort_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        needles.dedup();
        Self { needles }
    }

    /// `text` as it may be told.
    pub fn out(&self, text: &str) -> String {
        let mut line = plain(text);
        for needle in &self.needles {
            if line.contains(needle.as_str()) {
                line = line.replace(needle.as_str(), STRUCK);
            }
        }
        if line.chars().count() > LONGEST {
            line = line.chars().take(LONGEST - 2).chain(" …".chars()).collect();
        }
        line
    }
}

/// The ways to write `value`.
fn forms(value: &str) -> Vec<String> {
    let json = serde_json::Value::from(value).to_string();
    let percent = encoded(value);
    let mut forms = vec![plain(value), json[1..json.len() - 1].to_owned(), percent.replace("%20", "+"), percent];
    // In an encoded text, a value begins at one of three places of a group of four characters. What its neighbours
    // have a part in is left out.
    for before in 0..3 {
        let shifted = [&[0; 2][..before], value.as_bytes()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            let (first, last) = ([0, 2, 3][before], shifted.len() * 8 / 6);
            forms.push(text[first..last].to_owned());
        }
    }
    forms
}

/// `text` on one line, without control characters and colours.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.next_if_eq(&'[').is_some() => {
                // Parameters, up to the letter that says what they are for.
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            c if c.is_whitespace() => plain.push(' '),
            c if c.is_control() => {}
            c => plain.push(c),
        }
    }
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_value_is_struck_out_in_every_form() {
        let value = "p\u{e4}ss/w\"rd & more+";
        let strike = Strike::new(&[value.to_owned()]);
        for text in [
            format!("login with {value} failed"),
            format!("{{\"password\":{}}}", serde_json::Value::from(value)),
            format!("GET /?p={}", encoded(value)),
            format!("Authorization: Basic {}", STANDARD.encode(format!("admin:{value}"))),
            format!("Basic {}", STANDARD.encode(format!("ad:{value}:x"))),
            format!("data: {}", STANDARD.encode(value)),
            format!("data: {}", URL_SAFE_NO_PAD.encode(format!("x{value}"))),
            format!("\u{1b}[31mpass {value}\u{1b}[0m\u{7}"),
        ] {
            let out = strike.out(&text);
            assert!(out.contains(STRUCK), "{out}");
            for rest in ["w\"rd", "more", "w%22rd", "ss/w"] {
                assert!(!out.contains(rest), "{out}");
            }
        }
    }

    #[test]
    fn each_line_of_a_value_is_struck_out_and_short_ones_are_not() {
        let strike = Strike::new(&["-----BEGIN-----\nMIIabc\nxy\n-----END-----\n".to_owned(), "abc".to_owned()]);
        assert_eq!(strike.out("MIIabc xy abc"), "*** xy abc");
        assert_eq!(strike.out("the whole: -----BEGIN----- MIIabc"), "the whole: *** ***");
    }

    #[test]
    fn what_is_left_is_one_short_line_and_no_half_value() {
        let strike = Strike::new(&["kanarienvogel".to_owned()]);
        assert_eq!(strike.out("\u{1b}[1mred\u{1b}[0m\ttab\r\nnext\u{0}"), "red tab  next");
        let long = strike.out(&format!("{}kanarienvogel", "x".repeat(LONGEST - 5)));
        assert!(long.chars().count() <= LONGEST && !long.contains("kan"), "{long}");
    }
}
