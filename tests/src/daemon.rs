//! The program under test, as a process of its own with a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::events::Event;
use crate::program;
use crate::runtime::block_on;
use crate::settings::Settings;
use crate::wait;

/// How much of the log a failed test shows.
const TAIL: usize = 40;
/// How many events a failed test shows.
const LAST: usize = 80;
const ANSWER: Duration = Duration::from_secs(20);

/// A daemon. It is killed at the end of its test, which shows what happened when it failed.
pub struct Daemon {
    folder: TempDir,
    process: Option<Child>,
    address: String,
    starts: usize,
    level: Option<String>,
    client: reqwest::Client,
    /// What was last read, for a test that fails while the daemon is gone.
    read: Mutex<Vec<Event>>,
}

impl Daemon {
    /// Starts the daemon in a new folder; returns once its API answers.
    pub fn start(settings: &Settings) -> Self {
        Self::with_level(settings, None)
    }

    /// The same with `RUST_LOG`.
    pub fn start_with_log(settings: &Settings, level: &str) -> Self {
        Self::with_level(settings, Some(level.to_owned()))
    }

    fn with_level(settings: &Settings, level: Option<String>) -> Self {
        let client = reqwest::Client::builder().no_proxy().build().expect("the TLS backend that is built in starts");
        let mut daemon = Self {
            folder: program::temporary(),
            process: None,
            address: String::new(),
            starts: 0,
            level,
            client,
            read: Mutex::default(),
        };
        daemon.configure(settings);
        daemon.start_again();
        daemon
    }

    /// Writes the configuration file. A running daemon reads it again by itself.
    pub fn configure(&self, settings: &Settings) {
        self.configure_with(&settings.text());
    }

    /// Writes this text as configuration file.
    pub fn configure_with(&self, text: &str) {
        // Replaced as a whole, as editors do: a daemon never reads half of it.
        let new = self.folder.path().join("taffrail.yaml.new");
        fs::write(&new, text).expect("a file");
        fs::rename(new, self.folder.path().join("taffrail.yaml")).expect("a file");
    }

