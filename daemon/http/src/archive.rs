//! `GET /export`: everything that is needed to restore the journal.
//!
//! Always: it is streamed: what the client has not taken is not read yet. It holds one of
//! [`Options::exports`](crate::Options::exports) places until it ended; one that breaks off ends without the hash that
//! makes it whole, and without the end of its body.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use taffrail_model::Seq;
use tokio::sync::{mpsc, watch};

use crate::app::App;
use crate::nearest::nearest;
use crate::problem::Problem;
use crate::query::number;

/// Bytes that are handed to the connection at once.
const PIECE: usize = 64 << 10;
/// Pieces that wait for the client.
const PIECES: usize = 4;

/// Every parameter of `/export`.
pub(crate) const PARAMETERS: [&str; 1] = ["at"];

/// `GET /export`
pub(crate) async fn archive(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let at = at(&uri)?;
    let full = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the journal is being exported already: try again");
    let place = app.exports.clone().try_acquire_owned().map_err(|_| full())?;
    let head = app.head().await?;
    let last = at.unwrap_or(head.seq);
    if last == Seq(0) || last > head.seq {
        return Err(Problem::not_found(format!("there is no event {last}; the newest is {}", head.seq)));
    }
    let (pieces, mut receiver) = mpsc::channel(PIECES);
    let journal = app.readers.journal.clone();
    let ending = app.ending.subscribe();
    tokio::task::spawn_blocking(move || {
        let _place = place;
        let mut to = BufWriter::with_capacity(PIECE, Pieces { pieces: pieces.clone(), ending });
        let exported = journal.export(Some(last), &mut to);
        let written = exported.map_err(io::Error::other).and_then(|_| to.flush());
        if let Err(error) = written {
            tracing::warn!(%error, "an export broke off");
            // The body ends as one that was cut off, if there is still somebody who takes it.
            let _ = pieces.blocking_send(Err(error));
        }
    });
    // An error that is there from the start is a proper answer.
    let first = match receiver.recv().await {
        Some(Err(error)) => return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
        first => first,
    };
    let rest = stream::unfold(receiver, |mut receiver| async { Some((receiver.recv().await?, receiver)) });
    Ok(([(header::CONTENT_TYPE, "application/zstd")], Body::from_stream(stream::iter(first).chain(rest)))
        .into_response())
}

fn at(uri: &Uri) -> Result<Option<Seq>, Problem> {
    let mut at = None;
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        match (&*name, at) {
            ("at", None) => at = Some(Seq(number("at", &value, 1)?)),
            ("at", Some(_)) => return Err(Problem::bad("`at` is given twice")),
            _ => {
                let nearest = nearest(&name, PARAMETERS).unwrap_or_default();
                return Err(Problem::bad(format!("there is no parameter {name:?}; the nearest is `{nearest}`")));
            }
        }
    }
    Ok(at)
}

/// The way from the thread that reads the journal to the connection.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    ending: watch::Receiver<bool>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if *self.ending.borrow() {
            return Err(io::Error::other("the daemon ends"));
        }
        let piece = Bytes::copy_from_slice(bytes);
        self.pieces.blocking_send(Ok(piece)).map_err(|_| io::Error::other("nobody takes it any more"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
