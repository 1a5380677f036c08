//! The writer: the only thread that changes the store, the head and the head file.
//!
//! Always: an answer is given only after its group is on the disk. After a failed write the store is opened again and
//! cut back to the last acknowledged event, since sled fails every write until then (measured); when that fails too, the next
//! request tries again.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use taffrail_model::{Envelope, Event};
use taffrail_ports::journal::{Document, JournalError};

use crate::commit::Group;
use crate::export::Reads;
use crate::head;
use crate::journal::Shared;
use crate::unclean;

/// Most requests that wait; the next caller waits for its turn to wait.
pub(crate) const QUEUE: usize = 1024;

/// Appending one by one with a head file each time is half as fast (measured).
const HEAD_EVERY: Duration = Duration::from_secs(1);

/// An append, or with no envelopes a put.
pub(crate) struct Request {
    pub(crate) envelopes: Vec<Envelope>,
    pub(crate) documents: Vec<Document>,
    pub(crate) answer: Answer,
}

/// Where the answer goes.
type Answer = SyncSender<Result<Vec<Event>, JournalError>>;

/// Serves requests until there is nobody left who could make one; then closes the store cleanly.
pub(crate) fn run(shared: &Arc<Shared>, requests: &Receiver<Request>) {
    let mut head_file = HeadFile { written: head::Mark::NONE, at: None };
    loop {
        let request = if head_file.written == shared.mark() {
            requests.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            requests.recv_timeout(head_file.wait())
        };
        match request {
            Ok(request) => serve(shared, requests, request),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if head_file.wait() == Duration::ZERO {
            // One that cannot be written is only further behind; it is tried again in a second.
            let _ = head_file.write(shared);
        }
    }
    if shared.close() && head_file.write(shared).is_ok() {
        // Left in place it costs a copy at the next start, and nothing else.
        let _ = unclean::end(&shared.paths);
    }
}

struct HeadFile {
    written: head::Mark,
    /// When; none before the first time, which does not wait: a first start that loses its store at once would look
    /// like a first start again.
    at: Option<Instant>,
}

impl HeadFile {
    /// How long until it may be written again.
    fn wait(&self) -> Duration {
        self.at.map_or(Duration::ZERO, |at| HEAD_EVERY.saturating_sub(at.elapsed()))
    }

    fn write(&mut self, shared: &Shared) -> std::io::Result<()> {
        self.at = Some(Instant::now());
        let mark = shared.mark();
        if mark != self.written {
            head::write(&shared.paths.head, mark)?;
            self.written = mark;
        }
        Ok(())
    }
}

/// Serves `request` and, in the same transaction, those that wait already, as far as they fit.
fn serve(shared: &Shared, requests: &Receiver<Request>, request: Request) {
    if let Err(error) = shared.ensure_open() {
        return answer(&request.answer, Err(error));
    }
    let mut group = Group::new(shared.head());
    let mut served = Vec::new();
    let mut next = Some(request);
    while let Some(Request { envelopes, documents, answer: to }) = next {
        match shared.read(|store| group.add(store, &shared.keys, envelopes, &documents)) {
            Ok(events) => served.push((to, events)),
            Err(error) => answer(&to, Err(error)),
        }
        next = if group.is_full() { None } else { requests.try_recv().ok() };
    }
    let result = shared.room(group.size()).and_then(|()| {
        let result = shared.read(|store| store.commit(&group.writes()));
        if result.is_err() {
            // Its own failure shows at the next request.
            let _ = shared.reopen();
        }
        result
    });
    if result.is_ok() {
        shared.publish(group.head);
    }
    for (to, events) in served {
        answer(&to, result.clone().map(|()| events));
    }
}

fn answer(to: &Answer, result: Result<Vec<Event>, JournalError>) {
    // A caller that is gone needs no answer.
    let _ = to.send(result);
}
