//! Queries give what reading everything would give.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use taffrail_journal::SledJournal;
use taffrail_model::{Actor, Digest, Envelope, Fact, ObjectKey, Relation, Seq, Subject, SubjectKind, Timestamp};
use taffrail_ports::journal::{EventQuery, Head, Journal, StoredEvent};

use crate::support::{House, noise};

const EVENTS: u64 = 400;
const ACTORS: [&str; 3] = ["taffrail", "Ada <ada@example.org>", "nul\0and more \u{1F600}"];
const APPLICATIONS: [&str; 3] = ["shop", "shop-2", "s"];
const KINDS: [&str; 6] =
    ["ObjectApplied", "ObjectFailed", "SyncStarted", "GatePassed", "RevisionObserved", "Nonsense\0"];

#[test]
fn an_answer_is_what_a_naive_filter_gives() {
    let house = House::new();
    let journal = house.open();
    fill(&journal);
    let all: Vec<_> = (1..=journal.head().seq.0).map(|seq| journal.event(Seq(seq)).unwrap().unwrap()).collect();
    let mut matched = BTreeSet::new();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(600) });
    let seen = std::cell::RefCell::new(&mut matched);
    runner
        .run(&queries(), |query| {
            let mut expected: Vec<_> = all.iter().filter(|event| naive(&query, event)).cloned().collect();
            if query.descending {
                expected.reverse();
            }
            seen.borrow_mut().insert(expected.len().min(3));
            let page = journal.query(&query).unwrap();
            prop_assert_eq!(page.more, expected.len() > query.limit);
            prop_assert_eq!(page.resume.is_some(), page.more);
            prop_assert_eq!(&page.events[..], &expected[..expected.len().min(query.limit)]);
            // All pages together are everything.
            let mut rest = query.clone();
            rest.limit = query.limit.max(1);
            let mut paged = Vec::new();
            loop {
                let page = journal.query(&rest).unwrap();
                paged.extend(page.events);
                match page.resume {
                    Some(resume) if rest.descending => rest.before = Some(resume),
                    Some(resume) => rest.after = Some(resume),
                    None => break,
                }
            }
            prop_assert_eq!(paged, expected);
            Ok(())
        })
        .unwrap();
    assert!(matched.len() == 4, "the queries hardly match anything: {matched:?}");
}

#[test]
fn a_page_that_would_take_too_long_says_where_to_go_on() {
    let house = House::new();
    let journal = house.open();
    // Two dense filters that never agree: the index can only step from one to the other.
    for _ in 0..40 {
        let envelopes: Vec<_> = next(&journal.head(), 800)
            .map(|mut envelope| {
                if envelope.seq.0 % 2 == 0 {
                    envelope.actor = Actor::author("Ada");
                    envelope.fact = Fact::GatePassed { desired: Digest::ZERO };
                }
                envelope
            })
            .collect();
        journal.append(envelopes, Vec::new()).unwrap();
    }
    for descending in [false, true] {
        let mut query = EventQuery {
            actor: Some("Ada".to_owned()),
            kinds: vec!["SyncResumed".to_owned()],
            limit: 10,
            descending,
            ..EventQuery::default()
        };
        let page = journal.query(&query).unwrap();
        assert!(page.events.is_empty() && page.more);
        let resume = page.resume;
        if descending {
            query.before = resume
        } else {
            query.after = resume
        }
        let page = journal.query(&query).unwrap();
        assert_eq!((page.events.len(), page.more, page.resume), (0, false, None));
    }
}

fn next(head: &Head, count: u64) -> impl Iterator<Item = Envelope> + use<> {
    let head = head.clone();
    (head.seq.0 + 1..=head.seq.0 + count).map(move |seq| Envelope {
        seq: Seq(seq),
        epoch: head.epoch,
        id: format!("1-{seq}"),
        time: head.time,
        subject: Subject::System,
        actor: Actor::daemon(),
        cause: None,
        sync: None,
        fact: Fact::SyncResumed {},
    })
}

