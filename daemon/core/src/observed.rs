//! What is only seen and never recorded: live objects, polls, renders, retries, checks. Rebuilt after a start.
//!
//! Always: nothing in here changes the state by itself. A decision that it leads to is a fact.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use taffrail_model::claim::CLAIM_ANNOTATION;
use taffrail_model::{
    ApplicationName, ClusterName, CommitId, Digest, Evidence, Health, Holder, LiveObject, ObjectKey, RepositoryName,
    Seq, Timestamp, Uid, Watch, WatchEvent, WatchScope,
};

use crate::drift::{Difference, Suspect, is_known, is_missed, written};
use crate::effect::EffectKey;
use crate::gate::GateWatch;
use crate::health::{self, Neighbours};
use crate::jobs::is_job;
use crate::state::{Application, Owned, State};
use crate::time::after;

/// A watch that is lost for a shorter time than this is not worth a word.
pub const GRACE: Duration = Duration::from_secs(5);

/// Least time between two polls of a repository that hints ask for.
pub const BETWEEN_HINTS: Duration = Duration::from_secs(1);

/// What is seen.
#[derive(Debug, Default)]
pub struct Observed {
    /// What the watches saw.
    pub live: LiveView,
    /// Polls of each repository.
    pub polls: BTreeMap<RepositoryName, Polls>,
    /// What was rendered of each application: the revision, and the digest of what else decides its result.
    pub rendered: BTreeMap<ApplicationName, (CommitId, Digest)>,
    /// Writes that are tried again, and why.
    pub retrying: BTreeMap<EffectKey, String>,
    /// Writes that were started and whose outcome is not known.
    pub in_flight: BTreeMap<ObjectKey, EffectKey>,
    /// The newest result of each check of an open gate.
    pub checks: BTreeMap<EffectKey, Result<(), String>>,
    /// What the cluster told of what fails an open gate.
    pub evidence: BTreeMap<EffectKey, Vec<Evidence>>,
    /// How open gates look.
    pub gates: BTreeMap<ApplicationName, GateWatch>,
    /// What was seen of the claims that are ours.
    pub claims: BTreeMap<ApplicationName, ClaimSeen>,
    /// What bears the mark of applications that are somebody else's.
    pub found: BTreeMap<ApplicationName, Vec<ObjectKey>>,
    /// Objects that were seen to change since they were last found to be as the state says.
    pub suspects: BTreeMap<ApplicationName, BTreeMap<ObjectKey, Suspect>>,
    /// What a look found at the place of an object that its watch does not see, and the uid that was looked for. Kept
    /// until the watch tells something new.
    pub looked: BTreeMap<ObjectKey, (Uid, Option<LiveObject>)>,
}

/// What was seen of a claim that is ours. Nothing after a start: the first list is newer than any write of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimSeen {
    /// It was written, also over this holder's, and the watch has not shown it since.
    Written {
        /// Whose.
        over: Option<Holder>,
    },
    /// The watch has shown it: once it is not there, it was deleted.
    Ours,
}

/// Polls of one repository by this daemon.
#[derive(Clone, Debug, Default)]
pub struct Polls {
    /// How many have ended.
    pub count: u64,
    /// When the next one is due with these settings; at once with others, or when nothing is said.
    pub next: Option<(Digest, Timestamp)>,
    /// How many failed in a row.
    pub failures: u64,
    /// How many had failed in a row before the last one, which did not.
    pub recovered_from: u64,
    /// What hints asked for.
    pub hints: Hints,
}

/// Hints that a repository has something new.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hints {
    /// How many polls were brought forward, and so asked for anew.
    pub forward: u64,
    /// When the last poll that a hint asked for is or was due.
    last: Option<Timestamp>,
    /// A hint came while a poll was under way, which may have looked before what is hinted at was there.
    again: bool,
}

impl Hints {
    /// When a poll that is hinted at may come.
    fn due(&self, now: Timestamp) -> Timestamp {
        self.last.map_or(now, |last| now.max(after(last, BETWEEN_HINTS)))
    }
}

/// Live objects, as watches saw them.
#[derive(Debug, Default)]
pub struct LiveView {
    watches: BTreeMap<Watch, View>,
}

#[derive(Debug, Default)]
struct View {
    /// Whether the first list came.
    listed: bool,
    /// Since when it is lost, and why.
    lost: Option<(Timestamp, String)>,
    objects: BTreeMap<ObjectKey, LiveObject>,
    /// The last event before it was asked for: what was written until then is in its first list.
    asked: Seq,
    /// Jobs that it saw, and that are gone.
    past: BTreeMap<ObjectKey, Uid>,
}

