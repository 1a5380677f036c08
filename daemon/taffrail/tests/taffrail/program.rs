//! Runs the built binary.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

/// What a run of the program left.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The program with arguments, in an environment without influence on it.
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_taffrail"));
    command
        .args(arguments)
        .env_remove("TAFFRAIL_SERVER")
        .env_remove("TAFFRAIL_TOKEN")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Ran {
    let output = command(arguments).output().expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Ran { code: output.status.code().expect("an exit code"), out: text(output.stdout), err: text(output.stderr) }
}

/// A run that goes on; ended when dropped.
pub struct Running {
    child: Child,
    out: BufReader<ChildStdout>,
}

pub fn start(arguments: &[&str]) -> Running {
    let mut child = command(arguments).stdout(Stdio::piped()).spawn().expect("the program was built");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    Running { child, out }
}

impl Running {
    /// The next line of its output; waits for it.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("its output");
        line.trim_end().to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_wrong_configuration_gives_all_errors_and_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.yaml");
    std::fs::write(&file, "lisen: 1\nlog: { level: loud }\n").unwrap();
    let ran = run(&["validate", "--config", file.to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let file = file.display();
    assert_eq!(
        ran.err,
        format!(
            "error: {file}:1:1: unknown key \"lisen\" (did you mean \"listen\"?)\n\
             error: {file}:2:15: \"level\" should be error | warn | info | debug | trace\n"
        )
    );
}

#[test]
fn a_sound_configuration_says_what_it_would_do() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/taffrail.yaml");
    let ran = run(&["validate", "--config", file]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.contains("is valid: 1 repository, 1 application\n"), "{}", ran.out);
    assert!(
        ran.out.contains("shop-staging: overlays/staging of https://git.example.org/shop.git at main"),
        "{}",
        ran.out
    );
}

#[test]
fn wrong_arguments_give_2() {
    for arguments in [
        &["nonsense"] as &[&str],
        &["events", "--kind", "GateFaild"],
        &["events", "--follow", "--output", "json"],
        &["events", "--since", "yesterday"],
        &["events", "--follow", "--until", "1h"],
        &["status", "Shop"],
        &["status", "--server", "ftp://a"],
        &["render", "/nowhere"],
        &["adopt", "shop"],
        &["acknowledge", "shop", "--reason", " "],
        &["acknowledge", "shop", "api", "--reason", "x"],
        &["remove", "shop", "--reason", "x"],
        &["remove", "shop", "--prune", "--orphan", "--reason", "x"],
        &["revert", "shop", "--to", "0", "--reason", "x"],
        &["suspend", "shop", "--for", "1h", "--until", "2999-01-01T00:00:00Z"],
        &["sync", "shop", "--only", "api"],
        &["refresh", "shop", "--token-file", "/nowhere"],
        &["token", "anna brook"],
        &["diff", "shop", "--from", "3"],
        &["diff", "shop", "--from", "3", "--to", "4", "--revision", "main"],
        &["diff", "shop", "-o", "yaml"],
        &["wait", "shop", "--revision", "main"],
        &["wait", "shop", "--timeout", "soon"],
        &["history", "shop", "-n", "0"],
        &["status", "--at", "yesterday"],
    ] {
        let ran = run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{arguments:?}");
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn completion_knows_the_commands() {
    let ran = run(&["completion", "bash"]);
    assert_eq!(ran.code, 0);
    assert!(ran.out.contains("verify"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = command(&["completion", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}
