//! Renders a folder of a revision, from Git's objects in memory, and stores the manifests.
//!
//! Always: a manifest is durable before the set that names it is handed over, and a Secret's is stored encrypted under
//! a keyed digest.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taffrail_core::{EffectKey, Input};
use taffrail_kustomize::{Files, ReadError, RepositoryPath, TreeEntry};
use taffrail_model::{
    ApplicationName, CommitId, DesiredObject, DesiredSet, Manifest, ObjectKey, ObjectOptions, RepositoryName,
};
use taffrail_ports::journal::{Document, Journal, JournalError};
use taffrail_ports::repositories::{Entry, RepositoryError, Tree};

use super::options::options;
use super::{Hands, Stop};
use crate::run::{World, blocking};

const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15);

/// What to render.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub application: ApplicationName,
    pub repository: RepositoryName,
    pub revision: CommitId,
    pub path: String,
    pub namespace: Option<String>,
}

pub(super) async fn run(hands: &Hands, key: EffectKey, request: Request, stop: &mut Stop) {
    let mut back_off = FIRST_BACK_OFF;
    let outcome = loop {
        let turn = tokio::select! {
            biased;
            () = stop.stopped() => return,
            turn = hands.renders.acquire() => turn,
        };
        let Ok(turn) = turn else { return };
        let (world, work) = (hands.world.clone(), request.clone());
        let began = Instant::now();
        let rendered = blocking(move || once(&world, &work)).await;
        drop(turn);
        match rendered {
            Ok(Err(Failure::Passing(error))) => {
                tracing::warn!(application = %request.application, error, "a render is tried again");
                if stop.within(back_off).await {
                    return;
                }
                back_off = LONGEST_BACK_OFF.min(back_off * 2);
                continue;
            }
            Ok(Ok(set)) => {
                let (seconds, name) = (began.elapsed().as_secs_f64(), request.application.as_str());
                hands.world.metrics.render_seconds.with_label_values(&[name]).observe(seconds);
                break Ok(Arc::new(set));
            }
            Ok(Err(Failure::Final(errors))) => break Err(errors),
            Err(error) => break Err(vec![error.to_string()]),
        }
    };
    let Request { application, revision, .. } = request;
    hands.give(Input::Rendered { key, application, revision, outcome }).await;
}

/// Why a render failed.
pub(crate) enum Failure {
    /// The revision is at fault, and stays so.
    Final(Vec<String>),
    /// The mirror, which a poll makes or mends, or the journal's disk: they say nothing about the revision.
    Passing(String),
}

impl Failure {
    fn of_read(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Mirror { .. } => Self::Passing(error.to_string()),
            _ => Self::Final(vec![error.to_string()]),
        }
    }
}

fn once(world: &World, work: &Request) -> Result<DesiredSet, Failure> {
    let (set, documents) = rendered(world, work)?;
    world.journal.put(documents).map(|()| set).map_err(|error| match error {
        JournalError::Store { .. } | JournalError::NoSpace { .. } => Failure::Passing(error.to_string()),
        _ => Failure::Final(vec![error.to_string()]),
    })
}

/// The set, and the manifests that it names; nothing is stored.
pub(crate) fn rendered(world: &World, work: &Request) -> Result<(DesiredSet, Vec<Document>), Failure> {
    let tree = world.repositories.tree(&work.repository, &work.revision).map_err(Failure::of_read)?;
    let files = GitFiles { tree: &*tree, failed: RefCell::default() };
    let made = make(&files, work, &*world.journal);
    if let Some(failed) = files.failed.take() {
        return Err(Failure::Passing(failed));
    }
    made.map_err(Failure::Final)
}

/// The set, and the manifests that it names; or every error with its place.
fn make(
    files: &GitFiles<'_>,
    work: &Request,
    journal: &dyn Journal,
) -> Result<(DesiredSet, Vec<Document>), Vec<String>> {
    let one = |error: String| vec![error];
    let path = RepositoryPath::new(&work.path).map_err(|error| one(error.to_string()))?;
    let rendered = taffrail_kustomize::build(files, &path, &taffrail_kustomize::Limits::default())
        .map_err(|errors| errors.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    for warning in &rendered.warnings {
        tracing::warn!(application = %work.application, revision = %work.revision, "{warning}");
    }
    let mut manifests = Vec::new();
    for value in rendered.objects {
        manifests.push(Manifest::new(value).map_err(|error| one(error.to_string()))?);
    }
    let scopes = Scopes::of(&manifests);
    let mut set = DesiredSet::default();
    let mut documents = Vec::new();
    let mut errors = Vec::new();
    for mut manifest in manifests {
        let key = scopes.place(&mut manifest, work.namespace.as_deref());
        let confidential = key.is_secret();
        let bytes = manifest.to_bytes();
        let digest = journal.digest(&bytes, confidential);
        let options = options(&manifest).unwrap_or_else(|wrong| {
            errors.extend(wrong);
            ObjectOptions::default()
        });
        let desired = DesiredObject { api_version: manifest.api_version(), manifest: digest, options };
        if set.objects.insert(key.clone(), desired).is_some() {
            errors
                .push(format!("two objects are {key}, once a namespace is given to those that name none: remove one"));
        }
        documents.push(Document { digest, bytes, confidential });
    }
    if errors.is_empty() { Ok((set, documents)) } else { Err(errors) }
}

/// Git's objects, as the renderer reads them.
struct GitFiles<'a> {
    tree: &'a dyn Tree,
    /// Why the mirror could not be read, if it could not.
    failed: RefCell<Option<String>>,
}

