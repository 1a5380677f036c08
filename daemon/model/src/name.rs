//! Names of applications and repositories: RFC 1123 labels, so that a name is also a valid label value, folder and URL
//! segment.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name, which is also the limit of a Kubernetes label value.
pub const LONGEST: usize = 63;

/// The text is no RFC 1123 label.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a name: use 1 to 63 lower-case letters, digits and '-', with a letter or digit at both ends")]
pub struct InvalidName(String);

fn check(text: &str) -> Result<(), InvalidName> {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let ends = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let valid = bytes.len() <= LONGEST
        && bytes.iter().copied().all(inner)
        && bytes.first().copied().is_some_and(ends)
        && bytes.last().copied().is_some_and(ends);
    if valid { Ok(()) } else { Err(InvalidName(text.chars().take(80).collect())) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                check(&text).map(|()| Self(text))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name! {
    /// The name of an application: a path of a repository that is kept in a cluster.
    ApplicationName
}
name! {
    /// The name of a Git repository.
    RepositoryName
}

name! {
    /// The name of a Kubernetes cluster that objects are written to.
    ClusterName
}

impl ClusterName {
    /// Whether it is the one that is configured as `cluster`.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for ClusterName {
    /// The one that is configured as `cluster`.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_an_rfc_1123_label() {
        for good in ["a", "shop-staging", "0x", &"a".repeat(63)] {
            assert!(good.parse::<ApplicationName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a.b", "../a", "a/b", &"a".repeat(64)] {
            assert!(bad.parse::<ApplicationName>().is_err(), "{bad}");
        }
    }
}
