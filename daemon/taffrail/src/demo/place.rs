//! The demo's folder and its processes. Whatever happens, they end with it.

use std::cell::RefCell;
use std::fs::{DirBuilder, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::repository::Repository;
use crate::Failure;

/// Longest time for the control plane to be ready.
const CONTROLPLANE: Duration = Duration::from_secs(120);
/// Longest time for the daemon to listen.
const DAEMON: Duration = Duration::from_secs(30);
/// Longest time for the daemon to end: more than it waits for what it sent.
const END: Duration = Duration::from_secs(60);
/// How much of a log is shown when something failed.
const TAIL: usize = 20;

/// A temporary folder and the processes that run in it.
pub(super) struct Place {
    folder: PathBuf,
    program: PathBuf,
    /// The newest last: it is stopped first.
    children: RefCell<Vec<Child>>,
}

impl Place {
    pub(super) fn new() -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(Failure::new)?;
        let folder = std::env::temp_dir().join(format!("taffrail-demo-{}", std::process::id()));
        // One that exists was made by somebody else: it holds keys, and is removed at the end.
        let made = DirBuilder::new().mode(0o700).create(&folder);
        made.map_err(|error| Failure::new(format!("{}: {error}", folder.display())))?;
        Ok(Self { folder, program, children: RefCell::default() })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub(super) fn program(&self) -> String {
        self.program.display().to_string()
    }

    /// Starts the control plane; its administrator's kubeconfig.
    pub(super) fn start_controlplane(&self, program: &Path) -> Result<PathBuf, Failure> {
        let folder = self.path("controlplane");
        let mut command = Command::new(program);
        command.arg("--dir").arg(&folder).arg("--exit-with-stdin");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(self.log("controlplane.log")?);
        command.process_group(0); // Ctrl-C is for us, who end it in order
        let mut child = command.spawn().map_err(|error| {
            Failure::new(format!("{}: {error}", program.display())).hint("`make demo` builds the control plane")
        })?;
        let lines = lines(child.stdout.take().expect("it is piped"));
        self.children.borrow_mut().push(child);
        wait_for(&lines, CONTROLPLANE, |line| (line == "ready").then_some(()))
            .ok_or_else(|| Failure::new("the control plane is not ready in time"))?;
        Ok(folder.join("kubeconfig"))
    }

    /// Writes the daemon's configuration from its template.
    pub(super) fn configure(
        &self,
        template: &Path,
        repository: &Repository,
        kubeconfig: &Path,
    ) -> Result<PathBuf, Failure> {
        let text = std::fs::read_to_string(template)
            .map_err(|error| Failure::new(format!("{}: {error}", template.display())))?;
        let url = format!("file://{}", repository.path().display());
        let mut text = text.replace("file:///REPOSITORY", &url);
        for (key, value) in [
            ("data", self.path("data").display().to_string()),
            ("listen", "127.0.0.1:0".to_owned()),
            ("cluster", format!("{{ kubeconfig: \"{}\" }}", kubeconfig.display())),
            ("log", "{ format: json, level: info }".to_owned()),
        ] {
            let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with(&format!("{key}:"))).collect();
            text = format!("{key}: {value}\n{}\n", kept.join("\n"));
        }
        let file = self.path("taffrail.yaml");
        std::fs::write(&file, text).map_err(Failure::new)?;
        Ok(file)
    }

    /// Starts the daemon; the URL of its API.
    pub(super) fn start_daemon(&self, configuration: &Path) -> Result<String, Failure> {
        let mut command = Command::new(&self.program);
        command.arg("run").arg("--config").arg(configuration).env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(self.log("daemon.log")?);
        command.process_group(0);
        self.children.borrow_mut().push(command.spawn().map_err(Failure::new)?);
        let deadline = Instant::now() + DAEMON;
        while Instant::now() < deadline {
            let log = std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default();
            let address = log.lines().find_map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).ok()?;
                let fields = line.get("fields")?;
                (fields.get("message")? == "the API listens")
                    .then(|| fields.get("address")?.as_str().map(str::to_owned))?
            });
            if let Some(address) = address {
                return Ok(format!("http://{address}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(Failure::new(format!("the daemon does not listen in time:\n{}", self.log_tail())))
    }

    /// Runs this program with these arguments; what it prints.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<String, Failure> {
        self.command_that_exits(0, arguments)
    }

    /// The same of a command that ends with this exit code.
    pub(super) fn command_that_exits(&self, code: i32, arguments: &[&str]) -> Result<String, Failure> {
        let output = Command::new(&self.program).args(arguments).output().map_err(Failure::new)?;
        if output.status.code() == Some(code) {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::new(format!("taffrail {} failed: {said}", arguments.join(" "))))
    }

    /// The last lines of the daemon's log.
    pub(super) fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.path("daemon.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(TAIL)..].join("\n")
    }

    /// Ends the daemon as an operator would, and checks that it ended well.
    pub(super) fn end(&self) -> Result<(), Failure> {
        let daemon = self.children.borrow_mut().pop();
        let Some(mut daemon) = daemon else { return Ok(()) };
        let told = Command::new("kill").arg(daemon.id().to_string()).status();
        if !told.is_ok_and(|status| status.success()) {
            return Err(Failure::new("the daemon had ended by itself"));
        }
        let deadline = Instant::now() + END;
        while Instant::now() < deadline {
            match daemon.try_wait().map_err(Failure::new)? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(Failure::new(format!("the daemon ended with {status}"))),
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        self.children.borrow_mut().push(daemon);
        Err(Failure::new("the daemon does not end"))
    }

    fn log(&self, name: &str) -> Result<File, Failure> {
        File::create(self.path(name)).map_err(Failure::new)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Nothing more can be done about a process or folder that will not go.
        for mut child in self.children.get_mut().drain(..).rev() {
            drop(child.stdin.take());
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Ctrl-C and SIGTERM, which are not to kill this process before it has cleaned up.
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// Takes the signals over, within a runtime.
    pub(super) fn new() -> Result<Self, Failure> {
        let take = |kind| signal(kind).map_err(Failure::new);
        Ok(Self { interrupt: take(SignalKind::interrupt())?, terminate: take(SignalKind::terminate())? })
    }

    /// Waits for one.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The lines of a pipe. A thread reads on to its end, so that the writer never stands still.
fn lines(pipe: impl std::io::Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

fn wait_for<T>(lines: &mpsc::Receiver<String>, time: Duration, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + time;
    loop {
        let line = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
        if let Some(found) = wanted(&line) {
            return Some(found);
        }
    }
}
