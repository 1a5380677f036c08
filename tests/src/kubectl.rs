//! kubectl, as somebody else would use it: the tests' proof that what people really do is noticed.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// kubectl in one namespace: the one that `make test` builds.
pub struct Kubectl {
    kubeconfig: PathBuf,
    namespace: String,
}

impl Kubectl {
    /// With this kubeconfig, in this namespace.
    pub fn new(kubeconfig: &Path, namespace: &str) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), namespace: namespace.to_owned() }
    }

    /// Runs it; the words of the line are its arguments.
    pub fn run(&self, line: &str) {
        self.with_editor(line, "false");
    }

    /// Runs it with an editor, which gets the file's name as last argument.
    pub fn with_editor(&self, line: &str, editor: &str) {
        let program = std::env::var_os("TAFFRAIL_KUBECTL").expect("TAFFRAIL_KUBECTL is not set: run `make test`");
        let mut command = Command::new(program);
        // Its field manager is named after the program.
        command.arg0("kubectl").arg("--kubeconfig").arg(&self.kubeconfig).args(["--namespace", &self.namespace]);
        command.args(line.split(' ')).env("KUBE_EDITOR", editor);
        let output = command.output().expect("kubectl starts");
        assert!(output.status.success(), "kubectl {line}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
