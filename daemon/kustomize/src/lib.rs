//! A tree of files in, objects out: what `kustomize build` 5.8.1 prints, without kustomize.
//!
//! [`build`] reads through the [`Files`] trait only: it opens no file, connection or process itself, has no clock and
//! no randomness, and gives the same objects in the same order for the same tree.
//!
//! What always holds: no path leaves the tree ([`RepositoryPath`] cannot say one that does; symlinks are resolved
//! within it); no field of a kustomization is ignored: one that is not supported yet is an error; the work is bounded
//! by [`Limits`]; errors name file, line and column, all independent ones at once, and never show values.

mod accumulate;
mod budget;
mod files;
mod folder;
mod generate;
mod hash;
mod json_patch;
mod kustomization;
mod limits;
mod loader;
mod object;
mod order;
mod patches;
mod path;
mod references;
mod resource;
mod schema;
mod selector;
mod set;
mod spec;
mod strategic;
mod transform;

pub use accumulate::{Rendered, build, build_in_order};
pub use files::{Files, MemoryFiles, ReadError, TreeEntry};
pub use folder::FolderFiles;
pub use limits::Limits;
pub use order::Order;
pub use path::{PathError, RepositoryPath};
/// One fault: file, place, what, and what to do.
pub use taffrail_yaml::Error as RenderError;
/// All independent faults of a build.
pub use taffrail_yaml::Errors as RenderErrors;
