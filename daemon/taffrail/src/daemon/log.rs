//! The process's log, on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::configuration::{Log, LogFormat};

/// Says where the program has a defect, without the panic's own words: they may quote what it worked on, such as a
/// Secret.
pub(super) fn name_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a defect: the program panicked");
    }));
}

/// Starts writing. `RUST_LOG` wins over the configuration.
pub(super) fn start(log: Log) {
    // What kube says of a failed request, its caller says as well, and in words.
    let quiet = format!("{},kube_client=off", log.level.as_str());
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let colour = std::io::stderr().is_terminal();
    // A log that cannot be written must not end the daemon, which `eprintln!` of the reason would.
    let subscriber = tracing_subscriber::fmt()
        .log_internal_errors(false)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour);
    // An error means that a log was started before, as in a test.
    let _ = match log.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().try_init(),
    };
}
