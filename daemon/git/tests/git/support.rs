//! Repositories in temporary folders, made by the `git` command line.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use taffrail_git::Mirrors;
use taffrail_model::configuration::Repository;
use taffrail_model::{CommitId, Known, Reference, RepositoryName};
use taffrail_ports::repositories::{Entry, Fetched, Observation, Repositories, RepositoryError};
use tempfile::TempDir;

/// A work tree, and the mirrors of it.
pub struct World {
    pub folder: TempDir,
    pub mirrors: Mirrors,
    pub repository: Repository,
}

impl World {
    /// With one commit of a file `a` that says `one`.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let work = folder.path().join("work");
        fs::create_dir(&work).unwrap();
        let repository = Repository {
            url: format!("file://{}", work.display()),
            reference: Reference::Branch("main".to_owned()),
            poll: Duration::from_secs(30),
            timeout: Duration::from_secs(20),
            credentials: None,
            ca_file: None,
            verify: None,
        };
        let world = Self { mirrors: Mirrors::new(folder.path().join("mirrors")), folder, repository };
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.write("a", "one");
        world.commit("First");
        world
    }

    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub fn mirror(&self) -> PathBuf {
        self.folder.path().join("mirrors/shop")
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        run(&self.work(), arguments, b"")
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.work().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn link(&self, path: &str, target: &str) {
        symlink(target, self.work().join(path)).unwrap();
    }

    /// Commits everything.
    pub fn commit(&self, message: &str) -> CommitId {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.head()
    }

    pub fn head(&self) -> CommitId {
        self.git(&["rev-parse", "HEAD"]).parse().unwrap()
    }

    pub fn fetch(&self, known: Option<&CommitId>) -> Result<Observation, RepositoryError> {
        self.fetch_after(known, None)
    }

    /// As [`Self::fetch`], when this tag led to what is known.
    pub fn fetch_after(&self, known: Option<&CommitId>, tag: Option<&str>) -> Result<Observation, RepositoryError> {
        match self.look(known, tag)? {
            Fetched::Taken(observation) => Ok(observation),
            Fetched::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    /// As [`Self::fetch_after`], whether it is taken or not.
    pub fn look(&self, known: Option<&CommitId>, tag: Option<&str>) -> Result<Fetched, RepositoryError> {
        let known = known.map(|known| Known { revision: known.clone(), tag: tag.map(str::to_owned) });
        self.mirrors.fetch(&name(), &self.repository, known.as_ref())
    }

    /// Follows this branch.
    pub fn follow(&mut self, branch: &str) {
        self.repository.reference = Reference::Branch(branch.to_owned());
    }

    pub fn entry(&self, revision: &CommitId, path: &str) -> Result<Option<Entry>, RepositoryError> {
        self.mirrors.tree(&name(), revision)?.entry(path)
    }

    pub fn assert_reads(&self, revision: &CommitId, path: &str, content: &str) {
        assert_eq!(self.entry(revision, path).unwrap(), Some(Entry::File(content.into())), "{path} of {revision}");
    }
}

pub fn name() -> RepositoryName {
    "shop".parse().unwrap()
}

/// Runs git, away from the settings of whoever runs the tests.
pub fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.org")])
        .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.org")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
