//! What a build refuses, and how it says so: file, line, column, what, and what to do.

use std::fs;

use taffrail_kustomize::{FolderFiles, Limits, MemoryFiles, RepositoryPath, TreeEntry, build};

const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: config}\n";

fn fault(files: &[(&str, &str)], path: &str) -> String {
    fault_within(files, path, &Limits::default())
}

fn fault_within(files: &[(&str, &str)], path: &str, limits: &Limits) -> String {
    let files = MemoryFiles::new(files.iter().copied());
    let path = RepositoryPath::new(path).expect("a path");
    build(&files, &path, limits).expect_err("a build with faults").to_string()
}

#[track_caller]
fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no {part:?} in\n{message}");
    }
}

#[test]
fn every_unsupported_field_is_named() {
    for field in [
        "openapi",
        "replacements",
        "vars",
        "sortOptions",
        "crds",
        "helmGlobals",
        "helmCharts",
        "helmChartInflationGenerator",
        "configurations",
        "generators",
        "transformers",
        "validators",
        "buildMetadata",
    ] {
        let message = fault(&[("kustomization.yaml", &format!("namePrefix: x\n{field}: []\n"))], "");
        assert_eq!(message, format!("kustomization.yaml:2:1: \"{field}\" is not supported yet"));
    }
}

#[test]
fn independent_faults_come_together() {
    let files = [
        (
            "kustomization.yaml",
            "resorces: []\nresources: [missing.yaml, bad.yaml, https://example.org/x, base]\nimages: [{name: a, newTag: 1.10}]\n",
        ),
        ("bad.yaml", "kind: ConfigMap\nmetadata: {}\n---\na: [\n"),
        ("base/kustomization.yaml", "resources: [nameless.yaml]\n"),
        ("base/nameless.yaml", "apiVersion: v1\nmetadata: {name: x}\n"),
    ];
    let message = fault(&files, "");
    says(
        &message,
        &[
            "kustomization.yaml:1:1: unknown key \"resorces\" (did you mean \"resources\"?)",
            "kustomization.yaml:2:13: the resource missing.yaml does not exist",
            "bad.yaml:4:4: is not valid YAML",
            "is remote; remote bases and files are not supported",
            "\"newTag\" should be a string, but is a number (put it in quotes)",
            "base/nameless.yaml:1:1: an object here has no kind",
        ],
    );
}

#[test]
fn a_generated_name_is_no_name() {
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: migrate-}\n";
    let files = [("kustomization.yaml", "resources: [a.yaml]"), ("a.yaml", job)];
    let expected = "a.yaml:1:1: an object here has no metadata.name (with generateName the server would make another \
                    one each time it is applied: give it a name)";
    assert_eq!(fault(&files, ""), expected);
}

#[test]
fn twins_name_both_files() {
    let files = [("kustomization.yaml", "resources: [a.yaml, b.yaml]"), ("a.yaml", CONFIG), ("b.yaml", CONFIG)];
    says(&fault(&files, ""), &["b.yaml:1:1: ConfigMap config is there already, from a.yaml:1"]);
}

#[test]
fn cycles_show_the_way() {
    let files = [("a/kustomization.yaml", "resources: [../b]"), ("b/kustomization.yaml", "resources: [../a]")];
    says(&fault(&files, "a"), &["b/kustomization.yaml:1:13: is a cycle of bases: a -> b -> a"]);
}

#[test]
fn nothing_leaves_the_repository() {
    let kustomization =
        |path: &str| format!("resources: [{path}]\nconfigMapGenerator: [{{name: x, files: [../k/../../y]}}]\n");
    says(
        &fault(&[("k/kustomization.yaml", &kustomization("../../x"))], "k"),
        &["the resource ../../x leaves the repository"],
    );
    says(
        &fault(&[("k/kustomization.yaml", &kustomization("/etc/passwd"))], "k"),
        &["the resource /etc/passwd is absolute"],
    );
    let outside = [("k/kustomization.yaml", "resources: [../c.yaml]"), ("c.yaml", CONFIG)];
    says(&fault(&outside, "k"), &["k/kustomization.yaml:1:13: the resource ../c.yaml is c.yaml, outside of"]);

    let link = |target: &str| {
        let mut files =
            MemoryFiles::new([("k/kustomization.yaml", "resources: [link.yaml]"), ("k/real/c.yaml", CONFIG)]);
        let path = RepositoryPath::new("k/link.yaml").expect("a path");
        files.insert(path, TreeEntry::Symlink(target.to_owned()));
        build(&files, &RepositoryPath::new("k").expect("a path"), &Limits::default())
    };
    assert_eq!(link("real/c.yaml").expect("a link that stays").objects.len(), 1);
    for target in ["../../c.yaml", "/etc/passwd"] {
        let message = link(target).expect_err("a link that leaves").to_string();
        says(&message, &["goes through the symlink k/link.yaml, which leaves the repository"]);
    }
    says(&link("link.yaml").expect_err("a link to itself").to_string(), &["more than 40 symlinks"]);
}