/// How many Jobs that are gone a watch remembers.
const PAST_KEPT: usize = 1000;

impl View {
    /// Jobs of `before` that are not there any more are past.
    fn leave(&mut self, before: impl IntoIterator<Item = LiveObject>) {
        let gone = before.into_iter().filter(|object| is_job(&object.key) && !self.objects.contains_key(&object.key));
        self.past.extend(gone.map(|object| (object.key, object.uid)));
        while self.past.len() > PAST_KEPT {
            self.past.pop_first();
        }
    }
}

impl LiveView {
    /// A watch is asked for, after this event.
    pub fn ask(&mut self, watch: &Watch, after: Seq) {
        self.watches.entry(watch.clone()).or_default().asked = after;
    }

    /// Whether the first list of a watch came.
    pub fn is_listed(&self, watch: &Watch) -> bool {
        self.watches.get(watch).is_some_and(|view| view.listed)
    }

    /// Autoscalers that are seen; one that is ours may be seen twice.
    pub fn autoscalers(&self, cluster: &ClusterName) -> impl Iterator<Item = &LiveObject> {
        let watches = self.watches.iter().filter(|(watch, _)| {
            watch.cluster == *cluster
                && watch.kind == "HorizontalPodAutoscaler"
                && watch.api_version.group == "autoscaling"
        });
        watches.flat_map(|(_, view)| view.objects.values())
    }

    /// Whether a Job that we made is gone, and not just unseen yet.
    fn is_past(&self, key: &ObjectKey, owned: &Owned) -> bool {
        let Some(view) = self.watches.get(&watch_of(key, owned)).filter(|view| view.listed) else { return false };
        let seen_before = view.past.get(key).is_some_and(|uid| Some(uid) == owned.uid.as_ref());
        let made_before = owned.written.is_some_and(|written| written <= view.asked);
        is_job(key) && !view.objects.contains_key(key) && (seen_before || made_before)
    }

    /// Takes in what a watch saw.
    pub fn see(&mut self, watch: &Watch, event: WatchEvent, now: Timestamp) {
        let view = self.watches.entry(watch.clone()).or_default();
        if !matches!(event, WatchEvent::Lost(_)) {
            view.lost = None;
        }
        match event {
            WatchEvent::Listed(objects) => {
                view.listed = true;
                let now = objects.into_iter().map(|object| (object.key.clone(), object)).collect();
                let before = std::mem::replace(&mut view.objects, now);
                view.leave(before.into_values());
            }
            WatchEvent::Changed(object) => {
                view.objects.insert(object.key.clone(), object);
            }
            WatchEvent::Removed(key) => {
                let before = view.objects.remove(&key);
                view.leave(before);
            }
            WatchEvent::Lost(reason) => {
                let since = view.lost.as_ref().map_or(now, |(since, _)| *since);
                view.lost = Some((since, reason));
            }
            WatchEvent::Resumed => {}
        }
    }

    /// Forgets what a watch saw that is no longer wanted.
    pub fn forget(&mut self, watch: &Watch) {
        self.watches.remove(watch);
    }

    /// The clusters that are watched.
    pub fn clusters(&self) -> BTreeSet<ClusterName> {
        self.watches.keys().map(|watch| watch.cluster.clone()).collect()
    }

    /// Since when the watch of a cluster that has been lost the longest is lost, and why.
    pub fn lost(&self, cluster: &ClusterName) -> Option<(Timestamp, &str)> {
        self.of(cluster)
            .filter_map(|view| view.lost.as_ref())
            .min_by_key(|(since, _)| *since)
            .map(|(t, w)| (*t, w.as_str()))
    }

    /// Whether anything of a cluster was listed and nothing is lost.
    pub fn reachable(&self, cluster: &ClusterName) -> bool {
        self.of(cluster).any(|view| view.listed) && self.of(cluster).all(|view| view.lost.is_none())
    }

    fn of(&self, cluster: &ClusterName) -> impl Iterator<Item = &View> {
        self.watches.iter().filter(move |(watch, _)| watch.cluster == *cluster).map(|(_, view)| view)
    }

