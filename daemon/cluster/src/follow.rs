//! Follows objects of a kind: a list that is streamed by a watch, then its changes, from connection to connection.
//!
//! Always: after [`WatchEvent::Lost`] comes `Resumed` or `Listed` before what is known counts as fresh again. A watch
//! goes on from the last resourceVersion that it saw, or lists anew. Nothing is told of an end that the server planned.
//!
//! Why not kube's watcher: it does not tell an outage from a quiet hour, and lists where a watch would do.

mod session;

use std::sync::Arc;
use std::time::Duration;

use taffrail_model::{Watch, WatchEvent};
use taffrail_ports::BoxStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::jitter;
use crate::kube_cluster::Inner;

const FIRST_BACK_OFF: Duration = Duration::from_millis(250);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(10);
/// Longest wait that a server's Retry-After gets of a watch.
const LONGEST_PATIENCE: Duration = Duration::from_secs(60);
/// A kind that is not known is looked for so often; sooner when another refresh of discovery shows it.
const ABSENT_KIND: Duration = Duration::from_secs(30);
/// Most events that wait for whoever reads them; then the connection is not read.
const MOST_WAITING: usize = 1024;

/// Watches until the stream is dropped.
pub(crate) fn watch(inner: Arc<Inner>, watch: Watch, runtime: &Handle) -> BoxStream<'static, WatchEvent> {
    let (events, waiting) = mpsc::channel(MOST_WAITING);
    let task = Abort(runtime.spawn(Follower::new(inner, watch, events).run()).abort_handle());
    Box::pin(futures_util::stream::unfold((waiting, task), async |(mut waiting, task)| {
        waiting.recv().await.map(|event| (event, (waiting, task)))
    }))
}

struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Follower {
    inner: Arc<Inner>,
    watch: Watch,
    events: mpsc::Sender<WatchEvent>,
    /// Up to where it was seen; none before the first list, and when a list is due again.
    seen: Option<String>,
    /// Why it is lost, as last told.
    lost: Option<String>,
    /// That the kind is not served has been told.
    absent: bool,
    /// Whether the server streams lists; until it is known better.
    streams_lists: bool,
    /// Whether bookmarks came: only then is silence a sign.
    bookmarks: bool,
    back_off: Duration,
}

/// How a session ended.
enum End {
    /// As the server planned.
    Closed,
    /// What was seen is too old to go on from.
    Expired,
    /// The kind is not served.
    Absent,
    /// Nothing came for too long.
    Silent,
    /// It failed, and the server may ask for patience.
    Failed(String, Option<Duration>),
}

impl Follower {
    fn new(inner: Arc<Inner>, watch: Watch, events: mpsc::Sender<WatchEvent>) -> Self {
        Self {
            inner,
            watch,
            events,
            seen: None,
            lost: None,
            absent: false,
            streams_lists: true,
            bookmarks: false,
            back_off: FIRST_BACK_OFF,
        }
    }

    /// Ends by being aborted.
    async fn run(mut self) {
        loop {
            let began = Instant::now();
            let end = self.session().await;
            if began.elapsed() > LONGEST_BACK_OFF {
                self.back_off = FIRST_BACK_OFF;
            }
            match end {
                // One that ends as soon as it began would come again at once, for ever.
                End::Closed if began.elapsed() > FIRST_BACK_OFF => {}
                End::Closed => self.pause(None).await,
                End::Expired => {
                    self.seen = None;
                    self.pause(None).await;
                }
                End::Absent => self.wait_for_kind().await,
                End::Silent if self.bookmarks => {
                    let silence = self.inner.options.silence;
                    self.lose(format!("nothing came from the API server for {silence:?}")).await;
                }
                End::Silent => {}
                End::Failed(reason, patience) => {
                    self.lose(reason).await;
                    self.pause(patience).await;
                }
            }
        }
    }

    async fn tell(&mut self, event: WatchEvent) {
        match &event {
            WatchEvent::Lost(reason) => self.lost = Some(reason.clone()),
            WatchEvent::Listed(_) | WatchEvent::Resumed => self.lost = None,
            WatchEvent::Changed(_) | WatchEvent::Removed(_) => {}
        }
        // Fails only when nobody listens, and then this task is being aborted.
        let _ = self.events.send(event).await;
    }

    async fn lose(&mut self, reason: String) {
        if self.lost.as_ref() != Some(&reason) {
            self.tell(WatchEvent::Lost(reason)).await;
        }
    }

    async fn pause(&mut self, patience: Option<Duration>) {
        let half = self.back_off / 2;
        let pause = half + jitter::below(half);
        self.back_off = LONGEST_BACK_OFF.min(self.back_off * 2);
        tokio::time::sleep(pause.max(patience.unwrap_or_default().min(LONGEST_PATIENCE))).await;
    }

    async fn wait_for_kind(&mut self) {
        self.seen = None;
        if !self.absent || self.lost.is_some() {
            self.tell(WatchEvent::Listed(Vec::new())).await;
        }
        self.absent = true;
        let Watch { api_version, kind, .. } = &self.watch;
        self.inner.discovery.appears(api_version, kind, ABSENT_KIND).await;
    }
}
