//! One server-side apply, of an object that is known or not.
//!
//! Always: an object that is not known is only written if it is not there, which the server sees to; what stands in its
//! place is written if it bears our mark, or is to be taken over. `force` is only sent for fields that may be taken, all
//! named by the server for the very version of the object that it is sent for.

use std::collections::BTreeSet;

use taffrail_model::configuration::ForeignPolicy;
use taffrail_model::{FieldPath, ForeignField, Replicas, Take, Uid};
use taffrail_ports::cluster::{Applied, FIELD_MANAGER, Owner, SEED_MANAGER, WriteError, WriteErrorKind};

use crate::look::Looked;
use crate::managers::is_applier;
use crate::place::{Place, Precondition};
use crate::prepare::{Prepared, bare};
use crate::refusal::one_line;
use crate::send::{Failure, Sent, send};
use crate::{replicas, take_over};

/// Most steps of one apply, lost races against others included.
const MOST_STEPS: usize = 8;

/// How an object is to be written.
pub(crate) struct Terms {
    pub owner: Owner,
    pub uid: Option<Uid>,
    pub foreign: ForeignPolicy,
    pub take: Take,
    pub replicas: Replicas,
}

/// An object that may be written.
struct Known {
    uid: Uid,
    created: bool,
    adopted: Option<Vec<String>>,
}

enum Step {
    Found(Known),
    Done(Applied),
}

/// Writes `prepared`.
pub(crate) async fn apply(place: &Place, prepared: &Prepared, terms: &Terms) -> Result<Applied, WriteError> {
    let mut known = terms.uid.clone().map(|uid| Known { uid, created: false, adopted: None });
    let mut overtaken = None;
    for _ in 0..MOST_STEPS {
        let step = match &known {
            None => find_or_create(place, prepared, terms).await,
            Some(known) => change(place, prepared, terms, known).await,
        };
        match step {
            Ok(Step::Done(applied)) => return Ok(applied),
            Ok(Step::Found(found)) => known = Some(found),
            Err(Failure::Overtaken(error)) => overtaken = Some(error),
            Err(Failure::Final(error)) => return Err(error),
        }
    }
    Err(overtaken.expect("only so many steps are not needed unless some are lost"))
}

async fn find_or_create(place: &Place, prepared: &Prepared, terms: &Terms) -> Result<Step, Failure> {
    let clash = match send(place, &prepared.body, FIELD_MANAGER, Precondition::Absent, false).await {
        Ok(Sent::Written { object, created: true }) => {
            let known = Known { uid: object.uid(), created: true, adopted: None };
            return Ok(match terms.replicas {
                Replicas::AsRendered => Step::Done(applied(&object, &known, Vec::new())),
                Replicas::Autoscaled => Step::Found(known),
            });
        }
        Ok(Sent::Written { object, .. }) => return Err(give_back(place, &object).await),
        Ok(Sent::Contested(refusal)) | Err(Failure::Overtaken(refusal)) => refusal,
        Err(failure) => return Err(failure),
    };
    let Some(found) = place.look().await? else { return Err(Failure::Overtaken(clash)) };
    let found = found.staying()?;
    let known = |uid, adopted| Step::Found(Known { uid, created: false, adopted: Some(adopted) });
    match (found.mark(), terms.foreign) {
        (Some(mark), _) if terms.owner.bears(mark, &place.object) => Ok(known(found.uid(), Vec::new())),
        (Some(mark), _) => Err(refused(format!("it exists and belongs to {mark}"))),
        (None, ForeignPolicy::TakeOver) => {
            let uid = found.uid();
            Ok(known(uid, take_over::unite(place, found).await?))
        }
        (None, ForeignPolicy::Refuse) => {
            let managers = found.managers().join(", ");
            Err(refused(format!("it exists and was not made by Taffrail (field managers: {managers})")))
        }
    }
}

