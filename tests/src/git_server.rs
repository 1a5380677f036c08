//! A Git server over HTTPS, of a test's own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::program;

/// A running server. It ends with its test.
pub struct GitServer {
    folder: TempDir,
    address: String,
    process: Child,
}

impl GitServer {
    /// Serves the bare repositories under `root`; `flags` are those of tests/gitserver.
    pub fn start(root: &Path, flags: &[&str]) -> Self {
        let folder = program::temporary();
        let program = std::env::var_os("TAFFRAIL_GITSERVER").expect("TAFFRAIL_GITSERVER is not set: run `make test`");
        let mut command = Command::new(program);
        command.arg("--root").arg(root).arg("--dir").arg(folder.path()).arg("--exit-with-stdin").args(flags);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("the Git server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("ready ").expect("it says where it listens").to_owned();
        Self { folder, address, process }
    }

    /// The URL of `shop.git`.
    pub fn url(&self) -> String {
        format!("{}/shop.git", self.address)
    }

    /// The certificates to trust.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
