//! A journal and a status in memory, and a history to fill the journal with.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use taffrail_model::fact::{PlanCounts, SyncScope};
use taffrail_model::{
    Actor, ApplicationName, Digest, Envelope, Epoch, Event, Fact, Order, Relation, RepositoryName, Seq, Subject,
    SubjectKind, Timestamp, Uid,
};
use taffrail_ports::BoxFuture;
use taffrail_ports::inquiries::{Difference, Inquiries, InquiryError, Side};
use taffrail_ports::journal::{
    Document, EventPage, EventQuery, ExportError, Exported, Head, Journal, JournalError, Snapshot, StoredEvent,
};
use taffrail_ports::orders::{OrderError, Orders};
use taffrail_ports::status::{ApplicationStatus, Readiness, Status};
use tokio::sync::watch;

/// When the first event of [`history`] happened; each later one is a minute later.
pub const START: &str = "2026-11-21T08:00:00Z";

/// The events, what is asked of them, and a gate before each read.
pub struct FakeJournal {
    events: Mutex<Vec<StoredEvent>>,
    appended: watch::Sender<Seq>,
    /// Every query so far.
    pub queries: Mutex<Vec<EventQuery>>,
    /// The most reads that ran at once.
    pub busiest: AtomicUsize,
    reading: AtomicUsize,
    shut: Mutex<bool>,
    opened: Condvar,
    /// The most events that one query looks at.
    pub work: AtomicUsize,
    /// How many events went into exports.
    pub exported: AtomicUsize,
    /// What each query fails with, if anything.
    pub failure: Mutex<Option<String>>,
}

impl FakeJournal {
    pub fn new(envelopes: Vec<Envelope>) -> Self {
        let journal = Self {
            events: Mutex::default(),
            appended: watch::Sender::new(Seq(0)),
            queries: Mutex::default(),
            busiest: AtomicUsize::new(0),
            reading: AtomicUsize::new(0),
            shut: Mutex::new(false),
            opened: Condvar::new(),
            work: AtomicUsize::new(usize::MAX),
            exported: AtomicUsize::new(0),
            failure: Mutex::default(),
        };
        journal.append(envelopes, Vec::new()).unwrap();
        journal
    }

    pub fn stored(&self) -> Vec<StoredEvent> {
        self.events.lock().unwrap().clone()
    }

    /// Appends the next `count` events of [`history`].
    pub fn grow(&self, count: usize) {
        let have = self.events.lock().unwrap().len();
        self.append(history(have + count).split_off(have), Vec::new()).unwrap();
    }

    /// Lets queries wait, or go on.
    pub fn shut(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.opened.notify_all();
    }
}

impl Journal for FakeJournal {
    fn head(&self) -> Head {
        let events = self.events.lock().unwrap();
        let last = events.last().map(|last| &last.event);
        Head {
            seq: last.map_or(Seq(0), Event::seq),
            hash: last.map_or(Digest::ZERO, |last| last.hash),
            time: last.map_or(Timestamp::UNIX_EPOCH, |last| last.envelope.time),
            epoch: last.map_or(Epoch(1), |last| last.envelope.epoch),
        }
    }

    fn installation(&self) -> String {
        "fake".to_owned()
    }

    fn watch(&self) -> watch::Receiver<Seq> {
        self.appended.subscribe()
    }

    fn append(&self, envelopes: Vec<Envelope>, _: Vec<Document>) -> Result<Vec<Event>, JournalError> {
        let mut events = self.events.lock().unwrap();
        let mut sealed = Vec::new();
        for envelope in envelopes {
            let previous = events.last().map_or(Digest::ZERO, |last| last.event.hash);
            let (event, bytes) = Event::seal(envelope, previous);
            events.push(StoredEvent { event: event.clone(), bytes });
            sealed.push(event);
        }
        self.appended.send_replace(Seq(events.len() as u64));
        Ok(sealed)
    }

    fn put(&self, _: Vec<Document>) -> Result<(), JournalError> {
        unreachable!("http writes nothing")
    }

    fn document(&self, _: Digest) -> Result<Vec<u8>, JournalError> {
        unreachable!("http shows no documents")
    }

    fn digest(&self, bytes: &[u8], _: bool) -> Digest {
        Digest::of(bytes)
    }

    fn events(&self, _: Seq, _: usize) -> Result<Vec<Event>, JournalError> {
        unreachable!("http needs the stored bytes")
    }

    fn event(&self, seq: Seq) -> Result<Option<StoredEvent>, JournalError> {
        Ok(self.events.lock().unwrap().iter().find(|stored| stored.event.seq() == seq).cloned())
    }

