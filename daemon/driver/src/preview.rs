//! Answers what would be: what a sync would do to what is in the cluster.
//!
//! Always: nothing is written: a render's manifests stay in memory, and the API server is asked by dry runs, few at once.
//! A Secret is not asked for: what it would be is compared with what was last written. The whole has an end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use taffrail_core::plan::{Planning, Pruning, Writes, plan};
use taffrail_core::state::Owned;
use taffrail_model::{
    ApplicationName, CommitId, DesiredObject, DesiredSet, Digest, Manifest, ObjectKey, Replicas, Take,
};
use taffrail_ports::BoxFuture;
use taffrail_ports::cluster::{APPLICATION_LABEL, Apply, Cluster, OWNER_ANNOTATION, Owner, WriteErrorKind};
use taffrail_ports::inquiries::{Change, Difference, InquiryError, ObjectDifference, Side};
use taffrail_ports::repositories::RepositoryError;

use crate::board::Ground;
use crate::differ::differ;
use crate::effects::render::{Failure, Request, rendered};
use crate::inquiries::Archive;
use crate::run::{World, blocking};

/// Longest time for the whole.
const LONGEST: Duration = Duration::from_secs(50);
/// Dry runs at once.
const AT_ONCE: usize = 8;
/// Longest time for one dry run.
const LONGEST_RUN: Duration = Duration::from_secs(15);

/// What a sync of an application would do.
pub(crate) async fn preview(
    archive: &Archive,
    name: ApplicationName,
    revision: Option<String>,
) -> Result<Difference, InquiryError> {
    let turn = archive.turn().await?;
    let none = || InquiryError::Nothing(format!("there is no application {name}"));
    let ground = archive.board.ground(&name).ok_or_else(none)?;
    let cluster = archive.world.clusters.get(&ground.configured.cluster).ok_or_else(|| {
        InquiryError::Unanswered(format!("the cluster {} is not reached yet", ground.configured.cluster))
    })?;
    let asked = async {
        let (world, looked, application) = (archive.world.clone(), ground.clone(), name.clone());
        let target = blocking(move || {
            // A fetch or render that is given up goes on until its own limits.
            let _turn = turn;
            target(&world, &looked, &application, revision)
        });
        let target = Arc::new(target.await.map_err(|error| InquiryError::Unanswered(error.to_string()))??);
        let preview = Preview { world: archive.world.clone(), cluster, ground, name, target };
        preview.compare().await
    };
    let late = |_| InquiryError::Unanswered("comparing takes too long: see whether the cluster is well".to_owned());
    tokio::time::timeout(LONGEST, asked).await.map_err(late)?
}

/// What would be synced to.
struct Target {
    revision: CommitId,
    set: DesiredSet,
    /// Manifests that are not in the journal.
    fresh: BTreeMap<Digest, Vec<u8>>,
}

fn target(
    world: &World,
    ground: &Ground,
    name: &ApplicationName,
    revision: Option<String>,
) -> Result<Target, InquiryError> {
    let Some(wanted) = revision else {
        let desired = ground.application.desired.as_ref();
        let desired = desired.ok_or_else(|| InquiryError::Nothing(format!("nothing is desired of {name} yet")))?;
        let set = DesiredSet::clone(&desired.set);
        return Ok(Target { revision: desired.revision.clone(), set, fresh: BTreeMap::new() });
    };
    let repository = &ground.configured.repository;
    let revision = world.repositories.look(repository, &ground.repository, &wanted).map_err(|error| match error {
        RepositoryError::NoReference { .. } => InquiryError::Nothing(error.to_string()),
        _ => InquiryError::Unanswered(error.to_string()),
    })?;
    let request = Request {
        application: name.clone(),
        repository: repository.clone(),
        revision: revision.clone(),
        path: ground.configured.path.clone(),
        namespace: ground.configured.namespace.clone(),
    };
    let (set, documents) = rendered(world, &request).map_err(|failure| match failure {
        Failure::Final(errors) => {
            InquiryError::Unusable(format!("{} does not render: {}", revision.short(), errors.join("; ")))
        }
        Failure::Passing(error) => InquiryError::Unanswered(error),
    })?;
    let fresh = documents.into_iter().map(|document| (document.digest, document.bytes)).collect();
    Ok(Target { revision, set, fresh })
}

struct Preview {
    world: World,
    cluster: Arc<dyn Cluster>,
    ground: Arc<Ground>,
    name: ApplicationName,
    target: Arc<Target>,
}

impl Preview {
    async fn compare(&self) -> Result<Difference, InquiryError> {
        let mut each: Vec<BoxFuture<'_, Result<Option<ObjectDifference>, InquiryError>>> = Vec::new();
        for (object, desired) in &self.target.set.objects {
            each.push(Box::pin(self.object(object, desired)));
        }
        let mut asked = stream::iter(each).buffered(AT_ONCE);
        let (mut objects, mut unchanged) = (Vec::new(), 0);
        while let Some(answer) = asked.next().await {
            match answer? {
                Some(difference) => objects.push(difference),
                None => unchanged += 1,
            }
        }
        drop(asked);
        objects.extend(self.surplus().await?);
        let to = Side::Rendered { revision: self.target.revision.clone() };
        Ok(Difference { application: self.name.clone(), from: Side::Live, to, objects, unchanged })
    }

