//! The index: for each value that can be asked for, the numbers of its events. A cache.
//!
//! Always: it holds every event up to the mark, since an event and its entries are one append. It may hold more (an
//! append that was cut off leaves entries behind), so what it names is only a candidate. A key is a value's prefix and
//! the event's number: the numbers of one prefix are in order.

use taffrail_model::{Actor, ObjectKey, Seq, Subject, SubjectKind};
use taffrail_ports::journal::{JournalError, StoredEvent};

use crate::store::{Place, Store, Write};

/// Changes with what is indexed and how: an index of another version is made anew.
const VERSION: &[u8] = b"1";
const VERSION_KEY: &[u8] = b"index";
/// How many entries are held in memory while the index is made anew.
const REBUILT_TOGETHER: usize = 10_000;

/// A value that can be asked for.
#[derive(Clone, Copy)]
pub(crate) enum Term<'a> {
    Subject(SubjectKind, &'a str),
    Kind(&'a str),
    Actor(&'a str),
    Revision(&'a str),
    Object(&'a ObjectKey),
    Sync(Seq),
}

impl Term<'_> {
    /// What the keys of its events start with.
    pub(crate) fn prefix(self) -> Vec<u8> {
        match self {
            Self::Subject(kind, name) => [subjects(kind), name.as_bytes(), &[0]].concat(),
            Self::Kind(kind) => [b"k", kind.as_bytes(), &[0]].concat(),
            Self::Revision(revision) => [REVISIONS, revision.as_bytes(), &[0]].concat(),
            // Anything may stand in these: a hash keeps the number at a known place.
            Self::Actor(name) => hashed(b"a", name),
            Self::Object(object) => hashed(b"o", &object.to_string()),
            Self::Sync(seq) => [b"y".as_slice(), &seq.0.to_be_bytes()].concat(),
        }
    }
}

/// What the keys of all revisions start with.
pub(crate) const REVISIONS: &[u8] = b"r";

/// What the keys of all subjects of `kind` start with.
pub(crate) fn subjects(kind: SubjectKind) -> &'static [u8] {
    match kind {
        SubjectKind::System => b"ss",
        SubjectKind::Repository => b"sr",
        SubjectKind::Application => b"sa",
    }
}

/// Kind and name of a subject.
pub(crate) fn subject(subject: &Subject) -> (SubjectKind, &str) {
    match subject {
        Subject::System => (SubjectKind::System, ""),
        Subject::Repository(name) => (SubjectKind::Repository, name.as_str()),
        Subject::Application(name) => (SubjectKind::Application, name.as_str()),
    }
}

/// Whether an event belongs to the sync or revert that `start` started.
pub(crate) fn of_sync(event: &StoredEvent, start: Seq) -> bool {
    let envelope = &event.event.envelope;
    envelope.sync == Some(start) || (envelope.fact.starts() && envelope.seq == start)
}

/// Whether an actor is worth an entry: the daemon is the actor of nearly all events.
pub(crate) fn is_actor_indexed(name: &str) -> bool {
    name != Actor::daemon().name
}

/// What indexes an event.
pub(crate) fn entries(event: &StoredEvent) -> Vec<Write> {
    let envelope = &event.event.envelope;
    let (kind, name) = subject(&envelope.subject);
    let mut terms = vec![Term::Subject(kind, name), Term::Kind(envelope.fact.kind())];
    terms.extend(is_actor_indexed(&envelope.actor.name).then_some(Term::Actor(&envelope.actor.name)));
    terms.extend(envelope.fact.revision().map(|r| Term::Revision(r.as_str())));
    terms.extend(envelope.fact.object().map(Term::Object));
    terms.extend(envelope.sync.map(Term::Sync));
    if of_sync(event, envelope.seq) {
        terms.push(Term::Sync(envelope.seq));
    }
    terms.into_iter().map(|term| Write::set(Place::Index, key(&term.prefix(), envelope.seq), Vec::new())).collect()
}

/// The first event of `prefix` at `from` or after it; or, descending, the last at it or before.
pub(crate) fn seek(store: &Store, prefix: &[u8], from: Seq, descending: bool) -> Result<Option<Seq>, JournalError> {
    let found = if descending {
        store.index().range(key(prefix, Seq(0))..=key(prefix, from)).next_back()
    } else {
        store.index().range(key(prefix, from)..=key(prefix, Seq(u64::MAX))).next()
    };
    let Some(entry) = found else { return Ok(None) };
    let (entry, _) = entry.map_err(|e| store.failed(e))?;
    // A longer key is that of another value, which this one is the start of: no event has this one.
    let number = entry.strip_prefix(prefix).and_then(|number| number.try_into().ok());
    Ok(number.map(|number| Seq(u64::from_be_bytes(number))))
}

/// The prefixes of the different values whose keys start with `start`, or none when there are more than `most`.
pub(crate) fn prefixes(store: &Store, start: &[u8], most: usize) -> Result<Option<Vec<Vec<u8>>>, JournalError> {
    let mut found: Vec<Vec<u8>> = Vec::new();
    let mut from = start.to_vec();
    while let Some(entry) = store.index().range(from.as_slice()..).next() {
        let (entry, _) = entry.map_err(|e| store.failed(e))?;
        if !entry.starts_with(start) {
            break;
        }
        if found.len() == most {
            return Ok(None);
        }
        let prefix = entry[..entry.len() - 8].to_vec();
        from = key(&prefix, Seq(u64::MAX));
        from.push(0);
        found.push(prefix);
    }
    Ok(Some(found))
}

/// Makes the index anew up to `head` if it is of another version or not there. Says whether it did.
pub(crate) fn ensure(store: &Store, head: Seq) -> Result<bool, JournalError> {
    if head == Seq(0) || (store.meta(VERSION_KEY)?.as_deref() == Some(VERSION) && holds(store, head)?) {
        return Ok(false);
    }
    store.index().clear().map_err(|e| store.failed(e))?;
    let mut writes = Vec::new();
    for seq in 1..=head.0 {
        writes.extend(entries(&store.existing_event(Seq(seq))?));
        if writes.len() >= REBUILT_TOGETHER {
            store.commit(&writes)?;
            writes.clear();
        }
    }
    writes.push(version());
    store.commit(&writes)?;
    Ok(true)
}

/// What records the version.
pub(crate) fn version() -> Write {
    Write::set(Place::Meta, VERSION_KEY.to_vec(), VERSION.to_vec())
}

/// Whether the entries of event `seq` are there.
fn holds(store: &Store, seq: Seq) -> Result<bool, JournalError> {
    for entry in entries(&store.existing_event(seq)?) {
        if !store.index().contains_key(entry.key).map_err(|e| store.failed(e))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn key(prefix: &[u8], seq: Seq) -> Vec<u8> {
    [prefix, seq.0.to_be_bytes().as_slice()].concat()
}

fn hashed(tag: &[u8], text: &str) -> Vec<u8> {
    [tag, &blake3::hash(text.as_bytes()).as_bytes()[..16]].concat()
}
