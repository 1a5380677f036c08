//! Whose things are: the mark on each object, and the claim on an application in its cluster: one ConfigMap that says which installation, in which life of its journal,
//! writes what the application consists of. Two installations can thus never take turns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::event::Epoch;
use crate::name::ApplicationName;
use crate::object::ObjectKey;

/// Annotation that says whose an object is: `INSTALLATION/APPLICATION:GROUP/KIND:NAMESPACE/NAME`.
pub const OWNER_ANNOTATION: &str = "taffrail.dev/owner";

/// The value of [`OWNER_ANNOTATION`] on `object`. It names the object, since controllers copy annotations (those of a
/// Deployment to its ReplicaSets).
pub fn owner_mark(installation: &str, application: &ApplicationName, object: &ObjectKey) -> String {
    format!("{installation}/{application}:{object}")
}

/// Annotation of a claim: `INSTALLATION/EPOCH`. The ConfigMap bears the application's label as well, so that the watch
/// that sees our objects sees it.
pub const CLAIM_ANNOTATION: &str = "taffrail.dev/claim";

/// The ConfigMap that is the claim on an application.
pub fn claim_on(application: &ApplicationName, namespace: &str) -> ObjectKey {
    ObjectKey {
        group: String::new(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: format!("taffrail-claim-{application}"),
    }
}

/// What became of the attempt to write a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It is ours.
    Held,
    /// It is somebody else's.
    By(Holder),
}

/// Who holds a claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Holder {
    /// The installation.
    pub installation: String,
    /// The life of its journal.
    pub epoch: Epoch,
}

impl Holder {
    /// The value of [`CLAIM_ANNOTATION`].
    pub fn mark(&self) -> String {
        format!("{}/{}", self.installation, self.epoch.0)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "installation {} in epoch {}", self.installation, self.epoch.0)
    }
}

/// The text is not `INSTALLATION/EPOCH`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not the mark of a claim, which is INSTALLATION/EPOCH")]
pub struct InvalidHolder(String);

impl FromStr for Holder {
    type Err = InvalidHolder;

    fn from_str(text: &str) -> Result<Self, InvalidHolder> {
        let invalid = || InvalidHolder(text.chars().take(80).collect());
        let (installation, epoch) = text.rsplit_once('/').ok_or_else(invalid)?;
        let epoch = epoch.parse().map(Epoch).map_err(|_| invalid())?;
        if installation.is_empty() { Err(invalid()) } else { Ok(Self { installation: installation.to_owned(), epoch }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_of_a_claim_reads_back() {
        let holder = Holder { installation: "here".to_owned(), epoch: Epoch(3) };
        assert_eq!(holder.mark().parse::<Holder>().unwrap(), holder);
        for bad in ["", "here", "/3", "here/", "here/x"] {
            assert!(bad.parse::<Holder>().is_err(), "{bad}");
        }
    }
}