    /// The folder that holds the configuration, the data and the key.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Starts it after it ended.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        self.starts += 1;
        let log = File::create(self.log_file(self.starts)).expect("a file");
        let mut command = self.run_command();
        self.process = Some(command.stderr(log).spawn().expect("the program starts"));
        self.address = wait::soon("the API listens", || {
            self.assert_runs();
            let log = fs::read_to_string(self.log_file(self.starts)).unwrap_or_default();
            let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut listening = lines.filter(|line| line["fields"]["message"] == "the API listens");
            listening.next().map(|line| line["fields"]["address"].as_str().expect("an address").to_owned())
        });
        wait::soon("the journal is folded", || (!self.get("/readyz").1.contains("being folded")).then_some(()));
    }

    fn run_command(&self) -> std::process::Command {
        // By way of a shell that ignores the signal of a file that grows too large: see `limit_files`.
        let mut command = program::command();
        let program = command.get_program().to_owned();
        let environment: Vec<_> =
            command.get_envs().map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned))).collect();
        command = std::process::Command::new("sh");
        command.env_clear();
        for (name, value) in environment {
            command.env(name, value.unwrap_or_default());
        }
        command.args(["-c", r#"trap "" XFSZ; exec "$0" run --config taffrail.yaml"#]).arg(program);
        if let Some(level) = &self.level {
            command.env("RUST_LOG", level);
        }
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Kills it, as a power cut would.
    pub fn kill_9(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().expect("a child can be killed");
        process.wait().expect("a child can be waited for");
    }

    /// Asks it to end.
    pub fn ask_to_end(&self) {
        program::ask_to_end(self.process.as_ref().expect("it runs"));
    }

    /// Asks it to end, and waits until it did.
    pub fn terminate(&mut self) -> ExitStatus {
        program::terminate(self.process.take().expect("it runs"))
    }

    /// Kills it and starts it again.
    pub fn restart(&mut self) {
        self.kill_9();
        self.start_again();
    }

    /// Starts a second daemon on the same folder, and waits until that one ends.
    pub fn second(&self) -> Output {
        self.run_command().stderr(Stdio::piped()).output().expect("the program starts")
    }

    /// Limits the size to which it can make files grow, so that its disk seems full; `None` takes the limit away.
    pub fn limit_files(&self, bytes: Option<u64>) {
        let limit = rustix::process::Rlimit { current: bytes, maximum: None };
        let pid = program::pid(self.process.as_ref().expect("it runs"));
        rustix::process::prlimit(Some(pid), rustix::process::Resource::Fsize, limit).expect("a child can be limited");
    }

    /// Runs another command of the program; relative paths are those of the daemon's folder.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let mut command = program::command();
        command
            .current_dir(self.folder.path())
            .args(arguments)
            .env("TAFFRAIL_SERVER", format!("http://{}", self.address));
        command.stdin(Stdio::null()).output().expect("the program starts")
    }

    /// `taffrail verify` of the folder of a daemon that does not run.
    pub fn verify(&self) -> Output {
        assert!(self.process.is_none(), "only a daemon that does not run leaves its journal to others");
        self.command(&["verify", "--data", "data", "--key-file", "secrets.key"])
    }

    /// Ends it, and asserts that its journal is intact.
    pub fn end_and_verify(&mut self) {
        if self.process.is_some() {
            self.terminate();
        }
        let verified = self.verify();
        assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
    }

    /// A GET of its API: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.assert_runs();
        let request = self.client.get(self.url(path)).timeout(ANSWER);
        let answer = block_on(async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        });
        answer.unwrap_or_else(|error| panic!("GET {path}: {error:?}"))
    }

    /// A POST to its API: status and body.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        self.assert_runs();
        let request = self.client.post(self.url(path)).timeout(ANSWER).body(body.to_owned());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = block_on(async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.text().await?))
        });
        answer.unwrap_or_else(|error| panic!("POST {path}: {error:?}"))
    }

    /// A GET of its API that answers with JSON.
    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "GET {path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {path}: {error}: {body}"))
    }

    /// The URL of a path of its API.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The stored bytes of all events, a line each.
    pub fn export(&self) -> String {
        let (status, body) = self.get("/events?format=ndjson");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// All events.
    pub fn events(&self) -> Vec<Event> {
        let export = self.export();
        let events: Vec<Event> = export.lines().map(|line| Event(serde_json::from_str(line).expect("JSON"))).collect();
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&events);
        events
    }

    /// The events after one, of an application.
    pub fn events_after(&self, after: u64, application: &str) -> Vec<Event> {
        self.events().into_iter().filter(|event| event.seq() > after && event.subject() == application).collect()
    }

    /// The number of the newest event.
    pub fn newest(&self) -> u64 {
        self.events().last().map_or(0, Event::seq)
    }

    /// The first event of this kind, once it is there.
    pub fn expect(&self, kind: &str) -> Event {
        self.expect_after(0, kind)
    }

    /// The first event of this kind after another, once it is there.
    pub fn expect_after(&self, after: u64, kind: &str) -> Event {
        self.expect_where(after, kind, wait::SOON, |_| true)
    }

    /// The first event of this kind that `fits`, after another and within `deadline`.
    pub fn expect_where(&self, after: u64, kind: &str, deadline: Duration, fits: impl Fn(&Event) -> bool) -> Event {
        wait::within(deadline, &format!("{kind} after event {after}"), || {
            self.events().into_iter().find(|event| event.seq() > after && event.kind() == kind && fits(event))
        })
    }

    /// The first event of this kind about an application, after another.
    pub fn expect_of(&self, application: &str, after: u64, kind: &str) -> Event {
        self.expect_where(after, kind, wait::SOON, |event| event.subject() == application)
    }

    /// An application, as the API shows it.
    pub fn application(&self, name: &str) -> Value {
        self.json(&format!("/applications/{name}"))
    }

    /// What it wrote about itself since its last start.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log_file(self.starts)).unwrap_or_default()).into_owned()
    }

    fn log_file(&self, start: usize) -> PathBuf {
        self.folder.path().join(format!("log-{start}"))
    }

    /// Fails the test when the process is gone, in place of a puzzling "connection refused".
    pub fn assert_runs(&self) {
        let process = self.process.as_ref().expect("it runs");
        // A zombie still has its process; its state says so.
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap_or_default();
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start().chars().next();
        assert!(!matches!(state, None | Some('Z' | 'X')), "the daemon ended: {}", program::tail(&self.log(), TAIL));
    }

    #[allow(clippy::print_stderr, reason = "libtest shows what a failed test prints")]
    fn show(&self) {
        let events = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        eprintln!("--- the last events that were read");
        for event in events.iter().skip(events.len().saturating_sub(LAST)) {
            eprintln!("{event:?}");
        }
        eprintln!("--- the end of the log\n{}", program::tail(&self.log(), TAIL));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.show();
        }
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        let panicked = self.log().contains("panicked at");
        if panicked && !std::thread::panicking() {
            self.show();
            panic!("a part of the daemon panicked, and nothing else noticed");
        }
    }
}
