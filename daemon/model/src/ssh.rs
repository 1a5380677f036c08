//! Where a repository is that is reached by ssh.
//!
//! Always: no part of it can be taken for an option or for more than one word by what it is handed to.

use std::str::FromStr;

/// `ssh://USER@HOST[:PORT]/PATH` or `USER@HOST:PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    /// Who logs in; `git` nearly everywhere.
    pub user: String,
    /// The host, in lower case; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path, as the server is to read it: one that does not start with `/` is in the user's home.
    pub path: String,
}

/// Where ssh listens.
const PORT: u16 = 22;

/// The text is no such address; the words continue `the url`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidSshAddress {
    /// It has none of the two forms.
    #[error("is no address of ssh: write ssh://git@HOST/PATH or git@HOST:PATH")]
    Form,
    /// There is a password in it.
    #[error("holds a password: ssh logs in with a key, see \"credentials\"")]
    Password,
    /// A part of it cannot be meant.
    #[error("has a {0} that ssh cannot have")]
    Part(&'static str),
}

impl SshAddress {
    /// Whether `url` is meant to be one: so that what is wrong with it is said as such.
    pub fn is_meant(url: &str) -> bool {
        url.starts_with("ssh:")
            || (!url.contains("://") && url.split(['/', ':']).next().unwrap_or_default().contains('@'))
    }
}

impl FromStr for SshAddress {
    type Err = InvalidSshAddress;

    fn from_str(text: &str) -> Result<Self, InvalidSshAddress> {
        let (user, host, port, path) = match text.strip_prefix("ssh://") {
            Some(rest) => {
                let (authority, path) = rest.split_once('/').ok_or(InvalidSshAddress::Form)?;
                let (user, place) = authority.rsplit_once('@').ok_or(InvalidSshAddress::Form)?;
                let bracketed = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let (host, port) = match bracketed {
                    Some((host, "")) => (host, None),
                    Some((host, rest)) => (host, Some(rest.strip_prefix(':').ok_or(InvalidSshAddress::Part("port"))?)),
                    None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
                };
                let port = port.map_or(Ok(PORT), |port| port.parse().map_err(|_| InvalidSshAddress::Part("port")))?;
                let path = if path.starts_with('~') { path.to_owned() } else { format!("/{path}") };
                (user, host, port, path)
            }
            None => {
                let (user, rest) = text.split_once('@').ok_or(InvalidSshAddress::Form)?;
                let (host, path) = rest.split_once(':').ok_or(InvalidSshAddress::Form)?;
                (user, host, PORT, path.to_owned())
            }
        };
        if user.contains(':') {
            return Err(InvalidSshAddress::Password);
        }
        let word = |text: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            !text.is_empty() && !text.starts_with('-') && text.chars().all(fits)
        };
        if !word(user) {
            return Err(InvalidSshAddress::Part("user"));
        }
        if !word(host) && host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(InvalidSshAddress::Part("host"));
        }
        if port == 0 {
            return Err(InvalidSshAddress::Part("port"));
        }
        let wrong = path.starts_with('-') || path.contains(|c: char| c.is_control() || matches!(c, '?' | '#' | '%'));
        if wrong || path.trim_matches('/').is_empty() {
            return Err(InvalidSshAddress::Part("path"));
        }
        Ok(Self { user: user.to_owned(), host: host.to_ascii_lowercase(), port, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        for (text, user, host, port, path) in [
            ("ssh://git@Git.example.org/shop.git", "git", "git.example.org", 22, "/shop.git"),
            ("ssh://git@h:2222/a b/c", "git", "h", 2222, "/a b/c"),
            ("ssh://ada@[fd00::1]:2222/~ada/shop", "ada", "fd00::1", 2222, "~ada/shop"),
            ("ssh://git@[fd00::1]/x", "git", "fd00::1", 22, "/x"),
            ("git@github.com:example/shop.git", "git", "github.com", 22, "example/shop.git"),
            ("git@h:/srv/shop.git", "git", "h", 22, "/srv/shop.git"),
        ] {
            assert!(SshAddress::is_meant(text), "{text}");
            let expected = SshAddress { user: user.to_owned(), host: host.to_owned(), port, path: path.to_owned() };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_could_be_taken_for_something_else_is_refused() {
        for text in [
            "ssh://git@-oProxyCommand=x/a",
            "ssh://-l@h/a",
            "ssh://git@h:0/a",
            "ssh://git@h:port/a",
            "ssh://git@[h]x/a",
            "ssh://git@/a",
            "ssh://git@h/",
            "ssh://git@h",
            "ssh://h/a",
            "ssh://git:hunter2@h/a",
            "git@h:-x",
            "git@h:",
            "git@-h:a",
            "git@h o:a",
            "git@h:a\nb",
            "ssh://git@h/a?b",
        ] {
            assert!(text.parse::<SshAddress>().is_err(), "{text}");
        }
        for text in ["https://me@h/a", "file:///a@b:c", "/srv/a@b:c", "../a"] {
            assert!(!SshAddress::is_meant(text), "{text}");
        }
    }
}