/// Writes an object that is there.
async fn change(place: &Place, prepared: &Prepared, terms: &Terms, known: &Known) -> Result<Step, Failure> {
    let body = match terms.replicas {
        Replicas::AsRendered => prepared.body.clone(),
        Replicas::Autoscaled => {
            replicas::hand_over(place, &known.uid).await?;
            replicas::with(prepared.body.clone(), None)
        }
    };
    let done = |object: &Looked, taken| Ok(Step::Done(applied(object, known, taken)));
    let takeable = Takeable::new(&terms.take, known.adopted.as_ref().is_some_and(|from| !from.is_empty()));
    let contested = match send(place, &body, FIELD_MANAGER, Precondition::Uid(&known.uid), false).await? {
        Sent::Written { object, .. } => return done(&object, Vec::new()),
        Sent::Contested(refusal) => refusal,
    };
    // The server finds conflicts before it compares uids: one with another object of the name is none of ours.
    let found = place.look().await?.filter(|found| found.uid() == known.uid).ok_or_else(gone)?;
    takeable.all_of(contested)?;
    let found = found.staying()?;
    let unchanged = Precondition::Unchanged(&found);
    let taken = match send(place, &body, FIELD_MANAGER, unchanged, false).await? {
        Sent::Written { object, .. } => return done(&object, Vec::new()),
        Sent::Contested(refusal) => takeable.all_of(refusal)?,
    };
    match send(place, &body, FIELD_MANAGER, unchanged, true).await? {
        Sent::Written { object, .. } => done(&object, taken),
        Sent::Contested(refusal) => Err(Failure::Overtaken(refusal)),
    }
}

/// Fields that may be taken.
struct Takeable {
    everything: bool,
    fields: BTreeSet<FieldPath>,
    taking_over: bool,
}

impl Takeable {
    fn new(take: &Take, taking_over: bool) -> Self {
        let (everything, fields) = match take {
            Take::Nothing => (false, BTreeSet::new()),
            Take::Ours(fields) => (false, fields.paths()),
            Take::Everything => (true, BTreeSet::new()),
        };
        Self { everything, fields, taking_over }
    }

    /// The contested fields that are taken from others, if all may be.
    fn all_of(&self, contested: WriteError) -> Result<Vec<ForeignField>, Failure> {
        let WriteError { kind: WriteErrorKind::Conflict(fields), message } = contested else {
            return Err(Failure::Final(contested));
        };
        // Whoever writes by our name, with another command or through another subresource, is us.
        let mut foreign: Vec<_> =
            fields.into_iter().filter(|field| !is_by(field, &[FIELD_MANAGER, SEED_MANAGER])).collect();
        foreign.sort();
        let (takeable, blocking): (Vec<_>, Vec<_>) = foreign.into_iter().partition(|field| self.includes(field));
        if blocking.is_empty() {
            return Ok(takeable);
        }
        Err(Failure::Final(WriteError { kind: WriteErrorKind::Conflict(blocking), message }))
    }

    fn includes(&self, field: &ForeignField) -> bool {
        let edited = |manager: &str| is_applier(manager) || manager.starts_with("kubectl-");
        self.everything
            || self.fields.contains(&field.field)
            || self.taking_over && field.manager.as_deref().is_some_and(edited)
    }
}

fn is_by(field: &ForeignField, managers: &[&str]) -> bool {
    field.manager.as_deref().is_some_and(|manager| managers.contains(&manager))
}

/// A server that does not hold to the precondition let us co-own what somebody made: what we wrote is taken back.
async fn give_back(place: &Place, object: &Looked) -> Failure {
    let uid = object.uid();
    match send(place, &bare(place), FIELD_MANAGER, Precondition::Uid(&uid), false).await {
        Ok(_) => refused("it was created by somebody else at the same moment".to_owned()),
        Err(failure) => failure,
    }
}

fn applied(object: &Looked, known: &Known, taken: Vec<ForeignField>) -> Applied {
    Applied {
        uid: object.uid(),
        created: known.created,
        resource_version: object.resource_version(),
        fields: object.ours(),
        taken,
        adopted: known.adopted.clone(),
    }
}

fn refused(message: String) -> Failure {
    Failure::Final(WriteError { kind: WriteErrorKind::Refused, message: one_line(&message) })
}

/// The object is not there any more.
pub(crate) fn gone() -> Failure {
    let message = "it is gone, or another object has its name".to_owned();
    Failure::Final(WriteError { kind: WriteErrorKind::Gone, message })
}
