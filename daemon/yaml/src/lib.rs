//! The only reader and writer of YAML in Taffrail.
//!
//! [`parse`] turns bytes into [`Node`]s that know their place in the file; [`Node::to_value`] gives the JSON value
//! that Kubernetes would see; [`Fields`] reads a mapping whose keys are known in advance, all errors at once;
//! [`to_string`] writes byte for byte what `kustomize build` writes.
//!
//! What always holds: reading is bounded by [`Limits`] whatever the input; an [`Error`] names file, line and column
//! and never quotes a scalar value (it may be part of a Secret), only keys.

mod error;
mod fields;
mod limits;
mod nearest;
mod node;
mod parse;
mod resolve;
mod style;
mod timestamp;
mod write;

pub use error::{Error, Errors};
pub use fields::Fields;
pub use limits::Limits;
pub use nearest::nearest;
pub use node::{Content, Entry, Location, Node, Scalar};
pub use parse::parse;
pub use resolve::Rules;
pub use write::to_string;