    /// What would become of one object that is desired; none when it would stay as it is.
    async fn object(
        &self,
        object: &ObjectKey,
        desired: &DesiredObject,
    ) -> Result<Option<ObjectDifference>, InquiryError> {
        let application = &self.ground.application;
        let owned = application.inventory.get(object);
        if taffrail_core::jobs::has_run(application, object, desired.manifest) {
            return Ok(None);
        }
        let manifest = self.manifest(desired.manifest).await?;
        let found = |change, diff: String, note: Option<&str>| {
            Ok(Some(ObjectDifference { object: object.clone(), change, diff, note: note.map(str::to_owned) }))
        };
        if object.is_secret() {
            return match owned.filter(|owned| owned.uid.is_some()).map(|owned| owned.manifest) {
                Some(Some(written)) if written == desired.manifest => Ok(None),
                Some(Some(written)) => {
                    let diff = differ(Some(&self.manifest(written).await?), Some(&manifest));
                    found(Change::Changed, diff, Some("compared with what was last written, not with what is live"))
                }
                Some(None) => found(Change::Changed, String::new(), Some("what was last written is not known")),
                None => found(Change::Created, differ(None, Some(&manifest)), None),
            };
        }
        let apply = self.apply(owned, &manifest)?;
        let answer = tokio::time::timeout(LONGEST_RUN, self.cluster.compare(apply)).await;
        let away = |why: &str| InquiryError::Unanswered(format!("the cluster does not answer for {object}: {why}"));
        let comparison = match answer.map_err(|_| away("it took too long"))? {
            Ok(comparison) => comparison,
            Err(error) if error.kind == WriteErrorKind::Unreachable => return Err(away(&error.message)),
            Err(error) => return found(Change::Refused, String::new(), Some(&error.message)),
        };
        let Some(live) = comparison.live else {
            return found(Change::Created, differ(None, Some(&manifest)), None);
        };
        let foreign = owned.is_none_or(|owned| owned.uid.is_none()) && !self.is_ours(object, &live);
        let diff = differ(Some(&clean(live)), Some(&clean(comparison.after)));
        match (diff.is_empty(), foreign) {
            (_, true) => found(Change::Changed, diff, Some("it is there already, and not of this application")),
            (false, false) => found(Change::Changed, diff, None),
            (true, false) => Ok(None),
        }
    }

    fn apply(&self, owned: Option<&Owned>, manifest: &Value) -> Result<Apply, InquiryError> {
        let manifest = Manifest::new(manifest.clone())
            .map_err(|error| InquiryError::Unanswered(format!("a manifest of {}: {error}", self.name)))?;
        let autoscaled = owned.is_some_and(|owned| owned.autoscaled);
        Ok(Apply {
            manifest,
            owner: self.owner(),
            uid: owned.and_then(|owned| owned.uid.clone()),
            foreign: self.ground.configured.sync.foreign,
            take: Take::Nothing,
            replicas: if autoscaled { Replicas::Autoscaled } else { Replicas::AsRendered },
            identity: self.ground.configured.service_account.clone(),
        })
    }

    fn owner(&self) -> Owner {
        Owner {
            installation: self.world.journal.installation(),
            application: self.name.clone(),
            predecessors: Vec::new(),
        }
    }

    fn is_ours(&self, object: &ObjectKey, live: &Value) -> bool {
        live["metadata"]["annotations"][OWNER_ANNOTATION] == self.owner().mark(object)
    }

    /// What would be deleted, or kept although it is no longer desired.
    async fn surplus(&self) -> Result<Vec<ObjectDifference>, InquiryError> {
        let application = &self.ground.application;
        let plan = plan(Planning {
            inventory: &application.inventory,
            runs: &application.runs,
            target: &self.target.set,
            autoscaled: &application
                .inventory
                .iter()
                .filter(|(_, owned)| owned.autoscaled)
                .map(|(object, _)| object.clone())
                .collect(),
            prune: Pruning { policy: &self.ground.configured.sync, held: &application.held },
            revert_to: None,
            writes: Writes::Changed,
            ignored: Vec::new(),
            differing: std::collections::BTreeSet::new(),
        });
        let mut differences = Vec::new();
        for object in plan.delete_first.into_iter().chain(plan.prunes) {
            let written = application.inventory.get(&object).and_then(|owned| owned.manifest);
            let diff = match written {
                Some(written) => differ(Some(&self.manifest(written).await?), None),
                None => String::new(),
            };
            differences.push(ObjectDifference { object, change: Change::Pruned, diff, note: None });
        }
        let held = plan.held.into_iter();
        differences.extend(held.map(|object| ObjectDifference {
            object,
            change: Change::Held,
            diff: String::new(),
            note: None,
        }));
        Ok(differences)
    }

    async fn manifest(&self, digest: Digest) -> Result<Value, InquiryError> {
        let (journal, target) = (self.world.journal.clone(), self.target.clone());
        let read = blocking(move || match target.fresh.get(&digest) {
            Some(bytes) => Ok(bytes.clone()),
            None => journal.document(digest).map_err(|error| error.to_string()),
        });
        let bytes = read.await.map_err(|error| error.to_string()).and_then(|read| read);
        let bytes = bytes.map_err(|error| InquiryError::Unanswered(format!("a manifest: {error}")))?;
        // An error of serde may quote what it read.
        serde_json::from_slice(&bytes)
            .map_err(|_| InquiryError::Unanswered(format!("document {digest} is no manifest")))
    }
}

/// Without what the server keeps for itself, and our marks.
fn clean(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "managedFields"] {
            metadata.remove(name);
        }
        for (place, mark) in [("annotations", OWNER_ANNOTATION), ("labels", APPLICATION_LABEL)] {
            if let Some(map) = metadata.get_mut(place).and_then(Value::as_object_mut) {
                map.remove(mark);
                if map.is_empty() {
                    metadata.remove(place);
                }
            }
        }
    }
    object
}
