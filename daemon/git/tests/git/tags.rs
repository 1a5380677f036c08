//! Which tag is followed, and what is told of it.

use taffrail_model::configuration::Repository;
use taffrail_model::{CommitId, Reference, Relation};
use taffrail_ports::repositories::RepositoryError;

use crate::https::{push, serve};
use crate::support::{World, run};

/// A world that follows `tag` or `semver`, with these tags, each of a commit of its own.
fn tagged(kind: &str, value: &str, tags: &[&str]) -> World {
    let mut world = World::new();
    follow(&mut world.repository, kind, value);
    for tag in tags {
        world.commit(tag);
        world.git(&["tag", tag]);
    }
    world
}

fn follow(repository: &mut Repository, kind: &str, value: &str) {
    repository.reference = match kind {
        "tag" => Reference::Tag(value.parse().unwrap()),
        _ => Reference::Semver(value.parse().unwrap()),
    };
}

fn commit_of(world: &World, name: &str) -> CommitId {
    world.git(&["rev-parse", &format!("{name}^{{commit}}")]).parse().unwrap()
}

#[test]
fn the_highest_version_of_a_pattern_is_followed() {
    let world = tagged("tag", "v*", &["v1.10", "v1.9", "w2", "v-test"]);
    let seen = world.fetch(None).unwrap();
    assert_eq!((seen.revision, seen.tag.as_deref()), (commit_of(&world, "v1.10"), Some("v1.10")));
    assert_eq!((seen.relation, seen.count), (Relation::First, 1));
}

#[test]
fn a_range_follows_its_highest_version_and_no_prerelease() {
    let mut world = tagged("semver", ">=1.4 <2", &["v1.4.0", "v1.9.0", "v1.10.0-rc.1", "v2.0.0"]);
    assert_eq!(world.fetch(None).unwrap().tag.as_deref(), Some("v1.9.0"));
    follow(&mut world.repository, "semver", ">=1.10.0-rc.0 <2");
    assert_eq!(world.fetch(None).unwrap().tag.as_deref(), Some("v1.10.0-rc.1"));
}

#[test]
fn tags_that_are_no_versions_are_ordered_by_their_commits_date() {
    let world = tagged("tag", "stable-*", &[]);
    let dated = |name: &str, time: &str| {
        let id = world.git(&["commit-tree", "HEAD^{tree}", "-m", name]);
        let raw = world.git(&["cat-file", "commit", &id]);
        let (before, rest) = raw.split_once("committer ").unwrap();
        let (_, after) = rest.split_once('\n').unwrap();
        let raw = format!("{before}committer Ada <ada@example.org> {time} +0000\n{after}\n");
        let id = run(&world.work(), &["hash-object", "-t", "commit", "-w", "--stdin"], raw.as_bytes());
        world.git(&["tag", "--annotate", "--message", "x", name, &id]);
    };
    dated("stable-b", "1700000300");
    dated("stable-a", "1700000500");
    dated("stable-c", "1700000100");
    world.git(&["tag", "stable-tree", "HEAD^{tree}"]);
    let seen = world.fetch(None).unwrap();
    assert_eq!((seen.tag.as_deref(), &seen.revision), (Some("stable-a"), &commit_of(&world, "stable-a")));

    dated("stable-d", "1700000400");
    world.git(&["tag", "--delete", "stable-c"]);
    assert_eq!(world.fetch_after(Some(&seen.revision), Some("stable-a")).unwrap().count, 0);
    let kept = run(&world.mirror(), &["for-each-ref", "--format=%(refname:lstrip=3)", "refs/taffrail/tags"], b"");
    assert_eq!(kept, "stable-a\nstable-b\nstable-d", "what is gone there is let go of here");
}

#[test]
fn a_newer_tag_is_told_with_its_commits() {
    let world = tagged("tag", "v*", &["v1"]);
    let known = world.fetch(None).unwrap();
    world.commit("More");
    let head = world.commit("Still more");
    world.git(&["tag", "--annotate", "--message", "Two", "v2"]);
    let seen = world.fetch_after(Some(&known.revision), Some("v1")).unwrap();
    assert_eq!((&seen.revision, seen.tag.as_deref()), (&head, Some("v2")));
    assert_eq!((seen.relation, seen.count), (Relation::Descendant, 2));
}

