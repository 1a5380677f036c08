//! Putting a verdict into words.
//!
//! Always: one line, bounded, and the same whatever order the findings came in.

use std::cmp::Reverse;

use taffrail_model::Health;
use taffrail_model::health::{Degradation, DegradationCause};

/// The most characters a reason has.
pub const LONGEST: usize = 300;

/// The most findings that a reason lists.
const LISTED: usize = 3;

/// One thing that is wrong.
pub struct Finding {
    pub cause: DegradationCause,
    pub text: String,
}

impl Finding {
    pub fn other(text: impl ToString) -> Self {
        Self { cause: DegradationCause::Other, text: text.to_string() }
    }

    /// The smallest is the worst. Restarts come last: they have no time limit, and would hide what has one.
    pub fn rank(&self) -> (u8, Reverse<u32>) {
        match self.cause {
            DegradationCause::Final => (0, Reverse(0)),
            DegradationCause::ImagePull => (1, Reverse(0)),
            DegradationCause::Other => (2, Reverse(0)),
            DegradationCause::Restarts(restarts) => (3, Reverse(restarts)),
        }
    }
}

pub fn progressing(why: &str) -> Health {
    Health::Progressing(line(why, LONGEST))
}

pub fn degraded(cause: DegradationCause, message: &str) -> Health {
    Health::Degraded(Degradation { cause, message: line(message, LONGEST) })
}

/// Degraded as the worst of the findings is. `None` without findings.
pub fn worst(findings: Vec<Finding>) -> Option<Health> {
    let cause = findings.iter().min_by_key(|finding| finding.rank())?.cause;
    Some(degraded(cause, &list(findings)))
}

/// The worst findings in words, each with a fair share of the line.
pub fn list(mut findings: Vec<Finding>) -> String {
    findings.sort_by(|a, b| a.rank().cmp(&b.rank()).then_with(|| a.text.cmp(&b.text)));
    let unlisted = findings.len().saturating_sub(LISTED);
    let more = if unlisted > 0 { format!("; and {unlisted} more") } else { String::new() };
    findings.truncate(LISTED);
    let share = (LONGEST - more.len()) / findings.len().max(1) - "; ".len();
    let listed: Vec<String> = findings.iter().map(|finding| line(&finding.text, share)).collect();
    listed.join("; ") + &more
}

/// The text as one line of at most `most` characters.
fn line(text: &str, most: usize) -> String {
    let mut characters = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut line: String = characters.by_ref().take(most).collect();
    if characters.next().is_some() {
        line.pop();
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(cause: DegradationCause, text: &str) -> Finding {
        Finding { cause, text: text.to_owned() }
    }

    #[test]
    fn the_worst_come_first_and_three_are_listed() {
        let findings = vec![
            finding(DegradationCause::Restarts(9), "d"),
            finding(DegradationCause::Other, "c"),
            finding(DegradationCause::Restarts(10), "e"),
            finding(DegradationCause::ImagePull, "b"),
            finding(DegradationCause::Other, "a"),
        ];
        let Some(Health::Degraded(degradation)) = worst(findings) else { panic!("there are findings") };
        assert_eq!(degradation.cause, DegradationCause::ImagePull);
        assert_eq!(degradation.message, "b; a; c; and 2 more");
    }

    #[test]
    fn more_restarts_are_worse() {
        let findings = vec![finding(DegradationCause::Restarts(2), "a"), finding(DegradationCause::Restarts(7), "b")];
        assert_eq!(worst(findings), Some(degraded(DegradationCause::Restarts(7), "b; a")));
    }

    #[test]
    fn long_findings_share_the_line() {
        let findings = (0..9).map(|n| finding(DegradationCause::Other, &format!("{n}{}", "é".repeat(900)))).collect();
        let text = list(findings);
        assert!(text.chars().count() <= LONGEST, "{text}");
        assert!(["0é", "…; 1é", "…; 2é", "…; and 6 more"].iter().all(|part| text.contains(part)), "{text}");
    }

    #[test]
    fn a_reason_is_one_line() {
        assert_eq!(progressing("a\nb\tc\u{1b}[31m"), Health::Progressing("a b c [31m".to_owned()));
    }
}
