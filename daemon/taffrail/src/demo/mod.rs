//! The demo: a story in steps. Each step does something as a person would, and goes on once `/events` and the API
//! server both say what must have happened; a step that is not seen in time ends the demo with the reason.
//!
//! Always: everything lies in one temporary folder and listens on loopback; what was started is stopped at the end.

mod place;
mod repository;
mod witness;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

use taffrail_model::{CommitId, Event, Fact};

use self::place::{Interrupts, Place};
use self::repository::Repository;
use self::witness::Witness;
use crate::output::Output;
use crate::{Failure, text};

/// What the demo is made from.
pub(crate) struct Options {
    /// The control plane's program.
    pub controlplane: PathBuf,
    /// The folder with `overlays/` and `config/demo.yaml`.
    pub sources: PathBuf,
}

const APPLICATIONS: [&str; 3] = ["shop-cluster", "shop-staging", "shop-production"];
const STAGING: [&str; 1] = ["shop-staging"];
/// How many lines of a diff are shown.
const DIFF: usize = 40;
/// How many lines of a status are shown.
const STATUS: usize = 8;
/// Longest time for the first sync: three applications, some 60 objects, a database with a volume.
const FIRST: Duration = Duration::from_secs(180);
/// Longest time for any later step.
const STEP: Duration = Duration::from_secs(90);

/// Tells the story.
pub(crate) fn tell(options: &Options, output: &mut Output) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    let mut interrupts = runtime.block_on(async { Interrupts::new() })?;
    let place = Place::new()?;
    heading(output, "A Kubernetes control plane of its own, a Git repository of the shop, and the daemon")?;
    let kubeconfig = place.start_controlplane(&options.controlplane)?;
    let repository = Repository::make(&place.path("shop"), &options.sources.join("overlays"))?;
    let configuration = place.configure(&options.sources.join("config/demo.yaml"), &repository, &kubeconfig)?;
    let server = place.start_daemon(&configuration)?;
    note(output, &format!("API of the daemon  {server}"))?;
    note(output, &format!("kubeconfig         {}", kubeconfig.display()))?;
    note(output, &format!("repository         {}", repository.path().display()))?;
    let story = runtime.block_on(async {
        tokio::select! {
            biased;
            () = interrupts.wait() => Err(Failure::new("interrupted")),
            told = steps(output, &place, &repository, &server, &kubeconfig) => told,
        }
    });
    if let Err(failure) = story {
        for line in place.log_tail().lines() {
            output.warning(line);
        }
        return Err(failure.hint("above is the end of the daemon's log"));
    }
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        invite(output, &place, &repository, &server, &kubeconfig)?;
        runtime.block_on(interrupts.wait());
    }
    place.end()
}

