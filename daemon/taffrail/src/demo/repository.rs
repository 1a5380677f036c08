//! The shop's Git repository, made and changed with `git` as a person would.

use std::path::{Path, PathBuf};
use std::process::Command;

use taffrail_model::CommitId;

use crate::Failure;

const STAGING: &str = "overlays/staging/kustomization.yaml";
const IMAGE: &str = "- name: ghcr.io/taffrail/shop-api";

/// A repository.
pub(super) struct Repository(PathBuf);

impl Repository {
    /// A repository at `path` with one commit: what lies in `overlays`.
    pub(super) fn make(path: &Path, overlays: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(path).map_err(Failure::new)?;
        let copied = Command::new("cp").arg("-R").arg(overlays).arg(path.join("overlays")).status();
        if !copied.is_ok_and(|status| status.success()) {
            return Err(
                Failure::new(format!("cannot copy {}", overlays.display())).hint("--sources names the folder above it")
            );
        }
        let repository = Self(path.to_owned());
        repository.git(&["init", "--quiet", "--initial-branch=main"])?;
        for (key, value) in [("user.name", "Ada"), ("user.email", "ada@shop.example.org"), ("commit.gpgsign", "false")]
        {
            repository.git(&["config", key, value])?;
        }
        repository.commit("The shop")?;
        Ok(repository)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn head(&self) -> Result<CommitId, Failure> {
        self.git(&["rev-parse", "HEAD"])?.trim().parse().map_err(Failure::new)
    }

    /// Commits another tag of the API's image to staging.
    pub(super) fn set_image(&self, tag: &str, message: &str) -> Result<CommitId, Failure> {
        let file = self.0.join(STAGING);
        let text = std::fs::read_to_string(&file).map_err(Failure::new)?;
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let place = lines.iter().position(|line| line == IMAGE).filter(|place| place + 1 < lines.len());
        let place = place.ok_or_else(|| Failure::new(format!("{STAGING} has no line {IMAGE:?}")))?;
        lines[place + 1] = format!("  newTag: {tag}");
        std::fs::write(&file, format!("{}\n", lines.join("\n"))).map_err(Failure::new)?;
        self.commit(message)?;
        self.head()
    }

    /// Commits another tag of the API's image to a branch of its own.
    pub(super) fn propose(&self, branch: &str, tag: &str, message: &str) -> Result<CommitId, Failure> {
        self.git(&["switch", "--quiet", "--create", branch])?;
        let proposed = self.set_image(tag, message)?;
        self.git(&["switch", "--quiet", "main"])?;
        Ok(proposed)
    }

    /// Merges a branch; the new head.
    pub(super) fn merge(&self, branch: &str) -> Result<CommitId, Failure> {
        self.git(&["merge", "--quiet", "--ff-only", branch])?;
        self.head()
    }

    fn commit(&self, message: &str) -> Result<(), Failure> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message]).map(drop)
    }

    fn git(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = Command::new("git").arg("-C").arg(&self.0).args(arguments).output();
        let output = output.map_err(|error| Failure::new(format!("git: {error}")).hint("the demo needs git"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(Failure::new(format!("git {} failed: {said}", arguments.join(" "))))
    }
}
