//! What callers prove themselves with: people their tokens, Git servers the secrets of their hooks.
//!
//! Always: a token is known by its SHA-256 only, and everything that is shown is compared in constant time. `Debug`
//! prints names, never a secret.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::{hmac, rand};
use axum::http::HeaderMap;
use taffrail_model::RepositoryName;

/// Shorter tokens are refused, whatever the file says: they can be guessed.
const SHORTEST_TOKEN: usize = 32;
/// A shorter secret of a hook can be guessed.
const SHORTEST_SECRET: usize = 16;
/// Most tokens of a file: each is compared at each request.
const MOST_TOKENS: usize = 1000;

/// Everything that callers may prove themselves with.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// The tokens of people and programs.
    pub tokens: Tokens,
    /// The secrets by which Git servers sign their hooks.
    pub hooks: BTreeMap<RepositoryName, HookSecret>,
}

/// Tokens, each with the name that it stands for.
#[derive(Clone, Default)]
pub struct Tokens(Vec<(String, [u8; 32])>);

/// A new token: it is shown once, and only its line is kept.
pub struct NewToken {
    /// What its owner sends.
    pub token: String,
    /// The line for the file of tokens.
    pub line: String,
}

impl Tokens {
    /// Reads a file of tokens: a line `NAME: sha256:HEX` each, where HEX is the SHA-256 of the token. Empty lines and
    /// those that start with `#` are passed over. Errors name the line and never its content.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut tokens: Vec<(String, [u8; 32])> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |what: &str| Err(format!("line {}: {what}", index + 1));
            let Some((name, hash)) = line.split_once(':').map(|(name, hash)| (name.trim(), hash.trim())) else {
                return wrong("write it as NAME: sha256:HEX; `taffrail token NAME` prints one");
            };
            if !is_name(name) {
                return wrong("a name is 1 to 63 of the letters a-z and A-Z, digits, and . - _ @, and not taffrail");
            }
            let mut bytes = [0; 32];
            let hex = hash.strip_prefix("sha256:").unwrap_or_default();
            if hex::decode_to_slice(hex, &mut bytes).is_err() {
                return wrong("after the name stands sha256: and 64 hexadecimal characters, never the token itself");
            }
            if tokens.iter().any(|(_, known)| *known == bytes) {
                return wrong("this token is there already");
            }
            tokens.push((name.to_owned(), bytes));
        }
        if tokens.len() > MOST_TOKENS {
            return Err(format!("it holds more than {MOST_TOKENS} tokens"));
        }
        Ok(Self(tokens))
    }

    /// A new token for `name`.
    pub fn generate(name: &str) -> Result<NewToken, String> {
        if !is_name(name) {
            return Err(
                "a name is 1 to 63 of the letters a-z and A-Z, digits, and . - _ @, and not taffrail".to_owned()
            );
        }
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| "the system gives no random numbers".to_owned())?;
        let token = format!("taffrail_{}", hex::encode(bytes));
        let line = format!("{name}: sha256:{}", hex::encode(digest(&SHA256, token.as_bytes())));
        Ok(NewToken { token, line })
    }

    /// Whose token this is. All are compared, so that the time tells nothing of which are there.
    pub(crate) fn owner(&self, token: &[u8]) -> Option<&str> {
        let shown = digest(&SHA256, token);
        let mut owner = None;
        for (name, known) in &self.0 {
            if verify_slices_are_equal(shown.as_ref(), known).is_ok() {
                owner = Some(name.as_str());
            }
        }
        owner.filter(|_| token.len() >= SHORTEST_TOKEN)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Whether somebody can be called so. Spaces and brackets are for us: see [`crate::caller`].
pub(crate) fn is_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_@".contains(&byte))
        && name != "taffrail"
}

/// What a Git server signs its hooks with.
#[derive(Clone)]
pub struct HookSecret(Vec<u8>);

impl HookSecret {
    /// Takes a file's content, without the line end that editors leave.
    pub fn new(content: &[u8]) -> Result<Self, String> {
        let secret = content.trim_ascii_end();
        if secret.len() < SHORTEST_SECRET {
            return Err(format!("it holds less than {SHORTEST_SECRET} characters, which can be guessed"));
        }
        Ok(Self(secret.to_vec()))
    }

