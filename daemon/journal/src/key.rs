//! The key of this installation's Secrets: its file, and the sub-keys that are derived from it.
//!
//! Always: the file lies outside the data folder, so that a copy of the data gives no Secret away. It is made only for
//! an empty journal. The master key itself is not kept in memory.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::rand;
use taffrail_model::Digest;

use crate::disk;
use crate::open::OpenError;

/// What is derived from the key.
pub(crate) struct Keys {
    digest: [u8; 32],
    cipher: RandomizedNonceKey,
    /// Recorded in the first event: another key gives another.
    pub(crate) check: Digest,
}

impl Keys {
    fn new(master: &[u8; 32]) -> Self {
        // Changing a context makes every stored Secret unreadable.
        let derive = |purpose: &str| blake3::derive_key(&format!("taffrail 2026-11 journal {purpose}"), master);
        Self {
            digest: derive("names of confidential documents"),
            cipher: RandomizedNonceKey::new(&AES_256_GCM, &derive("encryption of documents"))
                .expect("a derived key is as long as the cipher's"),
            check: derive("key check").into(),
        }
    }

    /// The key in `file`; a new one when there is none and `create` is set. Notes what should be better about the file.
    pub(crate) fn load(file: &Path, create: bool, notes: &mut Vec<String>) -> Result<Self, OpenError> {
        let failed = |e| OpenError::io(file, e);
        let text = match disk::read(file).map_err(failed)? {
            Some(text) => text,
            None if create => make(file).map_err(failed)?,
            None => return Err(OpenError::KeyMissing { file: file.to_owned() }),
        };
        let mode = fs::metadata(file).map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            notes.push(format!(
                "the key of the Secrets at {} can be read by others (mode {mode:o}): run `chmod 600`",
                file.display()
            ));
        }
        let master = parse(&text).ok_or_else(|| OpenError::KeyInvalid { file: file.to_owned() })?;
        Ok(Self::new(&master))
    }

    /// The name of a document.
    pub(crate) fn digest(&self, bytes: &[u8], confidential: bool) -> Digest {
        if confidential { blake3::keyed_hash(&self.digest, bytes).into() } else { Digest::of(bytes) }
    }

    /// Encrypts `bytes` under the name `digest`: the nonce, then the ciphertext and its tag.
    pub(crate) fn encrypt(&self, digest: Digest, mut bytes: Vec<u8>) -> Vec<u8> {
        let nonce = self
            .cipher
            .seal_in_place_append_tag(Aad::from(digest.as_bytes()), &mut bytes)
            .expect("a document is far below the cipher's limit");
        [nonce.as_ref().as_slice(), &bytes].concat()
    }

    /// Decrypts what [`Keys::encrypt`] made under the same name.
    pub(crate) fn decrypt(&self, digest: Digest, bytes: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let opened = self.cipher.open_in_place(nonce, Aad::from(digest.as_bytes()), &mut sealed).ok()?;
        Some(opened.to_vec())
    }
}

/// Refuses a key file inside the data folder, also by way of a link.
pub(crate) fn check_place(file: &Path, data: &Path) -> Result<(), OpenError> {
    if resolve(file).starts_with(resolve(data)) {
        return Err(OpenError::KeyInside { file: file.to_owned(), data: data.to_owned() });
    }
    Ok(())
}

/// The path without links, as far as it exists.
fn resolve(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let existing = path.ancestors().find_map(|above| Some((above, above.canonicalize().ok()?)));
    match existing {
        Some((above, real)) => real.join(path.strip_prefix(above).expect("it is an ancestor")),
        None => path,
    }
}

fn parse(text: &[u8]) -> Option<[u8; 32]> {
    if let Ok(raw) = text.try_into() {
        return Some(raw);
    }
    hex::decode(text.trim_ascii()).ok()?.try_into().ok()
}

fn make(file: &Path) -> std::io::Result<Vec<u8>> {
    if let Some(folder) = file.parent() {
        disk::make_folder(folder)?;
    }
    let mut master = [0; 32];
    rand::fill(&mut master).expect("the system has randomness");
    let text = format!("{}\n", hex::encode(master)).into_bytes();
    // Not replaced in place: whatever appeared there meanwhile is somebody's key.
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    new.write_all(&text)?;
    new.sync_all()?;
    Ok(text)
}
