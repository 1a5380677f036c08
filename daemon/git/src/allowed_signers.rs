//! Whose ssh signatures count: a file in the format of `ssh-keygen`'s allowed signers.
//!
//! Always: a line that cannot be read is an error, never a signer less. A key counts for what it signed while it was
//! valid, and no longer once it is not valid any more: a commit's date is chosen by whoever makes it.

use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use russh::keys::ssh_key::SshSig;
use russh::keys::{HashAlg, PublicKey};
use taffrail_model::reference::fits;
use taffrail_ports::repositories::RepositoryError;

use crate::login;

/// What git calls its signatures.
const NAMESPACE: &str = "git";

/// The signers.
#[derive(Debug)]
pub(crate) struct AllowedSigners(Vec<Signer>);

#[derive(Debug)]
struct Signer {
    principals: String,
    key: PublicKey,
    for_git: bool,
    /// Seconds since 1970.
    after: Option<i64>,
    before: Option<i64>,
}

impl AllowedSigners {
    pub(crate) fn read(file: &Path) -> Result<Self, RepositoryError> {
        let problem = |reason: String| RepositoryError::File { path: file.to_owned(), reason };
        let text = String::from_utf8(login::read(file)?).map_err(|_| problem("it is not UTF-8".to_owned()))?;
        Self::parse(&text).map_err(problem)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let signers = lines.map(|(number, line)| signer(line).map_err(|error| format!("line {number}: {error}")));
        signers.collect::<Result<_, _>>().map(Self)
    }

    /// Why a signature of something made `at` does not count `now`.
    pub(crate) fn check(&self, armor: &str, payload: &[u8], at: i64, now: i64) -> Result<(), String> {
        let signature = SshSig::from_pem(armor)
            .map_err(|_| "its ssh signature cannot be read (certificates are not supported)".to_owned())?;
        let key = PublicKey::from(signature.public_key().clone());
        let name = format!("the key {}", key.fingerprint(HashAlg::Sha256));
        let mut signers = self.0.iter().filter(|signer| signer.key.key_data() == key.key_data()).peekable();
        if signers.peek().is_none() {
            return Err(format!("it is signed with {name}, which is of no allowed signer"));
        }
        key.verify(NAMESPACE, payload, &signature)
            .map_err(|_| format!("its signature with {name} is not good: it is of something else, or was changed"))?;
        let mut reason = String::new();
        for signer in signers {
            match signer.counts(at, now) {
                Ok(()) => return Ok(()),
                Err(error) => reason = format!("{name} of {} {error}", signer.principals),
            }
        }
        Err(reason)
    }
}

impl Signer {
    fn counts(&self, at: i64, now: i64) -> Result<(), &'static str> {
        if !self.for_git {
            Err("may not sign for git")
        } else if self.after.is_some_and(|after| at < after) {
            Err("was not valid yet")
        } else if self.before.is_some_and(|before| at >= before || now >= before) {
            Err("is not valid any more")
        } else {
            Ok(())
        }
    }
}

/// `PRINCIPALS [OPTIONS] KIND KEY [COMMENT]`.
fn signer(line: &str) -> Result<Signer, String> {
    let (principals, rest) = word(line);
    let mut signer = match PublicKey::from_openssh(rest) {
        Ok(key) => Signer { principals: String::new(), key, for_git: true, after: None, before: None },
        Err(_) => {
            let (options, key) = word(rest);
            let key = PublicKey::from_openssh(key).map_err(|_| "it has no key that can be read".to_owned())?;
            let mut signer = Signer { principals: String::new(), key, for_git: true, after: None, before: None };
            for option in split(options, |c| c == ',') {
                signer.take(option)?;
            }
            signer
        }
    };
    signer.principals = principals.trim_matches('"').to_owned();
    Ok(signer)
}

impl Signer {
    fn take(&mut self, option: &str) -> Result<(), String> {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        match name.to_ascii_lowercase().as_str() {
            "namespaces" => {
                let mut patterns = value.split(',');
                let refused = |pattern: &str| pattern.strip_prefix('!').is_some_and(|no| fits(no, NAMESPACE));
                self.for_git = !value.split(',').any(refused) && patterns.any(|pattern| fits(pattern, NAMESPACE));
            }
            "valid-after" => self.after = Some(time(value)?),
            "valid-before" => self.before = Some(time(value)?),
            "cert-authority" => return Err("signatures by certificate are not supported".to_owned()),
            _ => return Err(format!("the option {name:?} is not known")),
        }
        Ok(())
    }
}

