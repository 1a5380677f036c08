//! The Git server of tests/gitserver, and its end with the test.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;

/// A server that ends when it is dropped, or when the test is killed.
pub struct Server {
    pub url: String,
    /// What it writes on standard error: one line a request.
    pub log: mpsc::Receiver<String>,
    child: Child,
    _stdin: ChildStdin,
}

impl Server {
    /// Serves the bare repositories in `root`; its authority is `folder/ca.crt`.
    pub fn start(root: &Path, folder: &Path, flags: &[&str]) -> Self {
        let mut child = Command::new(&*BINARY)
            .arg("--exit-with-stdin")
            .arg("--root")
            .arg(root)
            .arg("--dir")
            .arg(folder)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let log = self::lines(child.stderr.take().unwrap());
        let ready = lines.recv_timeout(Duration::from_secs(30)).expect("the server is ready in 30 s");
        let url = ready.strip_prefix("ready ").unwrap_or_else(|| panic!("{ready}")).to_owned();
        let stdin = child.stdin.take().unwrap();
        Self { url, log, child, _stdin: stdin }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `TAFFRAIL_GITSERVER`, or built here.
static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(binary) = std::env::var_os("TAFFRAIL_GITSERVER") {
        return binary.into();
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/gitserver");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gitserver");
    let built = Command::new("go").args(["build", "-o"]).arg(&binary).arg(".").current_dir(source).status();
    assert!(built.expect("go is installed").success());
    binary
});

fn lines(stream: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