#[test]
fn patches_say_which_operation_failed_and_where() {
    let with = |patches: &str| {
        let kustomization = format!("resources: [c.yaml]\npatches:\n{patches}");
        fault(
            &[
                ("kustomization.yaml", &kustomization),
                ("c.yaml", CONFIG),
                ("p.yaml", "- op: add\n  path: /data/x\n  value: 1\n"),
            ],
            "",
        )
    };
    says(
        &with("- {path: p.yaml, target: {kind: ConfigMap}}\n"),
        &["p.yaml:1:3: add /data/x: there is no mapping", "c.yaml:1"],
    );
    says(&with("- {path: p.yaml}\n"), &["kustomization.yaml:3:3: a JSON6902 patch needs a target"]);
    says(&with("- {path: p.yaml, patch: x}\n"), &["has both"]);
    says(
        &with("- {path: p.yaml, target: {kind: \"(\"}}\n"),
        &["kustomization.yaml:3:27: \"kind\" is not a regular expression"],
    );
    let missing = "- patch: |-\n    apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: confg}\n";
    says(&with(missing), &["no object is ConfigMap confg of v1", "did you mean config?"]);
}

#[test]
fn values_of_secrets_are_not_shown() {
    let files = [
        ("kustomization.yaml", "secretGenerator: [{name: s, literals: [hunter2]}]\nresources: [s.yaml]\n"),
        ("s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {a: hunter2, a: hunter2}\n"),
    ];
    let message = fault(&files, "");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn every_limit_says_itself() {
    let limits = Limits::default();
    let files = [
        ("kustomization.yaml", "resources: [a.yaml, b]"),
        ("a.yaml", CONFIG),
        ("b/kustomization.yaml", "namePrefix: x"),
    ];
    says(&fault_within(&files, "", &Limits { bytes: 30, ..limits }), &["limit of 30 bytes"]);
    says(&fault_within(&files, "", &Limits { objects: 0, ..limits }), &["limit of 0 objects"]);
    says(&fault_within(&files, "", &Limits { kustomizations: 1, ..limits }), &["limit of 1 kustomizations"]);
    says(&fault_within(&files, "", &Limits { nesting: 1, ..limits }), &["1 levels of bases"]);
    let yaml = taffrail_yaml::Limits { nodes: 6, ..limits.yaml };
    says(&fault_within(&files, "", &Limits { yaml, ..limits }), &["a.yaml:", "limit of 6 nodes"]);
    let patched = [("kustomization.yaml", "resources: [a.yaml]\npatches: [{path: a.yaml}]"), ("a.yaml", CONFIG)];
    says(&fault_within(&patched, "", &Limits { written: 0, ..limits }), &["limit of 0 bytes written"]);
}

#[test]
fn a_folder_on_disk_reaches_its_sibling_base_within_the_work_tree() {
    let home = tempfile::tempdir().expect("a temporary folder");
    for (path, text) in [
        ("base/kustomization.yaml", "resources: [c.yaml]"),
        ("base/c.yaml", CONFIG),
        ("over/kustomization.yaml", "resources: [../base]"),
    ] {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    fs::create_dir(home.path().join(".git")).expect("made");
    let (files, path) = FolderFiles::enclosing(&home.path().join("over")).expect("a folder");
    assert_eq!(path.as_str(), "over");
    assert_eq!(build(&files, &path, &Limits::default()).expect("a build").objects.len(), 1);
    let alone = FolderFiles::new(home.path().join("over"));
    let message = build(&alone, &RepositoryPath::root(), &Limits::default()).expect_err("outside").to_string();
    says(&message, &["the resource ../base leaves the repository"]);
}
