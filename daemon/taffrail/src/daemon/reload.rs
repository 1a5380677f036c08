//! Reloads the configuration when its file changes. A bad one is refused, recorded, and the old one stays.

use std::path::PathBuf;
use std::time::Duration;

use taffrail_driver::Command;
use taffrail_model::Digest;
use tokio::sync::mpsc;

use super::keys::KeyFiles;
use crate::configuration::{self, Settings};

/// Often enough for a person, and cheap: one small file is read.
const EVERY: Duration = Duration::from_secs(2);

/// The file, and what it held before it was last read: a change that comes in between is read again.
pub struct ConfigurationFile {
    path: PathBuf,
    known: Option<Digest>,
}

impl ConfigurationFile {
    /// Looks at the file, which is to be read after that.
    pub fn look(path: PathBuf) -> Self {
        let known = digest(&path);
        Self { path, known }
    }
}

/// Watches the file until nobody listens any more.
pub(super) async fn watch(
    file: ConfigurationFile,
    mut settings: Settings,
    commands: mpsc::Sender<Command>,
    mut keys: KeyFiles,
) {
    let ConfigurationFile { path, mut known } = file;
    loop {
        tokio::time::sleep(EVERY).await;
        keys.look(&settings);
        let now = digest(&path);
        if now == known {
            continue;
        }
        known = now;
        let command = match configuration::load(&path) {
            Ok(new) => {
                warn_of_what_needs_a_restart(&settings, &new);
                settings.configuration = new.configuration.clone();
                settings.hooks = new.hooks;
                Command::Configured(new.configuration.into())
            }
            Err(errors) => {
                let errors: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
                tracing::error!("the changed configuration is refused, the old one stays: {}", errors.join("; "));
                Command::ConfigurationRefused(errors)
            }
        };
        if commands.send(command).await.is_err() {
            return;
        }
    }
}

/// Of the content, or nothing while it cannot be read: that is a change as well.
fn digest(file: &PathBuf) -> Option<Digest> {
    std::fs::read(file).ok().map(|bytes| Digest::of(&bytes))
}

fn warn_of_what_needs_a_restart(old: &Settings, new: &Settings) {
    let fixed = [
        ("data", old.data != new.data),
        ("keyFile", old.key_file != new.key_file),
        ("listen", old.listen != new.listen),
        ("telemetry", old.telemetry != new.telemetry),
        ("api", old.api != new.api),
        ("log", old.log != new.log),
        ("clusters", old.clusters != new.clusters),
    ];
    for (setting, _) in fixed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!(setting, "this setting is changed, and takes effect at the next start");
    }
}