async fn steps(
    output: &mut Output,
    place: &Place,
    repository: &Repository,
    server: &str,
    kubeconfig: &std::path::Path,
) -> Result<(), Failure> {
    let mut witness = Witness::new(server, kubeconfig).await?;

    heading(output, "The first sync: namespaces and definitions first, then everything else, then a gate on health")?;
    let first = repository.head()?;
    witness.until(output, FIRST, &APPLICATIONS, "SyncSucceeded").await?;
    let before = witness.image("shop-staging", "shop-api").await?;
    note(output, &format!("live in shop-staging: {before}, from {}", first.short()))?;

    heading(output, "Somebody scales by hand: seen, named, and taken back")?;
    let replicas = witness.replicas("shop-staging", "shop-web").await?;
    witness.scale("shop-staging", "shop-web", replicas + 3).await?;
    let healed = witness.until(output, STEP, &STAGING, "DriftHealed").await?;
    expect(names(&healed, "kubectl"), "the event names who changed .spec.replicas")?;
    let now = witness.replicas("shop-staging", "shop-web").await?;
    expect(now == replicas, &format!("the API server shows {replicas} replicas, not {now}"))?;
    note(output, &format!("live again: {replicas} replicas of shop-web, as Git has them"))?;

    heading(output, "What would a release do? diff, of a branch that nobody merged yet")?;
    let proposed = repository.propose("release-1.6.0", "1.6.0-1763769600", "Release 1.6.0 to staging")?;
    let diff = ["diff", "shop-staging", "--revision", "release-1.6.0", "--server", server];
    let difference = place.command_that_exits(1, &diff)?;
    expect(difference.contains("1.6.0-1763769600"), "the diff shows the image that the branch brings")?;
    for line in difference.lines().take(DIFF) {
        output.line(&format!("  {line}"))?;
    }
    expect_image_of(&witness, &before).await?;

    heading(output, "The branch is merged: rolled out, and gated")?;
    let good = repository.merge("release-1.6.0")?;
    expect(good == proposed, "the merge is a fast-forward")?;
    witness.until(output, STEP, &STAGING, "SyncSucceeded").await?;
    expect_image(&witness, "1.6.0-1763769600").await?;
    note(output, &format!("live: 1.6.0, as {} asks; the gate passed", good.short()))?;

    heading(
        output,
        "A commit with an image that cannot be pulled: the gate fails, and the last good state comes back",
    )?;
    let bad = repository.set_image("1.7.0-imagepullfail", "Release 1.7.0 to staging")?;
    let failed = witness.until(output, STEP, &STAGING, "GateFailed").await?;
    let reverted = witness.until(output, STEP, &STAGING, "Reverted").await?;
    expect_image(&witness, "1.6.0-1763769600").await?;
    let started = witness.find(&failed, |event| is_start_of(event, &bad)).await?;
    let seconds = reverted.envelope.time.duration_since(started.envelope.time).as_secs_f64();
    note(
        output,
        &format!("live again: 1.6.0; from the start of the bad sync to the end of the revert {seconds:.1} s"),
    )?;

    heading(output, "status --at: as it was before the revert")?;
    let at = failed.seq().to_string();
    let then = place.command_that_exits(0, &["status", "shop-staging", "--at", &at, "--server", server])?;
    expect(then.contains(bad.short()), "the past shows the bad commit")?;
    for line in then.lines().take(STATUS) {
        output.line(&format!("  {line}"))?;
    }

    heading(output, "The next commit mends it")?;
    let mended = repository.set_image("1.7.1-1763776800", "Release 1.7.1 to staging, with an image that exists")?;
    witness.until(output, STEP, &STAGING, "SyncSucceeded").await?;
    expect_image(&witness, "1.7.1-1763776800").await?;
    note(output, &format!("live: 1.7.1, as {} asks", mended.short()))?;

    heading(output, "What /events says of the revert: who, what, when and why")?;
    let mut why = Some(reverted);
    let mut chain = Vec::new();
    // From the end back along the causes; a chain is as long as the story.
    while let (Some(event), true) = (why.take(), chain.len() < 20) {
        why = witness.cause(&event).await?;
        chain.push(event);
    }
    for event in chain.iter().rev() {
        let line = text::line(&witness.stored(event).await?, output);
        output.line(&format!("  {line}"))?;
    }
    expect(
        chain
            .iter()
            .any(|event| matches!(&event.envelope.fact, Fact::RevisionObserved { revision, .. } if *revision == bad)),
        "the causes of the revert lead to the bad commit",
    )?;

    heading(output, "verify: every event is chained to the one before")?;
    let verified = place.command(&["verify", "--server", server])?;
    note(output, verified.trim())
}

fn is_start_of(event: &Event, commit: &CommitId) -> bool {
    matches!(&event.envelope.fact, Fact::SyncStarted { revision, .. } if revision == commit)
}

/// Whether the event names this manager.
fn names(event: &Event, manager: &str) -> bool {
    let Fact::DriftHealed { fields, .. } = &event.envelope.fact else { return false };
    fields.iter().any(|field| field.manager.as_ref().is_some_and(|name| name.contains(manager)))
}

async fn expect_image_of(witness: &Witness, wanted: &str) -> Result<(), Failure> {
    let image = witness.image("shop-staging", "shop-api").await?;
    expect(image == wanted, &format!("a diff writes nothing: the image is still {wanted}, not {image}"))
}

async fn expect_image(witness: &Witness, tag: &str) -> Result<(), Failure> {
    let image = witness.image("shop-staging", "shop-api").await?;
    expect(image.ends_with(&format!(":{tag}")), &format!("the API server shows the image {tag}, not {image}"))
}

fn expect(seen: bool, what: &str) -> Result<(), Failure> {
    if seen { Ok(()) } else { Err(Failure::new(format!("a step was not seen: {what}"))) }
}

fn heading(output: &mut Output, text: &str) -> Result<(), Failure> {
    output.line("")?;
    output.line(&format!("== {text}"))?;
    Ok(output.flush()?)
}

fn note(output: &mut Output, text: &str) -> Result<(), Failure> {
    output.line(&format!("   {text}"))?;
    Ok(output.flush()?)
}

fn invite(
    output: &mut Output,
    place: &Place,
    repository: &Repository,
    server: &str,
    kubeconfig: &std::path::Path,
) -> Result<(), Failure> {
    heading(output, "It stays up until Ctrl-C. Try:")?;
    let program = place.program();
    for line in [
        format!(
            "cd {} && $EDITOR overlays/staging/kustomization.yaml && git commit -am 'My change'",
            repository.path().display()
        ),
        format!("{program} events --server {server} --follow"),
        format!("{program} status --server {server} shop-staging"),
        format!("curl '{server}/events?application=shop-staging&kind=GateFailed'"),
        format!("curl {server}/metrics"),
        format!("kubectl --kubeconfig {} get pods -A", kubeconfig.display()),
    ] {
        note(output, &line)?;
    }
    Ok(())
}
