//! The keys of servers that somebody vouched for: a file as OpenSSH keeps it.
//!
//! Always: a key that is not in the file is refused, and so is one that the file calls revoked. Lines that cannot be read
//! vouch for nothing. Authorities (`@cert-authority`) are not asked.

use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use russh::keys::{Algorithm, HashAlg, PublicKey};
use taffrail_model::ssh::SshAddress;
use taffrail_ports::repositories::RepositoryError;

use crate::login;

/// What the file says of one host.
#[derive(Debug)]
pub(crate) struct KnownHosts {
    file: PathBuf,
    /// The host as the file would name it.
    name: String,
    good: Vec<(usize, PublicKey)>,
    revoked: Vec<PublicKey>,
}

impl KnownHosts {
    pub(crate) fn read(file: &Path, address: &SshAddress) -> Result<Self, RepositoryError> {
        let text = String::from_utf8_lossy(&login::read(file)?).into_owned();
        Ok(Self::parse(&text, file, address))
    }

    fn parse(text: &str, file: &Path, address: &SshAddress) -> Self {
        let SshAddress { host, port, .. } = address;
        let name = if *port == 22 { host.clone() } else { format!("[{host}]:{port}") };
        let mut known = Self { file: file.to_owned(), name, good: Vec::new(), revoked: Vec::new() };
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#')) {
            let mut words = line.split_ascii_whitespace().peekable();
            let mark = words.next_if(|word| word.starts_with('@'));
            let Some(hosts) = words.next().filter(|hosts| names(hosts, &known.name)) else { continue };
            let (Some(kind), Some(key)) = (words.next(), words.next()) else { continue };
            let Ok(key) = PublicKey::from_openssh(&format!("{kind} {key}")) else {
                tracing::warn!(file = %file.display(), line = index + 1, hosts, "this key cannot be read");
                continue;
            };
            match mark {
                None => known.good.push((index + 1, key)),
                Some("@revoked") => known.revoked.push(key),
                Some(_) => {}
            }
        }
        known
    }

    /// Why a key is not that of the host.
    pub(crate) fn check(&self, offered: &PublicKey) -> Result<(), String> {
        let same = |known: &PublicKey| known.key_data() == offered.key_data();
        let (name, file) = (&self.name, self.file.display());
        let key = format!("{} {}", offered.algorithm(), offered.fingerprint(HashAlg::Sha256));
        if self.revoked.iter().any(same) {
            return Err(format!("{name} offers the key {key}, which {file} calls revoked: nothing was sent to it"));
        }
        if self.good.iter().any(|(_, known)| same(known)) {
            return Ok(());
        }
        Err(match self.good.first() {
            None => format!(
                "{name} offers the key {key}, and {file} has none of this host: ask whoever runs it for the key, then add it"
            ),
            Some((line, _)) => format!(
                "{name} offers the key {key}, which is not the one in {file} (line {line}): the host has a new key, or \
                 somebody stands in between. Nothing was sent to it"
            ),
        })
    }

    /// Kinds of keys, the ones of this host first: a server has several, and offers the first that is asked for.
    pub(crate) fn algorithms(&self, all: &[Algorithm]) -> Vec<Algorithm> {
        let has = |wanted: &Algorithm| {
            self.good.iter().any(|(_, key)| match (key.algorithm(), wanted) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (known, wanted) => known == *wanted,
            })
        };
        // RSA with SHA-1 proves nothing any more.
        let usable = all.iter().filter(|algorithm| !matches!(algorithm, Algorithm::Rsa { hash: None }));
        let (first, rest): (Vec<Algorithm>, Vec<Algorithm>) = usable.cloned().partition(has);
        [first, rest].concat()
    }
}

/// Whether the first word of a line names a host: itself, patterns of it, or a digest.
fn names(word: &str, host: &str) -> bool {
    if let Some(digest) = word.strip_prefix("|1|") {
        let parts =
            digest.split_once('|').map(|(salt, digest)| (BASE64_STANDARD.decode(salt), BASE64_STANDARD.decode(digest)));
        let Some((Ok(salt), Ok(digest))) = parts else { return false };
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        return hmac::verify(&key, host.as_bytes(), &digest).is_ok();
    }
    let mut found = false;
    for pattern in word.split(',') {
        match pattern.strip_prefix('!') {
            Some(pattern) if fits(pattern, host) => return false,
            Some(_) => {}
            None => found |= fits(pattern, host),
        }
    }
    found
}

/// `*` and `?`, as OpenSSH reads them.
fn fits(pattern: &str, host: &str) -> bool {
    taffrail_model::reference::fits(&pattern.to_ascii_lowercase(), host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILagOJFgwaMNhBWQINinKOXmqS4Gh5NgxgriXwdOoINJ";

    fn check(text: &str, url: &str, key: &str) -> Result<(), String> {
        let known = KnownHosts::parse(text, Path::new("/etc/known_hosts"), &url.parse().unwrap());
        known.check(&PublicKey::from_openssh(key).unwrap())
    }

    #[test]
    fn a_key_counts_for_the_hosts_that_its_line_names() {
        for line in ["h", "a,h", "*", "?", "*,!x"] {
            assert_eq!(check(&format!("# x\n{line} {ONE} comment"), "git@H:x", ONE), Ok(()), "{line}");
        }
        for line in ["g", "*,!h", "[h]:22", "[h]:2222", "|1|x|y", "|1|AAAA|AAAA", "@cert-authority h", "# h"] {
            let refused = check(&format!("{line} {ONE}"), "git@h:x", ONE).unwrap_err();
            assert!(refused.contains("has none of this host"), "{line}: {refused}");
        }
        assert_eq!(check(&format!("[h]:2222 {ONE}"), "ssh://git@h:2222/x", ONE), Ok(()));
        assert!(check(&format!("h {ONE}"), "ssh://git@h:2222/x", ONE).is_err());
    }

    #[test]
    fn a_hashed_name_is_found() {
        let salt = [7; 20];
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
        let digest = hmac::sign(&key, b"h");
        let line = format!("|1|{}|{} {ONE}", BASE64_STANDARD.encode(salt), BASE64_STANDARD.encode(digest));
        assert_eq!(check(&line, "git@h:x", ONE), Ok(()));
        assert!(check(&line, "git@i:x", ONE).is_err());
    }

    #[test]
    fn another_key_and_a_revoked_one_are_named_with_their_fingerprint() {
        let changed = check(&format!("\nh {OTHER}"), "git@h:x", ONE).unwrap_err();
        assert!(changed.contains("SHA256:") && changed.contains("line 2") && changed.contains("/etc/known_hosts"));
        let revoked = check(&format!("h {ONE}\n@revoked * {ONE}"), "git@h:x", ONE).unwrap_err();
        assert!(revoked.contains("calls revoked"), "{revoked}");
    }

    #[test]
    fn the_kind_of_key_that_is_known_is_asked_for_first() {
        let all = [Algorithm::Rsa { hash: Some(HashAlg::Sha512) }, Algorithm::Rsa { hash: None }, Algorithm::Ed25519];
        let known = KnownHosts::parse(&format!("h {ONE}"), Path::new("k"), &"git@h:x".parse().unwrap());
        assert_eq!(known.algorithms(&all), [Algorithm::Ed25519, Algorithm::Rsa { hash: Some(HashAlg::Sha512) }]);
    }
}
