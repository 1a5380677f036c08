//! A Git repository of a test's own, changed by the `git` command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use russh::keys::ssh_key::private::Ed25519Keypair;
use russh::keys::ssh_key::{LineEnding, SshSig};
use russh::keys::{HashAlg, PrivateKey};
use tempfile::TempDir;

use crate::program;

/// A bare repository, and a working tree that is pushed to it.
pub struct GitRepository {
    folder: TempDir,
}

impl GitRepository {
    /// An empty one, without a commit.
    pub fn new() -> Self {
        let repository = Self { folder: program::temporary() };
        fs::create_dir(repository.tree()).expect("a folder");
        git(repository.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "shop.git"]);
        git(&repository.tree(), &["init", "--quiet", "--initial-branch=main"]);
        git(&repository.tree(), &["remote", "add", "origin", "../shop.git"]);
        repository
    }

    /// The folder that holds the bare repository `shop.git`, for a server.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Its `file://` URL.
    pub fn url(&self) -> String {
        format!("file://{}", self.bare().display())
    }

    /// The working tree.
    pub fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// Writes files and commits them; returns the commit's id.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        for (path, content) in files {
            self.write(path, content);
        }
        self.commit_tree(message)
    }

    /// Writes a file into the working tree.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.tree().join(path);
        fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// Removes a file or folder from the working tree, if it is there.
    pub fn remove(&self, path: &str) {
        let path = self.tree().join(path);
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }

    /// Makes a symbolic link in the working tree.
    pub fn link(&self, path: &str, target: &str) {
        std::os::unix::fs::symlink(target, self.tree().join(path)).expect("a link");
    }

    /// Commits the working tree as it is, and pushes it; returns the commit's id.
    pub fn commit_tree(&self, message: &str) -> String {
        git(&self.tree(), &["add", "--all"]);
        git(&self.tree(), &["commit", "--quiet", "--allow-empty", "--message", message]);
        self.push();
        self.head()
    }

    /// Goes on with the branch `name`, which is made if it is not there.
    pub fn switch(&self, name: &str) {
        let there = git(&self.tree(), &["branch", "--list", name]);
        let make: &[&str] = if there.trim().is_empty() { &["--create"] } else { &[] };
        git(&self.tree(), &[&["switch", "--quiet"], make, &[name]].concat());
    }

    /// Makes or moves a tag of the newest commit, and pushes it.
    pub fn tag(&self, name: &str) {
        git(&self.tree(), &["tag", "--force", name]);
        git(&self.tree(), &["push", "--quiet", "--force", "origin", &format!("refs/tags/{name}")]);
    }

    /// Deletes a tag, here and there.
    pub fn delete_tag(&self, name: &str) {
        git(&self.tree(), &["tag", "--delete", name]);
        git(&self.tree(), &["push", "--quiet", "--delete", "origin", &format!("refs/tags/{name}")]);
    }

    /// Signs the newest commit with an ssh key, as `git commit --gpg-sign` would, and pushes it; returns its new id.
    pub fn sign(&self, key: &PrivateKey) -> String {
        let raw = git(&self.tree(), &["cat-file", "commit", "HEAD"]);
        let signature = SshSig::sign(key, "git", HashAlg::Sha512, raw.as_bytes()).expect("an ed25519 key signs");
        let armor = signature.to_pem(LineEnding::LF).expect("text");
        let (headers, message) = raw.split_once("\n\n").expect("a commit has a message");
        let signed = format!("{headers}\ngpgsig {}\n\n{message}", armor.trim_end().replace('\n', "\n "));
        self.write(".git/signed", signed);
        let id = git(&self.tree(), &["hash-object", "-t", "commit", "-w", ".git/signed"]);
        git(&self.tree(), &["reset", "--quiet", "--soft", id.trim()]);
        self.push();
        self.head()
    }

    /// Goes back to `commit` and forgets what came after, as a force push does.
    pub fn force_back_to(&self, commit: &str) {
        git(&self.tree(), &["reset", "--quiet", "--hard", commit]);
        self.push();
    }

    /// The newest commit.
    pub fn head(&self) -> String {
        git(&self.tree(), &["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Takes it away: a fetch finds nothing.
    pub fn take_away(&self) {
        fs::rename(self.bare(), self.folder.path().join("away.git")).expect("it was there");
    }

    /// Brings it back.
    pub fn bring_back(&self) {
        fs::rename(self.folder.path().join("away.git"), self.bare()).expect("it was taken away");
    }

    /// Deletes it for good.
    pub fn delete(&self) {
        fs::remove_dir_all(self.bare()).expect("it was there");
        fs::remove_dir_all(self.tree()).expect("it was there");
    }

    fn bare(&self) -> PathBuf {
        self.folder.path().join("shop.git")
    }

    fn push(&self) {
        git(&self.tree(), &["push", "--quiet", "--force", "origin", "HEAD"]);
    }
}

impl Default for GitRepository {
    fn default() -> Self {
        Self::new()
    }
}

/// An ssh key that is the same in every run.
pub fn ssh_key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
}

/// The line of an allowed signer.
pub fn allowed_signer(name: &str, key: &PrivateKey) -> String {
    format!("{name} namespaces=\"git\" {}\n", key.public_key().to_openssh().expect("text"))
}

/// Runs git, with nothing of this machine's settings.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(arguments).env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    for (name, value) in [
        ("HOME", "/nonexistent"),
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_AUTHOR_NAME", "Ada"),
        ("GIT_AUTHOR_EMAIL", "ada@example.org"),
        ("GIT_COMMITTER_NAME", "Ada"),
        ("GIT_COMMITTER_EMAIL", "ada@example.org"),
    ] {
        command.env(name, value);
    }
    let output = command.output().expect("git is installed");
    assert!(output.status.success(), "git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