impl Files for GitFiles<'_> {
    fn entry(&self, path: &RepositoryPath, most: usize) -> Result<Option<TreeEntry>, ReadError> {
        let entry = self.tree.entry(path.as_str()).map_err(|error| {
            if let RepositoryError::Mirror { .. } = error {
                self.failed.replace(Some(error.to_string()));
            }
            ReadError::Failed(error.to_string())
        })?;
        Ok(match entry {
            Some(Entry::File(bytes)) if bytes.len() > most => return Err(ReadError::TooLarge(most)),
            Some(Entry::File(bytes)) => Some(TreeEntry::File(bytes)),
            Some(Entry::Link(target)) => Some(TreeEntry::Symlink(target)),
            Some(Entry::Folder) => Some(TreeEntry::Folder),
            None => None,
        })
    }
}

/// Which kinds are cluster-scoped: those of Kubernetes, and those of definitions in the same set.
struct Scopes(BTreeMap<(String, String), bool>);

/// Cluster-scoped kinds of Kubernetes 1.35, as `kubectl api-resources --namespaced=false` lists them.
const CLUSTER_SCOPED: [(&str, &str); 37] = [
    ("", "ComponentStatus"),
    ("", "Namespace"),
    ("", "Node"),
    ("", "PersistentVolume"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apiregistration.k8s.io", "APIService"),
    ("authentication.k8s.io", "SelfSubjectReview"),
    ("authentication.k8s.io", "TokenReview"),
    ("authorization.k8s.io", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "SelfSubjectRulesReview"),
    ("authorization.k8s.io", "SubjectAccessReview"),
    ("certificates.k8s.io", "CertificateSigningRequest"),
    ("certificates.k8s.io", "ClusterTrustBundle"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("internal.apiserver.k8s.io", "StorageVersion"),
    ("networking.k8s.io", "IPAddress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "ServiceCIDR"),
    ("node.k8s.io", "RuntimeClass"),
    ("rbac.authorization.k8s.io", "ClusterRole"),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
    ("resource.k8s.io", "DeviceClass"),
    ("resource.k8s.io", "DeviceTaintRule"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
    ("storage.k8s.io", "CSIDriver"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "StorageClass"),
    ("storage.k8s.io", "VolumeAttachment"),
    ("storage.k8s.io", "VolumeAttributesClass"),
];

impl Scopes {
    fn of(manifests: &[Manifest]) -> Self {
        let mut scopes: BTreeMap<(String, String), bool> =
            CLUSTER_SCOPED.iter().map(|(group, kind)| (((*group).to_owned(), (*kind).to_owned()), true)).collect();
        for manifest in manifests {
            let spec = manifest.as_map().get("spec");
            let text = |pointer: &str| spec.and_then(|spec| spec.pointer(pointer)).and_then(|value| value.as_str());
            let definition = manifest.key().is("apiextensions.k8s.io", "CustomResourceDefinition");
            if let (true, Some(group), Some(kind), Some(scope)) =
                (definition, text("/group"), text("/names/kind"), text("/scope"))
            {
                scopes.insert((group.to_owned(), kind.to_owned()), scope == "Cluster");
            }
        }
        Self(scopes)
    }

    /// Gives a namespaced object that names no namespace the application's, and takes away one that means nothing.
    fn place(&self, manifest: &mut Manifest, namespace: Option<&str>) -> ObjectKey {
        let key = manifest.key();
        let cluster_scoped = self.0.get(&(key.group.clone(), key.kind.clone())).copied().unwrap_or_default();
        if cluster_scoped {
            manifest.metadata_mut().remove("namespace");
        } else if let (None, Some(namespace)) = (&key.namespace, namespace) {
            manifest.metadata_mut().insert("namespace".to_owned(), namespace.into());
        }
        manifest.key()
    }
}
