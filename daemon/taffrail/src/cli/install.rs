//! `taffrail install --print`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use taffrail_kustomize::{FolderFiles, build};
use taffrail_yaml::{Limits, Rules, parse};

use crate::failure::Failure;
use crate::install::{Choice, Managed, Plan};
use crate::output::Output;

/// Print what runs Taffrail in a cluster: namespace, rights, volumes, Deployment, Service and NetworkPolicy.
///
/// Nothing is sent anywhere: look at it, then `kubectl apply -f -`. The rights are those for the kinds that the
/// manifests are of; without any, for the kinds that applications usually consist of.
#[derive(Debug, Args)]
pub(super) struct Install {
    /// Print the objects. There is no other way: nothing is installed unseen.
    #[arg(long, required = true)]
    print: bool,
    /// The configuration to put in, as it will stand in the pod; without one, one without applications.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The namespace.
    #[arg(long, value_name = "NAME", default_value = "taffrail")]
    namespace: String,
    /// The image.
    #[arg(long, value_name = "IMAGE", default_value = concat!("taffrail:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// What will be managed: folders with a kustomization, and files of manifests.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    manifests: Vec<PathBuf>,
    /// Also print a ServiceMonitor, for the Prometheus operator.
    #[arg(long)]
    service_monitor: bool,
}

impl Install {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let configuration = self.config.as_deref().map(text).transpose()?;
        let mut manifests = Vec::new();
        for path in &self.manifests {
            manifests.extend(if path.is_dir() { rendered(path)? } else { read(path)? });
        }
        let managed = if self.manifests.is_empty() { Managed::usual() } else { Managed::of(&manifests) };
        let (namespace, image, service_monitor) = (self.namespace, self.image, self.service_monitor);
        let plan = Plan::new(Choice { namespace, image, service_monitor, managed, configuration });
        let plan = plan.map_err(|faults| {
            let file = self.config.as_deref().unwrap_or(Path::new("taffrail.yaml"));
            Failure::usage(format!("{} cannot be run in a pod: {}", file.display(), faults.join("; ")))
        })?;
        for doubt in plan.doubts() {
            output.warning(doubt);
        }
        Ok(output.write(plan.to_yaml().as_bytes())?)
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn rendered(folder: &Path) -> Result<Vec<Value>, Failure> {
    let unusable = |error| Failure::usage(format!("{} {error}", folder.display()));
    let (files, path) = FolderFiles::enclosing(folder).map_err(unusable)?;
    let rendered = build(&files, &path, &taffrail_kustomize::Limits::default());
    rendered.map(|rendered| rendered.objects).map_err(|errors| Failure::all(&errors))
}

fn read(file: &Path) -> Result<Vec<Value>, Failure> {
    let documents = parse(text(file)?.as_bytes(), &file.display().to_string(), &Limits::default());
    let documents = documents.map_err(|error| Failure::usage(error.to_string()))?;
    Ok(documents.iter().map(|document| document.to_value(Rules::Manifest)).filter(Value::is_object).collect())
}
