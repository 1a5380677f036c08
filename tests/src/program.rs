//! Processes and folders of tests.

use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Longer than anything that we start takes to end after SIGTERM.
const LONGEST_END: Duration = Duration::from_secs(60);

/// A folder that goes with its test.
pub fn temporary() -> TempDir {
    tempfile::Builder::new().prefix("taffrail-").tempdir().expect("a temporary folder")
}

/// A name that no other test, and no test of another run, has.
pub fn unique(word: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{word}-{:x}-{count}", std::process::id())
}

/// The program that is tested: `$TAFFRAIL`, or the one that was built beside this test.
pub fn taffrail() -> PathBuf {
    if let Some(path) = std::env::var_os("TAFFRAIL") {
        return path.into();
    }
    let test = std::env::current_exe().expect("this test is a file");
    let path = test.ancestors().nth(2).expect("TARGET/PROFILE/deps/TEST").join("taffrail");
    assert!(path.exists(), "{} is not there: `make test` builds it, or `cargo build -p taffrail`", path.display());
    path
}

/// A command of the tested program, with nothing of this machine's settings.
pub fn command() -> Command {
    let mut command = Command::new(taffrail());
    command.env_clear();
    for name in ["PATH", "TMPDIR", "TZ", "LANG"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.env("HOME", "/nonexistent");
    command
}

/// The id of a running process.
pub fn pid(process: &Child) -> Pid {
    Pid::from_child(process)
}

/// Asks a process to end. One that has ended already does not mind.
pub fn ask_to_end(process: &Child) {
    let _ = kill_process(pid(process), Signal::TERM);
}

/// Asks a process to end and waits for it; what does not end is killed.
pub fn terminate(mut process: Child) -> std::process::ExitStatus {
    ask_to_end(&process);
    let end = Instant::now() + LONGEST_END;
    while Instant::now() < end {
        if let Some(status) = process.try_wait().expect("a child can be waited for") {
            return status;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = process.kill();
    process.wait().expect("a child can be waited for")
}

/// The last lines of a text.
pub fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