    fn query(&self, query: &EventQuery) -> Result<EventPage, JournalError> {
        self.queries.lock().unwrap().push(query.clone());
        let reading = self.reading.fetch_add(1, Ordering::SeqCst) + 1;
        self.busiest.fetch_max(reading, Ordering::SeqCst);
        // Not for ever: the runtime of a test that failed waits for its blocking threads.
        let deadline = Duration::from_secs(30);
        drop(self.opened.wait_timeout_while(self.shut.lock().unwrap(), deadline, |shut| *shut).unwrap());
        self.reading.fetch_sub(1, Ordering::SeqCst);
        if let Some(reason) = self.failure.lock().unwrap().clone() {
            return Err(JournalError::Store { path: "memory".to_owned(), reason });
        }
        let stored = self.events.lock().unwrap();
        let inside =
            |seq| query.after.is_none_or(|after| seq > after) && query.before.is_none_or(|before| seq < before);
        let mut left: Vec<&StoredEvent> = stored.iter().filter(|stored| inside(stored.event.seq())).collect();
        if !query.descending {
            left.reverse();
        }
        let (mut events, mut looked_at, mut resume) = (Vec::new(), 0, None);
        while let Some(stored) = left.pop() {
            let wanted = matches(query, &stored.event);
            if looked_at == self.work.load(Ordering::SeqCst) || wanted && events.len() == query.limit {
                let seq = stored.event.seq();
                resume = Some(if query.descending { seq.next() } else { Seq(seq.0 - 1) });
                break;
            }
            events.extend(wanted.then(|| stored.clone()));
            looked_at += 1;
        }
        Ok(EventPage { events, more: resume.is_some(), resume })
    }

    fn export(&self, at: Option<Seq>, to: &mut dyn Write) -> Result<Exported, ExportError> {
        let events = self.stored();
        let last = &events[at.map_or(events.len(), |at| at.0 as usize) - 1].event;
        for stored in &events[..last.seq().0 as usize] {
            if let Some(reason) = self.failure.lock().unwrap().clone() {
                return Err(JournalError::Store { path: "memory".to_owned(), reason }.into());
            }
            to.write_all(&stored.bytes)?;
            self.exported.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Exported { seq: last.seq(), hash: last.hash, documents: 0 })
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, JournalError> {
        unreachable!("http needs no state")
    }

    fn save_snapshot(&self, _: Snapshot) -> Result<(), JournalError> {
        unreachable!("http writes nothing")
    }
}

fn matches(query: &EventQuery, event: &Event) -> bool {
    let Envelope { seq, time, subject, actor, sync, fact, .. } = &event.envelope;
    let about = |(kind, name): &(SubjectKind, Option<String>)| {
        let (of, named) = match subject {
            Subject::System => (SubjectKind::System, None),
            Subject::Repository(name) => (SubjectKind::Repository, Some(name.as_str())),
            Subject::Application(name) => (SubjectKind::Application, Some(name.as_str())),
        };
        of == *kind && name.as_deref().is_none_or(|name| named == Some(name))
    };
    query.since.is_none_or(|since| *time >= since)
        && query.until.is_none_or(|until| *time < until)
        && query.subject.as_ref().is_none_or(about)
        && (query.kinds.is_empty() || query.kinds.iter().any(|kind| kind == fact.kind()))
        && query.actor.as_ref().is_none_or(|name| *name == actor.name)
        && query
            .revision
            .as_ref()
            .is_none_or(|prefix| fact.revision().is_some_and(|id| id.as_str().starts_with(prefix)))
        && query.object.as_ref().is_none_or(|object| fact.object() == Some(object))
        && query.sync.is_none_or(|of| *seq == of || *sync == Some(of))
}

/// `count` events that have something for every filter.
pub fn history(count: usize) -> Vec<Envelope> {
    (0..count).map(|index| envelope(index, fact(index))).collect()
}

/// The event after `index` others.
pub fn envelope(index: usize, fact: Fact) -> Envelope {
    let start: Timestamp = START.parse().unwrap();
    let seq = Seq(index as u64 + 1);
    let round = index / 5;
    let application = if round.is_multiple_of(3) { "shop-production" } else { "shop-staging" };
    let sync = Seq(round as u64 * 5 + 2);
    Envelope {
        seq,
        epoch: Epoch(1),
        id: format!("1-{seq}"),
        time: start + Duration::from_secs(60 * index as u64),
        subject: match fact {
            Fact::RevisionObserved { .. } => Subject::Repository("shop".parse().unwrap()),
            Fact::ClusterReachable { .. } => Subject::System,
            _ => Subject::Application(application.parse().unwrap()),
        },
        actor: match fact {
            Fact::RevisionObserved { .. } => Actor::author("Ada Brook <ada@example.org>"),
            _ => Actor::daemon(),
        },
        cause: None,
        sync: (seq > sync && fact.kind() != "ClusterReachable").then_some(sync),
        fact,
    }
}

/// Rounds of five: a commit, a sync, an object (with a line end in its uid), a gate, and the cluster.
fn fact(index: usize) -> Fact {
    let revision = format!("{:040x}", 0xabc_0000 + index / 5).parse().unwrap();
    let desired = Digest::of(&index.to_le_bytes());
    match index % 5 {
        0 => Fact::RevisionObserved {
            revision,
            previous: None,
            tag: None,
            relation: Relation::Descendant,
            commits: Vec::new(),
            count: 0,
        },
        1 => Fact::SyncStarted {
            desired,
            revision,
            plan: desired,
            counts: PlanCounts::default(),
            scope: SyncScope::Whole,
        },
        2 => Fact::ObjectApplied {
            object: format!("apps/Deployment:shop/api-{}", index / 5 % 2).parse().unwrap(),
            uid: Uid("of two\nlines".to_owned()),
            manifest: desired,
            created: false,
            resource_version: index.to_string(),
            attempts: 1,
            fields: None,
            autoscaled: false,
        },
        3 => Fact::GatePassed { desired },
        _ => Fact::ClusterReachable { cluster: taffrail_model::ClusterName::default() },
    }
}

/// What the status says.
#[derive(Default)]
pub struct FakeStatus {
    pub applications: Vec<ApplicationStatus>,
    pub missing: Mutex<Vec<String>>,
}

impl Status for FakeStatus {
    fn applications(&self) -> Vec<ApplicationStatus> {
        let bare = |application: &ApplicationStatus| ApplicationStatus { objects: Vec::new(), ..application.clone() };
        self.applications.iter().map(bare).collect()
    }