    /// Why what is known of these objects may be old; nothing when it is not.
    pub fn stale<'a>(&self, watches: impl IntoIterator<Item = &'a Watch>) -> Option<Stale> {
        let mut first: Option<Stale> = None;
        for watch in watches {
            let stale = match self.watches.get(watch) {
                Some(View { lost: Some((since, reason)), .. }) => {
                    Stale { since: Some(*since), reason: format!("the cluster cannot be seen: {reason}") }
                }
                Some(View { listed: true, .. }) => continue,
                _ => Stale { since: None, reason: format!("objects of kind {} are not listed yet", watch.kind) },
            };
            if first.as_ref().is_none_or(|first| first.since.is_none()) {
                first = Some(stale);
            }
        }
        first
    }

    /// A live object of ours. A rendered key may name a namespace although its kind has none: only the cluster knows
    /// that of a kind that is defined elsewhere. The uid tells whether it is the one that we wrote.
    pub fn ours(&self, key: &ObjectKey, owned: &Owned) -> Option<&LiveObject> {
        let objects = &self.watches.get(&watch_of(key, owned))?.objects;
        objects.get(key).or_else(|| objects.get(&ObjectKey { namespace: None, ..key.clone() }))
    }

    /// Whose the claim on an application is, as seen.
    pub fn claim(&self, watch: &Watch, claim: &ObjectKey) -> Option<Holder> {
        let live = self.watches.get(watch)?.objects.get(claim)?;
        live.body.pointer("/metadata/annotations")?.get(CLAIM_ANNOTATION)?.as_str()?.parse().ok()
    }

    /// The health of an object that we wrote, as seen after that write.
    pub fn health(&self, key: &ObjectKey, owned: &Owned) -> Health {
        let Some(uid) = &owned.uid else {
            // A Job that is known to be gone keeps the manifest that it ran for.
            let past = is_job(key) && owned.manifest.is_some();
            return if past { Health::Healthy } else { Health::Progressing("it is not made yet".to_owned()) };
        };
        let Some(live) = self.ours(key, owned) else {
            let past = self.is_past(key, owned);
            return if past { Health::Healthy } else { Health::Progressing("it is not there".to_owned()) };
        };
        if live.uid != *uid {
            return Health::Progressing("another object has its name".to_owned());
        }
        if !has_seen(&live.resource_version, &owned.resource_version) {
            return Health::Progressing("its last change is not seen yet".to_owned());
        }
        let neighbours = self.neighbours(key, owned);
        health::judge(key, &live.body, &neighbours)
    }

    /// The pods of an object of ours that are not well, the worst first.
    pub fn unwell_pods(&self, key: &ObjectKey, owned: &Owned) -> Vec<String> {
        let Some(live) = self.ours(key, owned) else { return Vec::new() };
        health::unwell_pods(key, &live.body, &self.neighbours(key, owned))
    }

    fn neighbours(&self, key: &ObjectKey, owned: &Owned) -> Neighbours<'_> {
        match (&key.namespace, health::needs_pods(key)) {
            (Some(namespace), true) => Neighbours {
                pods: self.bodies(&pods_in(&owned.cluster, namespace)),
                replica_sets: self.bodies(&replica_sets_in(&owned.cluster, namespace)),
            },
            _ => Neighbours { pods: Vec::new(), replica_sets: Vec::new() },
        }
    }

    fn bodies(&self, watch: &Watch) -> Vec<&Value> {
        self.watches
            .get(watch)
            .map(|view| view.objects.values().map(|object| &*object.body).collect())
            .unwrap_or_default()
    }
}

/// Why a view may be old.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Since when it is lost; nothing while it is being listed for the first time.
    pub since: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// resourceVersions of one kind rise with each change (comparable by contract since Kubernetes 1.35, and in practice
/// with etcd always). One that is no number is only ever compared for equality.
pub(crate) fn has_seen(live: &str, written: &str) -> bool {
    match (live.parse::<u128>(), written.parse::<u128>()) {
        (Ok(live), Ok(written)) => live >= written,
        _ => live == written,
    }
}

/// The watch that sees an object of ours.
pub fn watch_of(key: &ObjectKey, owned: &Owned) -> Watch {
    let (cluster, api_version) = (owned.cluster.clone(), owned.api_version.clone());
    Watch { cluster, api_version, kind: key.kind.clone(), scope: WatchScope::Ours }
}

/// The watch that sees claims.
pub fn claims_watch(cluster: &ClusterName) -> Watch {
    let cluster = cluster.clone();
    Watch { cluster, api_version: "v1".into(), kind: "ConfigMap".to_owned(), scope: WatchScope::Ours }
}

/// The watch of a namespace's pods.
pub fn pods_in(cluster: &ClusterName, namespace: &str) -> Watch {
    all_in(cluster, namespace, "v1", "Pod")
}

/// The watch of a namespace's ReplicaSets, which tell new pods from old.
pub fn replica_sets_in(cluster: &ClusterName, namespace: &str) -> Watch {
    all_in(cluster, namespace, "apps/v1", "ReplicaSet")
}

