//! Mirrors that a crash, a full disk or a person damaged: made anew, and never read as empty.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use taffrail_model::Relation;

use crate::support::World;

type Damage = fn(&Path);

#[test]
fn a_damaged_mirror_is_made_anew() {
    let damages: [(&str, Damage); 9] = [
        ("an empty folder", |mirror| {
            fs::remove_dir_all(mirror).unwrap();
            fs::create_dir(mirror).unwrap();
        }),
        ("a file in its place", |mirror| {
            fs::remove_dir_all(mirror).unwrap();
            fs::write(mirror, "x").unwrap();
        }),
        ("no HEAD", |mirror| fs::remove_file(mirror.join("HEAD")).unwrap()),
        ("an empty HEAD", |mirror| fs::write(mirror.join("HEAD"), "").unwrap()),
        ("a config that is none", |mirror| fs::write(mirror.join("config"), "[[[").unwrap()),
        ("an empty reference", |mirror| fs::write(mirror.join("refs/taffrail/head"), "").unwrap()),
        ("half a pack", |mirror| pack(mirror, "pack", |length| length / 2)),
        ("an empty pack", |mirror| pack(mirror, "pack", |_| 0)),
        ("half an index", |mirror| pack(mirror, "idx", |length| length / 2)),
    ];
    for (what, damage) in damages {
        let world = World::new();
        let known = world.fetch(None).unwrap().revision;
        let head = world.commit("Second");
        damage(&world.mirror());
        let seen = world.fetch(Some(&known)).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!((&seen.revision, seen.relation, seen.count), (&head, Relation::Descendant, 1), "{what}");
        world.assert_reads(&head, "a", "one");
    }
}

#[test]
fn damage_that_only_a_read_finds_is_healed_by_the_next_fetch() {
    let world = World::new();
    let first = world.fetch(None).unwrap().revision;
    let old = packs(&world.mirror(), "pack");
    world.write("b", "two");
    let head = world.commit("Second");
    world.fetch(Some(&first)).unwrap();
    // The file `a` is only in the old pack.
    assert_eq!(old.len(), 1);
    truncate(&old[0], |length| length / 2);
    let mirrors = taffrail_git::Mirrors::new(world.folder.path().join("mirrors"));
    let world = World { mirrors, ..world };
    assert!(world.entry(&head, "a").unwrap_err().to_string().contains("the next fetch makes it anew"));
    assert_eq!(world.fetch(Some(&head)).unwrap().count, 0);
    world.assert_reads(&head, "a", "one");
}

#[test]
fn what_a_killed_fetch_leaves_is_swept() {
    let world = World::new();
    let known = world.fetch(None).unwrap().revision;
    let mirror = world.mirror();
    let left = ["objects/pack/pack_git2_x1y2z3", "refs/taffrail/head.lock", "refs/taffrail/fetched.lock"];
    for path in left {
        fs::write(mirror.join(path), "half").unwrap();
    }
    let half = mirror.with_extension("new");
    fs::create_dir_all(half.join("objects")).unwrap();
    let inode = |path: &Path| std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap());
    let before = inode(&mirror);
    let head = world.commit("Second");
    assert_eq!(world.fetch(Some(&known)).unwrap().revision, head);
    assert_eq!(inode(&mirror), before, "it was only swept");
    assert!(left.iter().all(|path| !mirror.join(path).exists()));

    fs::remove_dir_all(&mirror).unwrap();
    assert_eq!(world.fetch(Some(&known)).unwrap().count, 1);
    assert!(!half.exists());
}

#[test]
fn a_damaged_mirror_stays_until_there_is_another() {
    let world = World::new();
    let known = world.fetch(None).unwrap().revision;
    fs::write(world.mirror().join("HEAD"), "").unwrap();
    let away = world.folder.path().join("away");
    fs::rename(world.work(), &away).unwrap();
    assert!(world.fetch(Some(&known)).is_err());
    assert_eq!(packs(&world.mirror(), "pack").len(), 1);
    fs::rename(&away, world.work()).unwrap();
    assert_eq!(world.fetch(Some(&known)).unwrap().count, 0);
}

fn packs(mirror: &Path, extension: &str) -> Vec<PathBuf> {
    let files = fs::read_dir(mirror.join("objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == extension)).collect()
}

fn pack(mirror: &Path, extension: &str, length: fn(u64) -> u64) {
    let packs = packs(mirror, extension);
    assert!(!packs.is_empty());
    packs.iter().for_each(|path| truncate(path, length));
}

fn truncate(path: &Path, length: fn(u64) -> u64) {
    let size = fs::metadata(path).unwrap().len();
    let mut permissions = fs::metadata(path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(path, permissions).unwrap();
    OpenOptions::new().write(true).open(path).unwrap().set_len(length(size)).unwrap();
}