    /// Whether `body` was sent by somebody who knows the secret, as GitHub, Gitea, GitLab and our own way prove it.
    pub(crate) fn signed(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let header = |name: &str| headers.get(name).map(|value| value.as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let signs = |signature: &[u8]| hex::decode(signature).is_ok_and(|tag| hmac::verify(&key, body, &tag).is_ok());
        let prefixed = |name| header(name).and_then(|value| value.strip_prefix(b"sha256=")).is_some_and(signs);
        // GitLab sends the secret itself. Digests are compared, since a comparison tells the length.
        let said = || {
            let shown = header("x-gitlab-token").map(|token| digest(&SHA256, token));
            let known = digest(&SHA256, &self.0);
            shown.is_some_and(|shown| verify_slices_are_equal(shown.as_ref(), known.as_ref()).is_ok())
        };
        prefixed("x-hub-signature-256")
            || prefixed("x-taffrail-signature")
            || header("x-gitea-signature").is_some_and(signs)
            || said()
    }
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_token_is_known_by_its_line_only() {
        let anna = Tokens::generate("anna").unwrap();
        let ci = Tokens::generate("ci@shop").unwrap();
        let tokens = Tokens::parse(&format!("# people\n\n{}\n  {}  \n", anna.line, ci.line)).unwrap();
        assert_eq!(tokens.owner(anna.token.as_bytes()), Some("anna"));
        assert_eq!(tokens.owner(ci.token.as_bytes()), Some("ci@shop"));
        assert_eq!(tokens.owner(anna.line.as_bytes()), None);
        assert_eq!(tokens.owner(b""), None);
        assert!(!anna.line.contains(&anna.token));
        assert_eq!(format!("{tokens:?}"), "[\"anna\", \"ci@shop\"]");
    }

    #[test]
    fn a_short_token_is_refused_although_the_file_holds_it() {
        let line = format!("anna: sha256:{}", hex::encode(digest(&SHA256, b"secret")));
        assert_eq!(Tokens::parse(&line).unwrap().owner(b"secret"), None);
    }

    #[test]
    fn faults_of_the_file_name_the_line_and_not_what_it_holds() {
        let hash = "ab".repeat(32);
        for (line, says) in [
            ("anna".to_owned(), "write it as NAME: sha256:HEX"),
            (format!("anna brook: sha256:{hash}"), "a name is"),
            (format!("taffrail: sha256:{hash}"), "a name is"),
            ("anna: sesame-open".to_owned(), "never the token itself"),
            (format!("anna: sha256:{hash}0"), "64 hexadecimal"),
            (format!("bob: sha256:{hash}"), "there already"),
        ] {
            let error = Tokens::parse(&format!("ci: sha256:{hash}\n{line}")).unwrap_err();
            assert!(error.starts_with("line 2: ") || error.contains(says), "{error}");
            assert!(error.contains(says) && !error.contains("sesame"), "{error}");
        }
    }

    #[test]
    fn each_way_of_signing_is_known_and_a_wrong_one_is_not() {
        let secret = HookSecret::new(b"a secret of the hook\n").unwrap();
        let body = b"{\"ref\":\"refs/heads/main\"}";
        let tag = |secret: &[u8]| hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body));
        let (right, wrong) = (tag(b"a secret of the hook"), tag(b"a secret of another"));
        for (name, right, wrong) in [
            ("x-hub-signature-256", format!("sha256={right}"), format!("sha256={wrong}")),
            ("x-taffrail-signature", format!("sha256={right}"), right.clone()),
            ("x-gitea-signature", right.clone(), wrong.clone()),
            ("x-gitlab-token", "a secret of the hook".to_owned(), "a secret of the hoo".to_owned()),
        ] {
            let headers = |value: &str| HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert!(secret.signed(&headers(&right), body), "{name}");
            assert!(!secret.signed(&headers(&wrong), body), "{name}");
            assert!(!secret.signed(&headers(""), body), "{name}");
            assert_eq!(secret.signed(&headers(&right), b"another body"), name == "x-gitlab-token", "{name}");
        }
        assert!(!secret.signed(&HeaderMap::new(), body));
        assert!(HookSecret::new(b"short\n").is_err());
    }
}