fn all_in(cluster: &ClusterName, namespace: &str, api_version: &str, kind: &str) -> Watch {
    let scope = WatchScope::Namespace(namespace.to_owned());
    Watch { cluster: cluster.clone(), api_version: api_version.into(), kind: kind.to_owned(), scope }
}

impl Observed {
    /// The next poll of a repository, a tenth of the interval early or late, so that many do not poll at once.
    pub fn schedule_poll(
        &mut self,
        name: &RepositoryName,
        settings: Digest,
        interval: Duration,
        failed: bool,
        now: Timestamp,
    ) {
        let polls = self.polls.entry(name.clone()).or_default();
        polls.count += 1;
        polls.failures = if failed { polls.failures + 1 } else { 0 };
        let digest = Digest::of(format!("{name} {}", polls.count).as_bytes());
        let tenth = interval / 10;
        let jitter = (tenth * 2).mul_f64(f64::from(digest.as_bytes()[0]) / 255.0);
        let mut next = after(now, interval.saturating_sub(tenth).saturating_add(jitter));
        if std::mem::take(&mut polls.hints.again) {
            let due = polls.hints.due(now);
            polls.hints.last = Some(due);
            next = next.min(due);
        }
        polls.next = Some((settings, next));
    }

    /// Has the next poll of a repository with these settings come at once, if the last one that a hint asked for was not
    /// just now. One that is under way is not broken off: another follows it.
    pub fn hint(&mut self, name: &RepositoryName, settings: Digest, now: Timestamp) {
        let polls = self.polls.entry(name.clone()).or_default();
        match polls.next.filter(|(by, _)| *by == settings) {
            Some((_, next)) if next > now => {
                let due = polls.hints.due(now);
                if due < next {
                    polls.next = Some((settings, due));
                    polls.hints.forward += 1;
                    polls.hints.last = Some(due);
                }
            }
            _ => polls.hints.again = true,
        }
    }

    /// Looks at the open gates of these applications anew, and at what was seen to change.
    pub fn look(&mut self, state: &State, applications: impl IntoIterator<Item = ApplicationName>, now: Timestamp) {
        for name in applications {
            let before = self.gates.remove(&name);
            if let Some(watch) = GateWatch::look(before, state, &name, self, now) {
                self.gates.insert(name.clone(), watch);
            }
            self.compare(state, &name);
        }
    }

    /// Notes that objects of an application may not be as we wrote them any more.
    pub fn suspect(&mut self, name: &ApplicationName, application: &Application, watch: &Watch, event: &WatchEvent) {
        if watch.scope != WatchScope::Ours {
            return;
        }
        let watched = |object: &ObjectKey, owned: &Owned| {
            object.kind == watch.kind
                && object.group == watch.api_version.group
                && owned.api_version == watch.api_version
        };
        let mut objects: Vec<ObjectKey> = Vec::new();
        match event {
            WatchEvent::Listed(_) => {
                let all = application.inventory.iter().filter(|(object, owned)| watched(object, owned));
                objects.extend(all.map(|(object, _)| object.clone()));
            }
            WatchEvent::Changed(LiveObject { key, .. }) | WatchEvent::Removed(key) => {
                objects.extend(owned_key(application, key).cloned());
            }
            WatchEvent::Lost(_) | WatchEvent::Resumed => {}
        }
        for object in objects {
            self.looked.remove(&object);
            self.suspects.entry(name.clone()).or_default().entry(object).or_default();
        }
    }

    /// Compares what was seen to change, once no sync is under way, and forgets what is as the state says.
    fn compare(&mut self, state: &State, name: &ApplicationName) {
        let Some(application) = state.applications.get(name) else {
            self.suspects.remove(name);
            return;
        };
        if application.sync.is_some() || application.live.is_none() {
            // What differs by now is written, or was not before.
            self.suspects.get_mut(name).into_iter().flatten().for_each(|(_, suspect)| *suspect = Suspect::new());
            return;
        }
        let Some(mut suspects) = self.suspects.remove(name) else { return };
        suspects.retain(|object, suspect| {
            let Some((desired, owned)) = written(application, object) else { return false };
            suspect.compare(application, object, owned, self);
            if matches!(suspect.difference, Difference::Missing | Difference::Gone)
                && !is_missed(application, object, desired)
            {
                return false;
            }
            self.in_flight.contains_key(object) || !is_known(&suspect.difference, owned, application.drifts.get(object))
        });
        if !suspects.is_empty() {
            self.suspects.insert(name.clone(), suspects);
        }
    }
}