#[test]
fn a_tag_that_is_moved_is_told_wherever_it_is_moved_to() {
    let world = tagged("tag", "v*", &["v1"]);
    let known = world.fetch(None).unwrap().revision;
    let head = world.commit("Not in v1 yet");
    world.git(&["tag", "--force", "v1"]);
    let seen = world.fetch_after(Some(&known), Some("v1")).unwrap();
    assert_eq!((&seen.revision, seen.relation, seen.count), (&head, Relation::TagMoved, 1));

    world.git(&["tag", "--force", "v1", known.as_str()]);
    let seen = world.fetch_after(Some(&head), Some("v1")).unwrap();
    assert_eq!((&seen.revision, seen.relation, seen.count), (&known, Relation::TagMoved, 0));
    assert_eq!(world.fetch_after(Some(&known), Some("v1")).unwrap().relation, Relation::Descendant);
}

#[test]
fn a_tag_that_is_deleted_gives_way_to_the_newest_that_is_left() {
    let world = tagged("tag", "v*", &["v1", "v2"]);
    let known = world.fetch(None).unwrap().revision;
    world.git(&["tag", "--delete", "v2"]);
    let seen = world.fetch_after(Some(&known), Some("v2")).unwrap();
    assert_eq!((seen.revision, seen.tag.as_deref()), (commit_of(&world, "v1"), Some("v1")));
    assert_eq!(seen.relation, Relation::TagDeleted);

    world.git(&["tag", "--delete", "v1"]);
    let error = world.fetch_after(Some(&known), Some("v1")).unwrap_err();
    assert!(matches!(&error, RepositoryError::NoReference { .. }), "{error}");
    assert!(error.to_string().ends_with("has no tag like \"v*\""), "{error}");
}

#[test]
fn a_tag_of_another_line_is_told_as_such() {
    let world = tagged("tag", "v*", &["v1.9"]);
    let known = world.fetch(None).unwrap().revision;
    world.git(&["checkout", "--quiet", "-b", "old", "HEAD^"]);
    world.commit("Elsewhere");
    world.git(&["tag", "v2"]);
    let seen = world.fetch_after(Some(&known), Some("v1.9")).unwrap();
    assert_eq!((seen.tag.as_deref(), seen.relation, seen.count), (Some("v2"), Relation::OtherTag, 1));
}

#[test]
fn a_tag_that_leads_to_no_commit_is_named() {
    let world = tagged("tag", "v*", &["v1"]);
    world.git(&["tag", "v2", "HEAD^{tree}"]);
    for _ in 0..2 {
        let error = world.fetch(None).unwrap_err().to_string();
        assert!(error.ends_with("the tag \"v2\" leads to no commit"), "{error}");
    }
    world.git(&["tag", "--delete", "v2"]);
    assert_eq!(world.fetch(None).unwrap().tag.as_deref(), Some("v1"));
}

#[test]
fn over_https_only_the_tag_that_is_followed_is_fetched() {
    let (mut world, _server) = serve(&[]);
    for number in 1..=3 {
        world.git(&["checkout", "--quiet", "--detach", "main"]);
        world.write("a", format!("tag {number}"));
        world.commit("Tagged");
        world.git(&["tag", "--annotate", "--message", "x", &format!("v1.{number}")]);
    }
    push(&world, &["--tags"]);
    follow(&mut world.repository, "semver", "^1");
    let seen = world.fetch(None).unwrap();
    assert_eq!((seen.tag.as_deref(), &seen.revision), (Some("v1.3"), &commit_of(&world, "v1.3")));
    world.assert_reads(&seen.revision, "a", "tag 3");
    for other in ["v1.1", "v1.2"] {
        assert!(world.entry(&commit_of(&world, other), "a").is_err(), "{other} is not here");
    }
    let packs = || std::fs::read_dir(world.mirror().join("objects/pack")).unwrap().count();
    let before = packs();
    assert_eq!(world.fetch_after(Some(&seen.revision), Some("v1.3")).unwrap().count, 0);
    assert_eq!(packs(), before, "a poll that finds nothing new brings nothing");
}
