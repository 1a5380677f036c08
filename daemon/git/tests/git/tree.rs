//! What a revision's tree holds.

use std::fs;

use taffrail_git::LARGEST_FILE;
use taffrail_ports::repositories::{Entry, RepositoryError};

use crate::support::{World, run};

#[test]
fn entries_are_files_links_and_folders() {
    let world = World::new();
    world.write("base/shop.yaml", "kind: Deployment");
    world.link("base/link.yaml", "../../etc/passwd");
    world.link("folder", "base");
    world.commit("Entries");
    let head = world.fetch(None).unwrap().revision;
    let entry = |path| world.entry(&head, path).unwrap();
    assert_eq!(entry(""), Some(Entry::Folder));
    assert_eq!(entry("base"), Some(Entry::Folder));
    assert_eq!(entry("base/shop.yaml"), Some(Entry::File(b"kind: Deployment".to_vec())));
    assert_eq!(entry("base/link.yaml"), Some(Entry::Link("../../etc/passwd".to_owned())));
    assert_eq!(entry("folder"), Some(Entry::Link("base".to_owned())));
    for absent in ["b", "folder/shop.yaml", "a/b", "base/", "/base", "base//shop.yaml", "base/../a", "./a", "a\0"] {
        assert_eq!(entry(absent), None, "{absent:?}");
    }
}

#[test]
fn a_submodule_is_named() {
    let world = World::new();
    let id = world.head();
    world.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{id},vendor/charts")]);
    world.git(&["commit", "--quiet", "--message", "Submodule"]);
    let head = world.fetch(None).unwrap().revision;
    assert_eq!(world.entry(&head, "vendor").unwrap(), Some(Entry::Folder));
    for path in ["vendor/charts", "vendor/charts/shop.yaml"] {
        let error = world.entry(&head, path).unwrap_err();
        assert!(error.to_string().starts_with("cannot read vendor/charts: it is a submodule"), "{error}");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let world = World::new();
    world.write("fits", vec![0; LARGEST_FILE]);
    world.write("large", vec![0; LARGEST_FILE + 1]);
    let head = world.commit("Large");
    world.fetch(None).unwrap();
    assert!(matches!(world.entry(&head, "fits").unwrap(), Some(Entry::File(_))));
    let error = world.entry(&head, "large").unwrap_err();
    assert!(matches!(error, RepositoryError::File { .. }), "{error}");
}

#[test]
fn a_tree_that_lies_about_an_object_is_an_error() {
    let world = World::new();
    let folder = world.git(&["rev-parse", "HEAD^{tree}"]);
    let lie = run(&world.work(), &["mktree", "--missing"], format!("040000 tree {folder}\tok\n").as_bytes());
    let mut raw = b"100644 lie\0".to_vec();
    raw.extend((0..40).step_by(2).map(|i| u8::from_str_radix(&lie[i..i + 2], 16).unwrap()));
    let root = run(&world.work(), &["hash-object", "-t", "tree", "-w", "--stdin", "--literally"], &raw);
    let id = world.git(&["commit-tree", &root, "-m", "Lie"]);
    world.git(&["reset", "--quiet", "--soft", &id]);
    let head = world.fetch(None).unwrap().revision;
    let error = world.entry(&head, "lie").unwrap_err();
    assert!(error.to_string().contains("is a tree, not a file"), "{error}");
}

#[test]
fn a_revision_that_was_not_fetched_is_an_error() {
    let world = World::new();
    let head = world.head();
    assert!(world.entry(&head, "a").unwrap_err().to_string().contains("not fetched yet"));
    world.fetch(None).unwrap();
    let later = world.commit("Later");
    assert!(world.entry(&later, "a").unwrap_err().to_string().contains("is not in it"));
    fs::remove_dir_all(world.work()).unwrap();
    world.assert_reads(&head, "a", "one");
}
