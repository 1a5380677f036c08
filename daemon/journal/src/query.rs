//! Answering queries: the numbers that all indexed filters agree on, each event then checked against the whole query.
//!
//! Always: a page takes at most [`STEPS`] steps, each a seek in the index or the read of an event, plus two binary
//! searches for the times; one that runs out of them is short and says where to go on.

use taffrail_model::{Fact, Seq, SubjectKind, Timestamp};
use taffrail_ports::journal::{EventPage, EventQuery, JournalError, StoredEvent};

use crate::index::{self, Term};
use crate::store::Store;

/// Most steps of one page.
const STEPS: usize = 20_000;
/// Most values that a filter may stand for (a revision's first letters, all applications) to use the index.
const VALUES: usize = 100;

/// The numbers of the events that one filter lets through: those of any of these prefixes.
type Filter = Vec<Vec<u8>>;

/// Runs `query` over the events up to `head`.
pub(crate) fn run(store: &Store, head: Seq, query: &EventQuery) -> Result<EventPage, JournalError> {
    let mut page = EventPage { events: Vec::new(), more: false, resume: None };
    let Some((first, last)) = range(store, head, query)? else { return Ok(page) };
    let filters = filters(store, query)?;
    let mut steps = 0;
    let mut at = if query.descending { last } else { first };
    while (first..=last).contains(&at) {
        let agreed = agree(store, &filters, at, query.descending, &mut steps)?;
        let Some(seq) = agreed.filter(|seq| (first..=last).contains(seq)) else { return Ok(page) };
        if seq != at {
            at = seq;
        } else {
            let event = store.existing_event(seq)?;
            steps += 1;
            if matches(query, &event) {
                if page.events.len() == query.limit {
                    return Ok(stopped(page, at, query.descending));
                }
                page.events.push(event);
            }
            at = if query.descending { Seq(seq.0 - 1) } else { seq.next() };
        }
        if steps >= STEPS && (first..=last).contains(&at) {
            return Ok(stopped(page, at, query.descending));
        }
    }
    Ok(page)
}

/// The page, when `at` is the next number to be looked at.
fn stopped(page: EventPage, at: Seq, descending: bool) -> EventPage {
    let resume = if descending { at.next() } else { Seq(at.0 - 1) };
    EventPage { more: true, resume: Some(resume), ..page }
}

/// The next number from `at` on that every filter may let through; it is a candidate only if it is `at` itself.
fn agree(
    store: &Store,
    filters: &[Filter],
    at: Seq,
    descending: bool,
    steps: &mut usize,
) -> Result<Option<Seq>, JournalError> {
    let mut agreed = at;
    for filter in filters {
        let mut nearest = None;
        for prefix in filter {
            *steps += 1;
            let found = index::seek(store, prefix, agreed, descending)?;
            nearest = match (nearest, found) {
                (Some(a), Some(b)) if descending => Some(std::cmp::max(a, b)),
                (Some(a), Some(b)) => Some(std::cmp::min(a, b)),
                (a, b) => a.or(b),
            };
        }
        match nearest {
            Some(seq) => agreed = seq,
            None => return Ok(None),
        }
    }
    Ok(Some(agreed))
}

/// The filters that the index knows, the narrow ones first.
fn filters(store: &Store, query: &EventQuery) -> Result<Vec<Filter>, JournalError> {
    let mut filters: Vec<Filter> = Vec::new();
    filters.extend(query.object.as_ref().map(|object| vec![Term::Object(object).prefix()]));
    filters.extend(query.sync.map(|sync| vec![Term::Sync(sync).prefix()]));
    if let Some(start) = &query.revision {
        let start = [index::REVISIONS, start.as_bytes()].concat();
        filters.extend(index::prefixes(store, &start, VALUES)?);
    }
    match &query.subject {
        Some((kind, Some(name))) => filters.push(vec![Term::Subject(*kind, name).prefix()]),
        Some((SubjectKind::System, None)) => filters.push(vec![Term::Subject(SubjectKind::System, "").prefix()]),
        Some((kind, None)) => filters.extend(index::prefixes(store, index::subjects(*kind), VALUES)?),
        None => {}
    }
    let actor = query.actor.as_ref().filter(|actor| index::is_actor_indexed(actor));
    filters.extend(actor.map(|actor| vec![Term::Actor(actor).prefix()]));
    if !query.kinds.is_empty() {
        // By the known kinds: what a caller repeats or makes up costs nothing.
        let kinds = Fact::KINDS.iter().copied().filter(|kind| query.kinds.iter().any(|k| k == kind));
        filters.push(kinds.map(|kind| Term::Kind(kind).prefix()).collect());
    }
    Ok(filters)
}

/// Whether `event` is what `query` asks for, range of numbers aside.
fn matches(query: &EventQuery, event: &StoredEvent) -> bool {
    let envelope = &event.event.envelope;
    let fact = &envelope.fact;
    let (kind, name) = index::subject(&envelope.subject);
    query.subject.as_ref().is_none_or(|(k, n)| *k == kind && n.as_ref().is_none_or(|n| n == name))
        && (query.kinds.is_empty() || query.kinds.iter().any(|k| k == fact.kind()))
        && query.actor.as_ref().is_none_or(|actor| *actor == envelope.actor.name)
        && query.revision.as_ref().is_none_or(|r| fact.revision().is_some_and(|f| f.as_str().starts_with(r)))
        && query.object.as_ref().is_none_or(|object| fact.object() == Some(object))
        && query.sync.is_none_or(|sync| index::of_sync(event, sync))
}

/// The first and last number that `query` allows, none when there are no such.
fn range(store: &Store, head: Seq, query: &EventQuery) -> Result<Option<(Seq, Seq)>, JournalError> {
    let mut first = Seq(query.after.map_or(1, |after| after.0.saturating_add(1)));
    let mut last = Seq(query.before.map_or(head.0, |before| before.0.saturating_sub(1).min(head.0)));
    if let Some(since) = query.since {
        first = first.max(first_at(store, head, since)?);
    }
    if let Some(until) = query.until {
        last = last.min(Seq(first_at(store, head, until)?.0 - 1));
    }
    Ok((first <= last).then_some((first, last)))
}

/// The first event at or after `time`, or the one after `head`. Times never go back: a binary search finds it.
fn first_at(store: &Store, head: Seq, time: Timestamp) -> Result<Seq, JournalError> {
    let (mut low, mut high) = (1, head.0 + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        if store.existing_event(Seq(middle))?.event.envelope.time < time {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(Seq(low))
}