/// How the inventory names a live object: a rendered key may have a namespace although its kind has none.
fn owned_key<'a>(application: &'a Application, live: &ObjectKey) -> Option<&'a ObjectKey> {
    if let Some((object, _)) = application.inventory.get_key_value(live) {
        return Some(object);
    }
    if live.namespace.is_some() {
        return None;
    }
    let first = ObjectKey { name: String::new(), ..live.clone() };
    let of_kind = application.inventory.range(first..).map(|(object, _)| object);
    of_kind.take_while(|object| object.is(&live.group, &live.kind)).find(|object| object.name == live.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::between;

    #[test]
    fn polls_come_up_to_a_tenth_of_the_interval_early_or_late() {
        let interval = Duration::from_secs(100);
        let mut observed = Observed::default();
        let mut waits = BTreeSet::new();
        for number in 0..200 {
            let name: RepositoryName = format!("shop-{}", number % 10).parse().unwrap();
            observed.schedule_poll(&name, Digest::ZERO, interval, false, Timestamp::UNIX_EPOCH);
            let (_, next) = observed.polls[&name].next.unwrap();
            waits.insert(between(Timestamp::UNIX_EPOCH, next));
        }
        let (first, last) = (waits.first().unwrap(), waits.last().unwrap());
        assert!(*first >= Duration::from_secs(90) && *last <= Duration::from_secs(110), "{first:?} to {last:?}");
        assert!(waits.len() > 50 && *last - *first > Duration::from_secs(15), "they differ: {waits:?}");
    }

    fn at(milliseconds: u64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, Duration::from_millis(milliseconds))
    }

    /// When the next poll of a repository is due whose last one ended at 0, and which is polled every 100 s.
    fn next_after(hints: &[u64]) -> (Observed, Timestamp) {
        let mut observed = Observed::default();
        let name: RepositoryName = "shop".parse().unwrap();
        observed.schedule_poll(&name, Digest::ZERO, Duration::from_secs(100), false, at(0));
        for hint in hints {
            observed.hint(&name, Digest::ZERO, at(*hint));
        }
        let (_, next) = observed.polls[&name].next.unwrap();
        (observed, next)
    }

    #[test]
    fn a_hint_brings_the_next_poll_forward() {
        let (observed, next) = next_after(&[5000]);
        assert_eq!(next, at(5000));
        assert_eq!(observed.polls[&"shop".parse().unwrap()].hints.forward, 1, "it is asked for anew");
    }

    #[test]
    fn many_hints_ask_for_one_poll_a_second() {
        let (mut observed, _) = next_after(&[5000]);
        let name: RepositoryName = "shop".parse().unwrap();
        let mut polled = Vec::new();
        for now in (5000..8000).step_by(10) {
            observed.hint(&name, Digest::ZERO, at(now));
            if observed.polls[&name].next.unwrap().1 <= at(now) {
                polled.push(now);
                observed.schedule_poll(&name, Digest::ZERO, Duration::from_secs(100), false, at(now));
            }
        }
        assert_eq!(polled, [5000, 6000, 7000]);
    }

    #[test]
    fn a_hint_during_a_poll_is_followed_by_another_poll() {
        let (mut observed, _) = next_after(&[5000]);
        let name: RepositoryName = "shop".parse().unwrap();
        // The poll that was due at 5 s is under way.
        observed.hint(&name, Digest::ZERO, at(5200));
        let before = observed.polls[&name].hints.forward;
        assert_eq!(before, 1, "it is not broken off");
        observed.schedule_poll(&name, Digest::ZERO, Duration::from_secs(100), false, at(5300));
        assert_eq!(observed.polls[&name].next.unwrap().1, at(6000));
        observed.schedule_poll(&name, Digest::ZERO, Duration::from_secs(100), false, at(6100));
        assert!(observed.polls[&name].next.unwrap().1 > at(90_000), "one hint asks for one poll");
    }

    #[test]
    fn a_hint_never_puts_a_poll_off() {
        let mut observed = Observed::default();
        let name: RepositoryName = "shop".parse().unwrap();
        observed.schedule_poll(&name, Digest::ZERO, Duration::from_secs(100), false, at(0));
        observed.hint(&name, Digest::ZERO, at(10));
        observed.schedule_poll(&name, Digest::ZERO, Duration::from_millis(100), false, at(20));
        let before = observed.polls[&name].next;
        observed.hint(&name, Digest::ZERO, at(30));
        assert_eq!(observed.polls[&name].next, before);
    }
}