    fn application(&self, name: &ApplicationName) -> Option<ApplicationStatus> {
        self.applications.iter().find(|application| application.name == *name).cloned()
    }

    fn readiness(&self) -> Readiness {
        Readiness { missing: self.missing.lock().unwrap().clone() }
    }
}

/// Takes every order, unless it is told to refuse.
#[derive(Default)]
pub struct FakeOrders {
    pub taken: Mutex<Vec<Order>>,
    pub hints: Mutex<Vec<RepositoryName>>,
    pub refusal: Mutex<Option<OrderError>>,
}

impl Orders for FakeOrders {
    fn order(&self, order: Order) -> BoxFuture<'_, Result<Seq, OrderError>> {
        let answer = match self.refusal.lock().unwrap().clone() {
            Some(refusal) => Err(refusal),
            None => {
                let mut taken = self.taken.lock().unwrap();
                taken.push(order);
                Ok(Seq(taken.len() as u64 + 100))
            }
        };
        Box::pin(async { answer })
    }

    fn hint(&self, repository: RepositoryName) -> BoxFuture<'_, ()> {
        self.hints.lock().unwrap().push(repository);
        Box::pin(async {})
    }
}

/// Knows one application at any time, and one difference.
pub struct FakeInquiries;

impl Inquiries for FakeInquiries {
    fn past(&self, _: Seq) -> BoxFuture<'_, Result<Vec<ApplicationStatus>, InquiryError>> {
        Box::pin(async { Ok(vec![crate::views::application("shop-staging")]) })
    }

    fn recorded(
        &self,
        application: ApplicationName,
        from: Seq,
        to: Seq,
    ) -> BoxFuture<'_, Result<Difference, InquiryError>> {
        let side = |seq| Side::Recorded { seq, desired: Digest::ZERO };
        let answer = if to > Seq(100) {
            Err(InquiryError::Nothing(format!("there is no event {to}")))
        } else {
            Ok(Difference { application, from: side(from), to: side(to), objects: Vec::new(), unchanged: 7 })
        };
        Box::pin(async { answer })
    }

    fn preview(
        &self,
        application: ApplicationName,
        revision: Option<String>,
    ) -> BoxFuture<'_, Result<Difference, InquiryError>> {
        let answer = match revision.as_deref() {
            Some("bad") => Err(InquiryError::Unusable("it does not render".to_owned())),
            Some("away") => Err(InquiryError::Unanswered("the cluster is away".to_owned())),
            _ => {
                let to = Side::Rendered { revision: "a".repeat(40).parse().unwrap() };
                Ok(Difference { application, from: Side::Live, to, objects: Vec::new(), unchanged: 3 })
            }
        };
        Box::pin(async { answer })
    }
}