/// `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with a `Z` or without: always UTC.
fn time(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no time: write YYYYMMDD or YYYYMMDDHHMM[SS]");
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let padded = match (digits.len(), digits.bytes().all(|byte| byte.is_ascii_digit())) {
        (8 | 12 | 14, true) => format!("{digits:0<14}"),
        _ => return Err(wrong()),
    };
    let part = |from: usize, to: usize| padded[from..to].parse::<i8>().map_err(|_| wrong());
    let year = padded[..4].parse().map_err(|_| wrong())?;
    DateTime::new(year, part(4, 6)?, part(6, 8)?, part(8, 10)?, part(10, 12)?, part(12, 14)?, 0)
        .and_then(|time| time.to_zoned(TimeZone::UTC))
        .map(|time| time.timestamp().as_second())
        .map_err(|_| wrong())
}

/// The first word, in which blanks may be quoted, and the rest.
fn word(text: &str) -> (&str, &str) {
    let first = split(text, char::is_whitespace).next().unwrap_or_default();
    (first, text[first.len()..].trim_start())
}

/// The parts between separators that are not quoted.
fn split(text: &str, separates: fn(char) -> bool) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c: char| {
        quoted ^= c == '"';
        !quoted && separates(c)
    })
}

#[cfg(test)]
mod tests {
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::LineEnding;
    use russh::keys::ssh_key::private::Ed25519Keypair;

    use super::*;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn public(seed: u8) -> String {
        key(seed).public_key().to_openssh().unwrap()
    }

    fn sign(seed: u8, namespace: &str, payload: &[u8]) -> String {
        SshSig::sign(&key(seed), namespace, HashAlg::Sha512, payload).unwrap().to_pem(LineEnding::LF).unwrap()
    }

    /// 2026-06-01.
    const AT: i64 = 1_780_272_000;

    fn check(file: &str, armor: &str) -> Result<(), String> {
        AllowedSigners::parse(file).unwrap().check(armor, b"commit", AT, AT)
    }

    #[test]
    fn a_good_signature_of_an_allowed_signer_counts() {
        let good = sign(1, "git", b"commit");
        for line in [
            format!("ada@example.org {}", public(1)),
            format!("# x\n\n\"a b\",c {} a comment", public(1)),
            format!("* namespaces=\"file,git\" {}", public(1)),
            format!("* namespaces=\"g*\",valid-after=\"20260601\",valid-before=\"202606010001Z\" {}", public(1)),
            format!("a {}\nb valid-before=\"20200101\" {}\nc {}", public(2), public(1), public(1)),
        ] {
            assert_eq!(check(&line, &good), Ok(()), "{line}");
        }
    }

    #[test]
    fn any_other_signature_is_refused_with_its_reason() {
        let one = format!("ada {}", public(1));
        for (file, armor, expected) in [
            (one.clone(), sign(2, "git", b"commit"), "of no allowed signer"),
            (one.clone(), sign(1, "git", b"commit!"), "is not good"),
            (one.clone(), sign(1, "file", b"commit"), "is not good"),
            (one, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n".to_owned(), "cannot be read"),
            (
                format!("ada valid-before=\"20260601\" {}", public(1)),
                sign(1, "git", b"commit"),
                "of ada is not valid any more",
            ),
            (format!("ada valid-after=\"20260602\" {}", public(1)), sign(1, "git", b"commit"), "was not valid yet"),
            (format!("ada namespaces=\"file\" {}", public(1)), sign(1, "git", b"commit"), "may not sign for git"),
            (format!("ada namespaces=\"*,!git\" {}", public(1)), sign(1, "git", b"commit"), "may not sign for git"),
            (String::new(), sign(1, "git", b"commit"), "of no allowed signer"),
        ] {
            let reason = check(&file, &armor).unwrap_err();
            assert!(reason.contains(expected), "{file}: {reason}");
        }
    }

    #[test]
    fn a_key_that_is_over_does_not_count_for_a_commit_that_claims_to_be_older() {
        let file = format!("ada valid-before=\"20260601\" {}", public(1));
        let signers = AllowedSigners::parse(&file).unwrap();
        let armor = sign(1, "git", b"commit");
        let day = 86_400;
        assert_eq!(signers.check(&armor, b"commit", AT - day, AT - day), Ok(()));
        assert!(signers.check(&armor, b"commit", AT - day, AT + day).unwrap_err().contains("not valid any more"));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        for (line, expected) in [
            ("ada", "line 2: it has no key"),
            ("ada ssh-ed25519 AAAA", "line 2: it has no key"),
            ("ada cert-authority KEY", "line 2: signatures by certificate are not supported"),
            ("ada valid-before=\"soon\" KEY", "line 2: \"soon\" is no time"),
            ("ada valid-before=\"20261301\" KEY", "line 2: \"20261301\" is no time"),
            ("ada color=\"red\" KEY", "line 2: the option \"color\" is not known"),
        ] {
            let error = AllowedSigners::parse(&format!("\n{}", line.replace("KEY", &public(1)))).unwrap_err();
            assert!(error.starts_with(expected), "{line}: {error}");
        }
    }
}
