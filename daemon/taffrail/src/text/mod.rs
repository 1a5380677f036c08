//! How things look to a person: one line an event, a table of applications.

mod application;
mod difference;
mod event;
mod history;
mod summary;

pub(crate) use application::{details, table};
pub(crate) use difference::{difference, markdown};
pub(crate) use event::line;
pub(crate) use history::history;
