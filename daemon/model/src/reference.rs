//! What is followed in a repository: a branch, the newest of some tags, or the highest version in a range.
//!
//! Always: a pattern and a range were checked when they were made; how they were written is kept, since it is recorded.

use std::fmt;
use std::str::FromStr;

use semver::{BuildMetadata, Prerelease, Version, VersionReq};
use serde::{Deserialize, Serialize};

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reference {
    /// The head of a branch.
    Branch(String),
    /// The newest tag whose name fits: the highest version; where no such tag is a version, the one with the newest
    /// commit.
    Tag(TagPattern),
    /// The tag with the highest version in a range.
    Semver(VersionRange),
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Branch(branch) => write!(f, "branch {branch:?}"),
            Self::Tag(pattern) => write!(f, "tag like {:?}", pattern.as_str()),
            Self::Semver(range) => write!(f, "tag with a version in {:?}", range.as_str()),
        }
    }
}

/// A tag's name with `*` for any characters and `?` for any one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagPattern(String);

impl TagPattern {
    /// The pattern as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a tag of this name fits.
    pub fn matches(&self, name: &str) -> bool {
        fits(&self.0, name)
    }

    /// The version that the name of a fitting tag holds: all of it, or what follows the fixed start of the pattern, as in
    /// `shop-v1.4.2` of `shop-*`.
    pub fn version(&self, name: &str) -> Option<Version> {
        let fixed = self.0.split(['*', '?']).next().unwrap_or_default();
        version(name).or_else(|| version(name.strip_prefix(fixed)?))
    }
}

/// The text is no pattern of tags.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is no pattern that a tag's name could fit: write the name, with * for any characters and ? for one")]
pub struct InvalidPattern;

impl FromStr for TagPattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let forbidden = |c: char| c.is_whitespace() || c.is_control() || "~^:[\\".contains(c);
        let wrong = text.is_empty() || text.starts_with("refs/") || text.contains(forbidden) || text.contains("..");
        if wrong { Err(InvalidPattern) } else { Ok(Self(text.to_owned())) }
    }
}

impl TryFrom<String> for TagPattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Self, InvalidPattern> {
        text.parse()
    }
}

impl From<TagPattern> for String {
    fn from(pattern: TagPattern) -> Self {
        pattern.0
    }
}

/// A range of versions such as `>=1.4 <2`. A pre-release is in it only when it names one of the same version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionRange {
    text: String,
    range: VersionReq,
}

impl VersionRange {
    /// The range as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a version is in it.
    pub fn contains(&self, version: &Version) -> bool {
        self.range.matches(version)
    }
}

/// The text is no range of versions.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("is no range of versions ({0}): write comparisons that must all hold, as in \">=1.4 <2\", \"~1.4\" or \"^1\"")]
pub struct InvalidRange(String);

impl FromStr for VersionRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        if text.contains("||") {
            return Err(InvalidRange("\"||\" is not known".to_owned()));
        }
        // Blanks between comparisons mean what a comma means; those after an operator mean nothing.
        let mut commas = String::new();
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            if !commas.is_empty() && !commas.ends_with(['<', '>', '=', '~', '^']) {
                commas.push(',');
            }
            commas.push_str(word);
        }
        let range = commas.parse().map_err(|error: semver::Error| InvalidRange(error.to_string()))?;
        Ok(Self { text: text.to_owned(), range })
    }
}

