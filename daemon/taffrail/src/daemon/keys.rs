//! The files that callers' tokens and hooks' secrets are in, read again when they change.
//!
//! Always: at the start a fault of a file is an error; later it is logged and what was read before stays in force. A file
//! that others may change, or read, is refused: who can write it can name himself.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use taffrail_http::{HookSecret, Keys, Tokens};
use taffrail_model::RepositoryName;
use tokio::sync::watch;

use crate::configuration::Settings;

/// Largest file of tokens or secret.
const LARGEST: u64 = 1 << 20;

/// What the files say.
pub(super) struct KeyFiles {
    keys: watch::Sender<Arc<Keys>>,
    /// What was last wrong, so that it is said once.
    faults: Vec<String>,
}

impl KeyFiles {
    /// Reads the files that `settings` name.
    pub(super) fn open(settings: &Settings) -> Result<Self, String> {
        let (keys, faults) = read(settings, &Keys::default());
        match faults.into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(Self { keys: watch::Sender::new(Arc::new(keys)), faults: Vec::new() }),
        }
    }

    /// What they say, as it changes.
    pub(super) fn keys(&self) -> watch::Receiver<Arc<Keys>> {
        self.keys.subscribe()
    }

    /// Reads them again.
    pub(super) fn look(&mut self, settings: &Settings) {
        let old = self.keys.borrow().clone();
        let (keys, faults) = read(settings, &old);
        for fault in faults.iter().filter(|fault| !self.faults.contains(fault)) {
            tracing::error!("{fault}; what was read before stays in force");
        }
        self.faults = faults;
        self.keys.send_replace(Arc::new(keys));
    }
}

/// What the files say, or said in `old` where there is a fault now; and the faults.
fn read(settings: &Settings, old: &Keys) -> (Keys, Vec<String>) {
    let mut faults = Vec::new();
    let mut keys = Keys::default();
    if let Some(path) = &settings.api.tokens_file {
        keys.tokens = tokens(path).unwrap_or_else(|fault| {
            faults.push(fault);
            old.tokens.clone()
        });
    }
    for (name, path) in &settings.hooks {
        let secret = secret(name, path).or_else(|fault| {
            faults.push(fault);
            old.hooks.get(name).cloned().ok_or(())
        });
        keys.hooks.extend(secret.ok().map(|secret| (name.clone(), secret)));
    }
    (keys, faults)
}

fn tokens(path: &Path) -> Result<Tokens, String> {
    let wrong = |what: String| format!("api.tokensFile {}: {what}", path.display());
    let text = String::from_utf8(content(path).map_err(wrong)?).map_err(|_| wrong("it is no text".to_owned()))?;
    Tokens::parse(&text).map_err(wrong)
}

fn secret(name: &RepositoryName, path: &Path) -> Result<HookSecret, String> {
    let wrong = |what: String| format!("hook.secretFile {} of repository {name}: {what}", path.display());
    HookSecret::new(&content(path).map_err(wrong)?).map_err(wrong)
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mode = file.metadata().map_err(|error| error.to_string())?.permissions().mode();
    if mode & 0o027 != 0 {
        let mode = mode & 0o777;
        return Err(format!("others may read it, or its group may write it (mode {mode:04o}): `chmod 600` it"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST { Err(format!("it is larger than {LARGEST} bytes")) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

    use super::*;

    #[test]
    fn a_changed_file_counts_and_a_bad_one_leaves_what_was_read_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        let write = |text: &str, mode: u32| {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        };
        let line = |name: &str| Tokens::generate(name).unwrap().line;
        let mut settings = crate::configuration::read(b"log: {}", "t.yaml", folder.path()).unwrap();
        settings.api.tokens_file = Some(path.clone());
        assert!(KeyFiles::open(&settings).err().unwrap().contains("tokens"), "a file that is not there");
        write(&line("anna"), 0o600);
        let mut files = KeyFiles::open(&settings).unwrap();
        let keys = files.keys();
        let names = || format!("{:?}", keys.borrow().tokens);
        assert_eq!(names(), "[\"anna\"]");
        for (text, mode) in [("nonsense".to_owned(), 0o600), (line("eve"), 0o644), (line("eve"), 0o660)] {
            write(&text, mode);
            files.look(&settings);
            assert_eq!(names(), "[\"anna\"]", "{mode:o}");
            assert_eq!(files.faults.len(), 1);
        }
        write(&line("ci"), 0o640);
        files.look(&settings);
        assert_eq!((names().as_str(), files.faults.len()), ("[\"ci\"]", 0));
        write("", 0o600);
        files.look(&settings);
        assert_eq!(names(), "[]");
    }
}
