//! The HTTP interface over real connections, with a journal and a status in memory.

mod client;
mod export;
mod fake;
mod filters;
mod follow;
mod limits;
mod paging;
mod refusals;
mod server;
mod views;
