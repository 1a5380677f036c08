//! How an object is written, as decided.

use crate::fields::FieldSet;

/// Fields that may be taken from other managers, with `force` and the resourceVersion as precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// None.
    Nothing,
    /// Those that were ours.
    Ours(FieldSet),
    /// All that the manifest sets.
    Everything,
}

/// What becomes of `spec.replicas` of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replicas {
    /// It is applied.
    AsRendered,
    /// An autoscaler sets it: it is set once, at creation, by the manager `taffrail-seed`, and handed to that before it is left out
    /// of what was applied before, since the server would reset it to 1.
    Autoscaled,
}
