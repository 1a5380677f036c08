//! Whose PGP signatures count: an armored keyring.
//!
//! Always: the keys in the file are those that somebody vouches for; who certified whom is not asked. A key that is
//! revoked or expired by now, or that may not sign, counts for nothing, whatever date a signature claims.

use std::path::Path;

use pgp::composed::{Deserializable, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{KeyFlags, Signature, SignatureType};
use pgp::types::{KeyDetails, Tag};
use taffrail_ports::repositories::RepositoryError;

use crate::login;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";
/// How far the clock of a signer may be ahead of ours, in seconds.
const SKEW: i64 = 86_400;

/// The keys.
#[derive(Debug)]
pub(crate) struct Keyring(Vec<SignedPublicKey>);

impl Keyring {
    pub(crate) fn read(file: &Path) -> Result<Self, RepositoryError> {
        let problem = |reason: String| RepositoryError::File { path: file.to_owned(), reason };
        let text = String::from_utf8(login::read(file)?)
            .map_err(|_| problem("it is not text: export the keys with --armor".to_owned()))?;
        Self::parse(&text).map_err(problem)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for block in text.split(BEGIN).skip(1) {
            let (body, _) = block.split_once(END).ok_or("a block of keys has no end")?;
            let block = format!("{BEGIN}{body}{END}\n");
            let wrong = |error: pgp::errors::Error| format!("a key in it cannot be read ({error})");
            let (found, _) = SignedPublicKey::from_string_many(&block).map_err(wrong)?;
            for key in found {
                keys.push(key.map_err(wrong)?);
            }
        }
        if keys.is_empty() { Err("it holds no armored public key".to_owned()) } else { Ok(Self(keys)) }
    }

    /// Why a signature does not count `now`.
    pub(crate) fn check(&self, armor: &str, payload: &[u8], now: i64) -> Result<(), String> {
        let unreadable = "its PGP signature cannot be read".to_owned();
        let (detached, _) = DetachedSignature::from_string(armor).map_err(|_| unreadable.clone())?;
        let signature = detached.signature;
        let (Some(made), Some(hash)) = (signature.created(), signature.hash_alg()) else { return Err(unreadable) };
        if signature.typ() != Some(SignatureType::Binary) {
            return Err("its PGP signature is not one of a document".to_owned());
        }
        if !strong(hash) {
            return Err(format!("its PGP signature rests on {hash}, which proves nothing any more"));
        }
        let made = i64::from(made.as_secs());
        let expires = signature.signature_expiration_time().map(|time| i64::from(time.as_secs())).filter(|t| *t > 0);
        if made > now + SKEW || expires.is_some_and(|time| made + time <= now) {
            return Err("its PGP signature is not valid now".to_owned());
        }
        for key in &self.0 {
            let primary = &key.primary_key;
            if signature.verify(primary, payload).is_ok() {
                let named = named(key);
                let flags = whole(key, now).map_err(|reason| format!("{named} {reason}"))?;
                return may_sign(&flags).map_err(|reason| format!("{named} {reason}"));
            }
            for sub in &key.public_subkeys {
                if signature.verify(&sub.key, payload).is_ok() {
                    let named = named(key);
                    whole(key, now).map_err(|reason| format!("{named} {reason}"))?;
                    return sub_may_sign(key, sub, now).map_err(|reason| format!("a subkey of {named} {reason}"));
                }
            }
        }
        let issuers: Vec<String> = signature.issuer_key_id().iter().map(ToString::to_string).collect();
        let ours = |key: &SignedPublicKey| {
            let subs = key.public_subkeys.iter().map(|sub| sub.key.legacy_key_id().to_string());
            subs.chain([key.primary_key.legacy_key_id().to_string()]).any(|id| issuers.contains(&id))
        };
        Err(match issuers.first() {
            Some(issuer) if self.0.iter().any(ours) => {
                format!("its signature with the PGP key {issuer} is not good: it is of something else, or was changed")
            }
            Some(issuer) => format!("it is signed with the PGP key {issuer}, which is none of the allowed ones"),
            None => "it is signed with a PGP key that is none of the allowed ones".to_owned(),
        })
    }
}

fn named(key: &SignedPublicKey) -> String {
    format!("the PGP key {}", key.primary_key.fingerprint())
}

fn strong(hash: HashAlgorithm) -> bool {
    use HashAlgorithm::{Sha3_256, Sha3_512, Sha256, Sha384, Sha512};
    matches!(hash, Sha256 | Sha384 | Sha512 | Sha3_256 | Sha3_512)
}

/// What the newest word of a primary key on itself allows; or why it does not count at all.
fn whole(key: &SignedPublicKey, now: i64) -> Result<KeyFlags, String> {
    let primary = &key.primary_key;
    if key.details.revocation_signatures.iter().any(|revocation| revocation.verify_key(primary).is_ok()) {
        return Err("is revoked".to_owned());
    }
    let direct = key.details.direct_signatures.iter().filter(|word| word.verify_key(primary).is_ok());
    let users = key.details.users.iter().flat_map(|user| {
        let good = |word: &&Signature| word.verify_certification(primary, Tag::UserId, &user.id).is_ok();
        let words: Vec<&Signature> = user.signatures.iter().filter(good).collect();
        let revoked = words.iter().any(|word| word.typ() == Some(SignatureType::CertRevocation));
        if revoked { Vec::new() } else { words }
    });
    let newest = direct.chain(users).filter(|word| lasts(word, now)).max_by_key(|word| word.created());
    let newest = newest.ok_or("says nothing of itself that is valid")?;
    in_time(primary, newest, now)?;
    Ok(newest.key_flags())
}

fn sub_may_sign(key: &SignedPublicKey, sub: &SignedPublicSubKey, now: i64) -> Result<(), String> {
    let good = |word: &&Signature| word.verify_subkey_binding(&key.primary_key, &sub.key).is_ok();
    let words: Vec<&Signature> = sub.signatures.iter().filter(good).collect();
    if words.iter().any(|word| word.typ() == Some(SignatureType::SubkeyRevocation)) {
        return Err("is revoked".to_owned());
    }
    let newest = words.into_iter().filter(|word| lasts(word, now)).max_by_key(|word| word.created());
    let newest = newest.ok_or("is not bound to it")?;
    in_time(&sub.key, newest, now)?;
    // Else anybody could claim a signing key of somebody else as a subkey.
    let back = newest.embedded_signature().map(|back| back.verify_primary_key_binding(&sub.key, &key.primary_key));
    if !matches!(back, Some(Ok(()))) {
        return Err("does not say that it belongs to it".to_owned());
    }
    if newest.key_flags().sign() { Ok(()) } else { Err("may not sign".to_owned()) }
}

/// A key that says nothing of what it may do may do all.
fn may_sign(flags: &KeyFlags) -> Result<(), String> {
    if flags.sign() || *flags == KeyFlags::default() { Ok(()) } else { Err("may not sign".to_owned()) }
}

/// Whether what a key says of itself has been said, and still holds.
fn lasts(word: &Signature, now: i64) -> bool {
    let Some(made) = word.created().map(|time| i64::from(time.as_secs())) else { return false };
    let expires = word.signature_expiration_time().map(|time| i64::from(time.as_secs())).filter(|time| *time > 0);
    made <= now + SKEW && expires.is_none_or(|time| made + time > now)
}

fn in_time(key: &impl KeyDetails, word: &Signature, now: i64) -> Result<(), String> {
    let made = i64::from(key.created_at().as_secs());
    let expires = word.key_expiration_time().map(|time| i64::from(time.as_secs())).filter(|time| *time > 0);
    match expires {
        Some(time) if made + time <= now => Err("has expired".to_owned()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01: the fixtures are made on 2026-01-01, Bob's key ends on 2026-01-31, and one of Eve's is revoked.
    const NOW: i64 = 1_772_323_200;

    fn check(armor: &str, payload: &[u8], now: i64) -> Result<(), String> {
        let keys = Keyring::parse(include_str!("../tests/fixtures/pgp/keys.asc")).unwrap();
        assert_eq!(keys.0.len(), 5);
        keys.check(armor, payload, now)
    }

    #[test]
    fn a_good_signature_counts_of_a_key_and_of_its_subkey() {
        for armor in [include_str!("../tests/fixtures/pgp/ada.asc"), include_str!("../tests/fixtures/pgp/fay.asc")] {
            assert_eq!(check(armor, b"commit", NOW), Ok(()));
        }
    }

    #[test]
    fn a_key_that_has_expired_counts_until_then() {
        let bob = include_str!("../tests/fixtures/pgp/bob.asc");
        assert_eq!(check(bob, b"commit", NOW - 40 * 86_400), Ok(()));
        assert!(check(bob, b"commit", NOW).unwrap_err().ends_with("has expired"));
    }

    #[test]
    fn any_other_signature_is_refused_with_its_reason() {
        for (armor, payload, expected) in [
            (include_str!("../tests/fixtures/pgp/ada.asc"), "commit!", "is not good"),
            (include_str!("../tests/fixtures/pgp/cyd.asc"), "commit", "is revoked"),
            (include_str!("../tests/fixtures/pgp/dan.asc"), "commit", "none of the allowed ones"),
            (include_str!("../tests/fixtures/pgp/eve.asc"), "commit", "a subkey of the PGP key"),
            (include_str!("../tests/fixtures/pgp/eve.asc"), "commit", "is revoked"),
            (include_str!("../tests/fixtures/pgp/fay-sha1.asc"), "commit", "proves nothing any more"),
            ("-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n", "commit", "cannot be read"),
        ] {
            let reason = check(armor, payload.as_bytes(), NOW).unwrap_err();
            assert!(reason.contains(expected), "{expected}: {reason}");
        }
        let ada = include_str!("../tests/fixtures/pgp/ada.asc");
        assert!(check(ada, b"commit", NOW - 365 * 86_400).unwrap_err().contains("not valid now"), "of the future");
    }

    #[test]
    fn a_file_without_a_key_is_refused() {
        assert!(Keyring::parse("hello").is_err());
        assert!(Keyring::parse(&format!("{BEGIN}\n\nAAAA")).is_err());
        assert!(Keyring::parse(include_str!("../tests/fixtures/pgp/ada.asc")).is_err());
    }
}
