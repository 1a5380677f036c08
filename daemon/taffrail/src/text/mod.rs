//! How things look to a person: one line an event, a table of applications.

mod application;
mod event;
mod summary;

pub(crate) use application::{details, table};
pub(crate) use event::line;
