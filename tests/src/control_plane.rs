//! A control plane of a test's own, for tests that take the API server away.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::{program, wait};

/// A control plane that can be stopped and started again on the same port, with its state.
pub struct PrivateControlPlane {
    folder: TempDir,
    port: Option<u16>,
    process: Option<Child>,
}

impl PrivateControlPlane {
    /// Starts one.
    pub fn start() -> Self {
        let mut control_plane = Self { folder: program::temporary(), port: None, process: None };
        control_plane.start_again();
        let server = control_plane.cluster().access().server.clone();
        control_plane.port = server.rsplit(':').next().and_then(|port| port.parse().ok());
        control_plane
    }

    /// Its cluster.
    pub fn cluster(&self) -> Cluster {
        Cluster::at(&self.state().join("kubeconfig"))
    }

    /// Stops it; the state stays.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            program::terminate(process);
        }
    }

    /// Starts it again, on the port that it had.
    pub fn start_again(&mut self) {
        let program = std::env::var_os("TAFFRAIL_CONTROLPLANE");
        let mut command = Command::new(program.expect("TAFFRAIL_CONTROLPLANE is not set: run `make test`"));
        command.arg("--dir").arg(self.state()).arg("--exit-with-stdin");
        if let Some(port) = self.port {
            command.args(["--port", &port.to_string()]);
        }
        let [said, log] = ["said", "log"].map(|name| self.folder.path().join(name));
        let create = |path: &Path| File::create(path).expect("a file");
        command.stdin(Stdio::piped()).stdout(create(&said)).stderr(create(&log));
        let process = self.process.insert(command.spawn().expect("the control plane starts"));
        wait::soon("the control plane is ready", || {
            let ended = process.try_wait().expect("a child can be waited for");
            let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
            assert!(ended.is_none(), "the control plane ended: {}", program::tail(&read(&log), 30));
            read(&said).lines().any(|line| line == "ready").then_some(())
        });
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}

impl Drop for PrivateControlPlane {
    fn drop(&mut self) {
        self.stop();
    }
}
