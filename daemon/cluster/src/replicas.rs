//! `spec.replicas` of a workload that an autoscaler scales.
//!
//! Always: the field has an owner from first to last. An apply that leaves out what nobody else owns would have the
//! server reset it to 1.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::{Value, json};
use taffrail_model::{FieldPath, Manifest, Uid};
use taffrail_ports::cluster::SEED_MANAGER;

use crate::apply::gone;
use crate::look::Looked;
use crate::place::{Place, Precondition};
use crate::prepare::bare;
use crate::refusal::unreachable;
use crate::send::{Failure, Sent, send};

#[derive(Deserialize)]
struct Workload {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Default, Deserialize)]
struct Spec {
    replicas: Option<i64>,
}

/// Gives the live value to the manager that holds it for the autoscaler, if it is still ours.
pub(crate) async fn hand_over(place: &Place, uid: &Uid) -> Result<(), Failure> {
    let answer = place.get("application/json").await?.ok_or_else(gone)?;
    let workload: Workload = answer.json().map_err(|none| unreachable(&none))?;
    let found = Looked::new(workload.metadata);
    if found.uid() != *uid {
        return Err(gone());
    }
    let found = found.staying()?;
    let field = FieldPath(".spec.replicas".to_owned());
    let Some(replicas) = workload.spec.replicas.filter(|_| found.ours().paths().contains(&field)) else {
        return Ok(());
    };
    let Value::Object(mut body) = bare(place).into_value() else { unreachable!("a manifest is a mapping") };
    body.insert("spec".to_owned(), json!({ "replicas": replicas }));
    let body = Manifest::new(Value::Object(body)).expect("it names what it is");
    match send(place, &body, SEED_MANAGER, Precondition::Unchanged(&found), false).await? {
        Sent::Written { .. } => Ok(()),
        // The value is another by now.
        Sent::Contested(refusal) => Err(Failure::Overtaken(refusal)),
    }
}

/// `manifest` with `spec.replicas` as given, or without.
pub(crate) fn with(manifest: Manifest, replicas: Option<i64>) -> Manifest {
    let mut manifest = manifest.into_value();
    if let Some(spec) = manifest.get_mut("spec").and_then(Value::as_object_mut) {
        match replicas {
            Some(replicas) => drop(spec.insert("replicas".to_owned(), replicas.into())),
            None => drop(spec.remove("replicas")),
        }
    }
    Manifest::new(manifest).expect("it still names what it is")
}