impl TryFrom<String> for VersionRange {
    type Error = InvalidRange;

    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

impl From<VersionRange> for String {
    fn from(range: VersionRange) -> Self {
        range.text
    }
}

/// Whether all of `text` fits a pattern in which `*` stands for any characters and `?` for any one.
pub fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where the last `*` stands, and up to where it has eaten: only that one ever needs to eat more.
    let (mut at, mut read, mut star) = (0, 0, None);
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                Some((place, eaten)) => {
                    star = Some((place, eaten + 1));
                    at = place + 1;
                    read = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

/// The version that a tag's name is: `1.4.2` or `v1.4.2`, with a pre-release and a build or without; numbers that are
/// left out at the end are 0.
pub fn version(name: &str) -> Option<Version> {
    let text = name.strip_prefix(['v', 'V']).unwrap_or(name);
    let (text, build) = text.split_once('+').map_or((text, ""), |(text, build)| (text, build));
    let (numbers, pre) = text.split_once('-').map_or((text, ""), |(numbers, pre)| (numbers, pre));
    let mut parts = [0; 3];
    for (index, number) in numbers.split('.').enumerate() {
        let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        *parts.get_mut(index)? = number.parse().ok().filter(|_| digits)?;
    }
    let [major, minor, patch] = parts;
    Some(Version { major, minor, patch, pre: Prerelease::new(pre).ok()?, build: BuildMetadata::new(build).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_whole_names() {
        let fits = |pattern: &str, name: &str| pattern.parse::<TagPattern>().unwrap().matches(name);
        for (pattern, name) in [
            ("v*", "v1"),
            ("v*", "v"),
            ("*", "anything/at-all"),
            ("v?.?", "v1.2"),
            ("*-v*-*", "a-b-v1-v2-c"),
            ("release/*/x", "release/1/2/x"),
            ("ä*", "äö"),
        ] {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("v*", "1"), ("v?", "v"), ("v1", "v11"), ("*.x", "v1.xy"), ("a*b*c", "acb")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
        for wrong in ["", "refs/tags/v*", "v *", "v[12]", "a..b", "x^"] {
            assert!(wrong.parse::<TagPattern>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_may_be_a_version() {
        for (name, expected) in [
            ("v1.4.2", "1.4.2"),
            ("1.4", "1.4.0"),
            ("V2", "2.0.0"),
            ("v1.4.2-rc.1+build.5", "1.4.2-rc.1+build.5"),
            ("v1-rc", "1.0.0-rc"),
            ("v01.2", "1.2.0"),
        ] {
            assert_eq!(version(name).map(|version| version.to_string()).as_deref(), Some(expected), "{name}");
        }
        for name in ["", "v", "vv1", "v1.2.3.4", "latest", "v1..2", "v+1", "v1.x", "1.2.3-", "v99999999999999999999"] {
            let empty_pre = name == "1.2.3-"; // as without a pre-release
            assert_eq!(version(name).is_some(), empty_pre, "{name}");
        }
        let pattern: TagPattern = "shop-*".parse().unwrap();
        assert_eq!(pattern.version("shop-v1.4.2"), version("1.4.2"));
        assert_eq!(pattern.version("shop-old"), None);
    }

    #[test]
    fn a_range_holds_what_every_comparison_allows() {
        let holds = |range: &str, name: &str| range.parse::<VersionRange>().unwrap().contains(&version(name).unwrap());
        for (range, name) in [
            (">=1.4 <2", "v1.4"),
            (">= 1.4, < 2", "v1.99.3"),
            ("~1.4", "v1.4.9"),
            ("^1", "v1.9"),
            ("1.4", "v1.5"),
            ("1.4.*", "v1.4.9"),
            ("*", "v7"),
            (">=2.0.0-rc.1", "v2.0.0-rc.2"),
        ] {
            assert!(holds(range, name), "{range} {name}");
        }
        for (range, name) in [
            (">=1.4 <2", "v2"),
            (">=1.4 <2", "v1.3.9"),
            (">=1.4 <2", "v1.5.0-rc.1"),
            (">=1.4 <2", "v2.0.0-rc.1"),
            (">=2.0.0-rc.1", "v2.1.0-rc.1"),
            ("*", "v2.0.0-rc.1"),
        ] {
            assert!(!holds(range, name), "{range} {name}");
        }
        for wrong in ["", ">=", "1 || 2", "latest", ">=1.4 <", "=>1"] {
            assert!(wrong.parse::<VersionRange>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_was_recorded_is_read_as_it_was() {
        for text in [r#"{"branch":"main"}"#, r#"{"tag":"v*"}"#, r#"{"semver":">=1.4 <2"}"#] {
            let reference: Reference = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&reference).unwrap(), text);
        }
    }
}