fn fill(journal: &SledJournal) {
    let dice = noise("dice", 8 * EVENTS as usize + 8);
    let start = journal.head();
    let envelopes = next(&start, EVENTS).zip(dice.chunks(8)).map(|(mut envelope, dice)| {
        let pick = |at: usize, of: usize| dice[at] as usize % of;
        envelope.time =
            Timestamp::from_millisecond(start.time.as_millisecond() + (envelope.seq.0 / 3) as i64 * 1000).unwrap();
        envelope.actor.name = ACTORS[pick(0, 3)].to_owned();
        envelope.subject = match pick(1, 5) {
            0 => Subject::System,
            1 => Subject::Repository("shop".parse().unwrap()),
            application => Subject::Application(APPLICATIONS[application - 2].parse().unwrap()),
        };
        envelope.sync = (pick(2, 2) == 0).then(|| Seq(envelope.seq.0 / 20 * 20));
        envelope.fact = match pick(3, 6) {
            0 => Fact::ObjectFailed { object: objects(pick(4, 5)), reason: String::new(), attempts: 1 },
            1 => Fact::SyncStarted {
                desired: Digest::ZERO,
                revision: revision(pick(5, 30)).parse().unwrap(),
                plan: Digest::ZERO,
                counts: Default::default(),
                scope: Default::default(),
            },
            2 => Fact::RevisionObserved {
                revision: revision(pick(5, 30)).parse().unwrap(),
                previous: None,
                tag: None,
                relation: Relation::First,
                commits: Vec::new(),
                count: 0,
            },
            3 => Fact::GatePassed { desired: Digest::ZERO },
            _ => Fact::ObjectPruned { object: objects(pick(4, 5)), uid: None },
        };
        envelope
    });
    journal.append(envelopes.collect(), Vec::new()).unwrap();
}

fn objects(n: usize) -> ObjectKey {
    ["apps/Deployment:shop/api", "Deployment:shop/api", "ConfigMap:shop/a", "ConfigMap:a", "Namespace:shop"][n]
        .parse()
        .unwrap()
}

fn revision(n: usize) -> String {
    format!("{:040x}", (n as u128 + 1) << 120 | n as u128)
}

fn queries() -> impl Strategy<Value = EventQuery> {
    let maybe_seq = || prop::option::weighted(0.3, (0..EVENTS + 3).prop_map(Seq));
    let time = || {
        prop::option::weighted(
            0.3,
            (-5..EVENTS as i64 / 3 + 5)
                .prop_map(|seconds| Timestamp::from_second(Timestamp::now().as_second() + seconds).unwrap()),
        )
    };
    let name = prop::option::of(prop::sample::select([APPLICATIONS.as_slice(), &["", "nobody\0"]].concat()));
    let kind = prop::sample::select(vec![SubjectKind::System, SubjectKind::Repository, SubjectKind::Application]);
    let subject = prop::option::weighted(0.4, (kind, name.prop_map(|name| name.map(str::to_owned))));
    let kinds = prop::collection::vec(prop::sample::select(&KINDS[..]).prop_map(str::to_owned), 0..3);
    let actor = prop::option::weighted(0.3, prop::sample::select(&ACTORS[..]).prop_map(str::to_owned));
    let revision = prop::option::weighted(
        0.2,
        (0..31_usize, 0..=40_usize).prop_map(|(n, length)| revision(n)[..length].to_owned()),
    );
    let object = prop::option::weighted(0.2, (0..5_usize).prop_map(objects));
    let sync = prop::option::weighted(0.2, (0..EVENTS).prop_map(|n| Seq(n / 10 * 10)));
    let rest = (0..60_usize, any::<bool>());
    (maybe_seq(), maybe_seq(), time(), time(), subject, (kinds, actor, revision), (object, sync), rest).prop_map(
        |(after, before, since, until, subject, (kinds, actor, revision), (object, sync), (limit, descending))| {
            EventQuery { after, before, since, until, subject, kinds, actor, revision, object, sync, limit, descending }
        },
    )
}

/// Written apart from the code that it checks, from the words of [`EventQuery`].
fn naive(query: &EventQuery, stored: &StoredEvent) -> bool {
    let event = &stored.event.envelope;
    let json: serde_json::Value = serde_json::from_slice(&stored.bytes).unwrap();
    let text = |pointer: &str| json.pointer(pointer).and_then(|value| value.as_str());
    let mut all = true;
    if let Some(after) = query.after {
        all &= event.seq > after;
    }
    if let Some(before) = query.before {
        all &= event.seq < before;
    }
    if let Some(since) = query.since {
        all &= event.time >= since;
    }
    if let Some(until) = query.until {
        all &= event.time < until;
    }
    if let Some((kind, name)) = &query.subject {
        all &= text("/subject/kind")
            == Some(match kind {
                SubjectKind::System => "system",
                SubjectKind::Repository => "repository",
                SubjectKind::Application => "application",
            });
        if let Some(name) = name {
            all &= text("/subject/name").unwrap_or("") == name;
        }
    }
    if !query.kinds.is_empty() {
        all &= query.kinds.iter().any(|kind| text("/kind") == Some(kind));
    }
    if let Some(actor) = &query.actor {
        all &= text("/actor/name") == Some(actor);
    }
    if let Some(revision) = &query.revision {
        all &= text("/data/revision").is_some_and(|text| text.starts_with(revision));
    }
    if let Some(object) = &query.object {
        all &= text("/data/object") == Some(&object.to_string());
    }
    if let Some(sync) = query.sync {
        let own = event.seq == sync && matches!(text("/kind"), Some("SyncStarted" | "RevertStarted"));
        all &= own || json["sync"].as_u64() == Some(sync.0);
    }
    all
}
