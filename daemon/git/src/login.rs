//! Credentials, read from their file at every fetch so that a rotated one is used at once.
//!
//! Always: the password is in no `Debug`, and [`Login::scrub`] takes it out of what others say.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use taffrail_model::configuration::Credentials;
use taffrail_ports::repositories::RepositoryError;

/// Largest file of credentials or certificates; a bundle of a whole system has a quarter of it.
const LARGEST: u64 = 1 << 20;

/// A user and a password.
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    /// Where the password was read from.
    pub(crate) file: PathBuf,
}

impl Login {
    /// What is sent over HTTPS; nothing for credentials of ssh.
    pub(crate) fn read(credentials: &Credentials) -> Result<Option<Self>, RepositoryError> {
        let (user, file) = match credentials {
            Credentials::Token { token_file } => ("git", token_file),
            Credentials::Basic { user, password_file } => (user.as_str(), password_file),
            Credentials::Ssh(_) => return Ok(None),
        };
        Ok(Some(Self { user: user.to_owned(), password: secret(file)?, file: file.clone() }))
    }

    /// `text` without the password.
    pub(crate) fn scrub(&self, text: &str) -> String {
        text.replace(&self.password, "[redacted]")
    }
}

/// The one line of a file with a token, a password or a passphrase.
pub(crate) fn secret(file: &Path) -> Result<String, RepositoryError> {
    let problem = |reason: &str| RepositoryError::File { path: file.to_owned(), reason: reason.to_owned() };
    let text = String::from_utf8(read(file)?).map_err(|_| problem("it is not UTF-8"))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(problem("it is empty"));
    }
    if secret.contains(char::is_control) {
        return Err(problem("it has more than one line: write only the token or password into it"));
    }
    Ok(secret.to_owned())
}

/// The content of a file of credentials or certificates.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, RepositoryError> {
    let problem = |reason: String| RepositoryError::File { path: path.to_owned(), reason };
    let mut bytes = Vec::new();
    // Opening a named pipe would wait for its writer.
    if !path.metadata().map_err(|e| problem(e.to_string()))?.is_file() {
        return Err(problem("it is not a file".to_owned()));
    }
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|e| problem(e.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(problem(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}
