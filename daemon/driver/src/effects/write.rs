//! Writes to the cluster. What may pass by itself is tried again, with back-off, until it is stopped; an attempt that
//! was sent is always waited for, and exactly one outcome is told.

use std::time::Duration;

use taffrail_core::{EffectKey, Input, Outcome, WriteKey};
use taffrail_model::configuration::{ForeignPolicy, ServiceAccount};
use taffrail_model::{ApiVersion, Digest, Manifest, Replicas, Take, Uid};
use taffrail_ports::cluster::{Apply, Delete, Deleted, Owner, WriteError, WriteErrorKind};

use super::{Hands, Stop};
use crate::run::blocking;

const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(15);
/// A server may ask for patience, but not for more than this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);

/// What to write.
pub(super) enum Write {
    /// An object, from a stored manifest.
    Apply { manifest: Digest, predecessors: Vec<String>, foreign: ForeignPolicy, take: Take, replicas: Replicas },
    /// A delete, and whether to wait until the object is gone.
    Delete { api_version: ApiVersion, wait: bool },
}

/// A write as it is sent.
enum Request {
    Apply(Apply, Digest),
    Delete(Delete),
}

pub(super) async fn write(
    hands: &Hands,
    key: EffectKey,
    write: Write,
    uid: Option<Uid>,
    identity: Option<ServiceAccount>,
    stop: &mut Stop,
) {
    let mut owner = Owner {
        installation: hands.world.journal.installation(),
        application: write_key(&key).application.clone(),
        predecessors: Vec::new(),
    };
    let request = match write {
        Write::Apply { manifest, predecessors, foreign, take, replicas } => {
            owner.predecessors = predecessors;
            load(hands, manifest).await.map(|content| {
                let uid = uid.clone();
                Request::Apply(Apply { manifest: content, owner, uid, foreign, take, replicas, identity }, manifest)
            })
        }
        Write::Delete { api_version, wait } => {
            let object = write_key(&key).object.clone();
            Ok(Request::Delete(Delete { object, api_version, owner, uid: uid.clone(), wait, identity }))
        }
    };
    let outcome = match request {
        Ok(request) => attempt(hands, &key, stop, uid, request).await,
        Err(reason) => Outcome::Refused { reason, immutable: false, attempts: 0 },
    };
    hands.give(Input::Written { key, outcome }).await;
}

async fn attempt(hands: &Hands, key: &EffectKey, stop: &mut Stop, uid: Option<Uid>, request: Request) -> Outcome {
    let mut back_off = FIRST_BACK_OFF;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let error = match once(hands, &request, attempts).await {
            Ok(outcome) => return outcome,
            Err(error) => error,
        };
        let wait = match (error.kind, &uid) {
            (WriteErrorKind::Gone, Some(uid)) => return Outcome::Gone { uid: uid.clone() },
            (WriteErrorKind::Conflict(conflicts), _) => return Outcome::Conflicted { conflicts, attempts },
            (WriteErrorKind::Immutable, _) => {
                return Outcome::Refused { reason: error.message, immutable: true, attempts };
            }
            (WriteErrorKind::Refused, _) => {
                return Outcome::Refused { reason: error.message, immutable: false, attempts };
            }
            (WriteErrorKind::Transient(Some(after)), _) => after.min(LONGEST_RETRY_AFTER).max(back_off),
            (WriteErrorKind::Transient(None) | WriteErrorKind::Unreachable | WriteErrorKind::Gone, _) => back_off,
        };
        tracing::debug!(object = %write_key(key).object, attempts, reason = error.message, "a write is tried again");
        hands.give(Input::Retrying { key: key.clone(), reason: error.message }).await;
        if stop.within(wait).await {
            return Outcome::Stopped;
        }
        back_off = LONGEST_BACK_OFF.min(back_off * 2);
    }
}

async fn once(hands: &Hands, request: &Request, attempts: u32) -> Result<Outcome, WriteError> {
    match request {
        Request::Apply(apply, manifest) => {
            let applied = hands.cluster.apply(apply.clone()).await?;
            Ok(Outcome::Applied {
                uid: applied.uid,
                manifest: *manifest,
                created: applied.created,
                resource_version: applied.resource_version,
                attempts,
                fields: applied.fields,
                taken: applied.taken,
                adopted: applied.adopted,
                autoscaled: apply.replicas == Replicas::Autoscaled,
            })
        }
        Request::Delete(delete) => Ok(match hands.cluster.delete(delete.clone()).await? {
            Deleted::Gone(uid) => Outcome::Deleted { uid: Some(uid) },
            Deleted::Absent => Outcome::Deleted { uid: None },
        }),
    }
}

pub(super) async fn load(hands: &Hands, manifest: Digest) -> Result<Manifest, String> {
    let journal = hands.world.journal.clone();
    let read = move || -> Result<Manifest, String> {
        let bytes = journal.document(manifest).map_err(|error| error.to_string())?;
        // No word of the content: it may be a Secret's.
        let unreadable = format!("the stored manifest {manifest} cannot be read");
        let value = serde_json::from_slice(&bytes).map_err(|_| unreadable.clone())?;
        Manifest::new(value).map_err(|_| unreadable)
    };
    blocking(read).await.map_err(|error| error.to_string())?
}

fn write_key(key: &EffectKey) -> &WriteKey {
    match key {
        EffectKey::Write(key) => key,
        _ => unreachable!("only writes are carried out here"),
    }
}
