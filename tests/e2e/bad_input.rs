//! Commits that cannot be taken: each says what and where, the last good state stays, and other applications go on.

use std::time::Duration;

use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::git::GitRepository;
use taffrail_tests::manifests::{config_map, kustomization, yaml};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::wait;

/// Plays a bad commit, whose event (`kind`) must say each of `parts`.
fn refused(name: &str, spoil: impl Fn(&GitRepository), kind: &str, parts: &[&str]) {
    let scene = Scene::new(name);
    let neighbour = GitRepository::new();
    let write = |value: &str| {
        neighbour.write("app/kustomization.yaml", kustomization(["settings.yaml"]));
        neighbour.write("app/settings.yaml", config_map("neighbour", value));
        neighbour.commit_tree(value)
    };
    write("one");
    scene.deploy(&[("settings.yaml", config_map("settings", "good"))], "good");
    let settings = scene.settings().with("sync/timeout", "3s").repository("neighbour", &neighbour.url());
    let daemon = Daemon::start(&settings.application("neighbour", "neighbour", "app", scene.namespace.name()));
    let good = daemon.expect_of(SHOP, 0, "SyncSucceeded");
    let other = daemon.expect_of("neighbour", 0, "SyncSucceeded");

    spoil(&scene.repository);
    let revision = scene.repository.commit_tree("bad");
    let refused = daemon.expect_of(SHOP, good.seq(), kind);
    let said = words(&refused);
    for part in parts {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    if kind != "SyncFailed" {
        assert_eq!(refused.text("/revision"), revision);
    }
    write("two");
    daemon.expect_of("neighbour", other.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("neighbour").as_deref(), Some("two"));
    wait::throughout(Duration::from_secs(1), || assert_eq!(scene.value_of("settings").as_deref(), Some("good")));
    if kind != "SyncFailed" {
        let application = daemon.application(SHOP);
        assert_eq!(application["live"]["digest"], *good.field("/desired"), "{application:#}");
        assert!(daemon.events_after(refused.seq(), SHOP).is_empty());
    }
}

/// All that an event says, without the quotes of JSON.
fn words(event: &Event) -> String {
    let mut words = event.texts("/errors").join("\n");
    for reason in event.field("/objects").as_array().into_iter().flatten() {
        words += reason["reason"].as_str().unwrap_or_default();
    }
    words + event.text("/reason") + event.text("/verdict")
}

#[test]
fn malformed_yaml_is_named_with_file_line_and_column() {
    let spoil = |git: &GitRepository| git.write("app/settings.yaml", "kind: ConfigMap\ndata: {\n  value: [1\n");
    refused("malformed", spoil, "RenderFailed", &["app/settings.yaml:", "is not valid YAML"]);
}

#[test]
fn an_unknown_field_of_a_kustomization_is_named_with_its_place_and_what_was_meant() {
    let spoil =
        |git: &GitRepository| git.write("app/kustomization.yaml", "resources: [settings.yaml]\nnamePrefx: x-\n");
    refused("unknown-field", spoil, "RenderFailed", &["app/kustomization.yaml:2:1", "namePrefx", "namePrefix"]);
}

#[test]
fn a_field_that_is_not_supported_is_never_ignored() {
    let spoil =
        |git: &GitRepository| git.write("app/kustomization.yaml", "resources: [settings.yaml]\nreplacements: []\n");
    refused("unsupported", spoil, "RenderFailed", &["app/kustomization.yaml:2:1", "\"replacements\" is not supported"]);
}

#[test]
fn a_missing_file_is_named_where_it_is_asked_for() {
    let spoil =
        |git: &GitRepository| git.write("app/kustomization.yaml", "resources:\n- settings.yaml\n- missing.yaml\n");
    refused("missing", spoil, "RenderFailed", &["app/kustomization.yaml:3:3", "missing.yaml does not exist"]);
}

#[test]
fn a_cycle_of_bases_shows_its_way() {
    let spoil = |git: &GitRepository| {
        git.write("app/kustomization.yaml", "resources: [../base]\n");
        git.write("base/kustomization.yaml", "resources: [../app]\n");
    };
    refused("cycle", spoil, "RenderFailed", &["base/kustomization.yaml:1:13", "app -> base -> app"]);
}

#[test]
fn a_path_out_of_the_repository_is_refused() {
    let spoil = |git: &GitRepository| git.write("app/kustomization.yaml", "resources: [../../../etc/passwd]\n");
    refused("dots", spoil, "RenderFailed", &["app/kustomization.yaml:1:13", "leaves the repository"]);
}

#[test]
fn a_symlink_out_of_the_repository_is_refused() {
    let spoil = |git: &GitRepository| {
        git.remove("app/settings.yaml");
        git.link("app/settings.yaml", "../../../../../../etc/passwd");
    };
    refused("symlink", spoil, "RenderFailed", &["symlink app/settings.yaml", "leaves the repository"]);
}

#[test]
fn an_object_without_a_kind_is_named_with_its_place() {
    let spoil = |git: &GitRepository| git.write("app/settings.yaml", "apiVersion: v1\nmetadata: {name: settings}\n");
    refused("no-kind", spoil, "RenderFailed", &["app/settings.yaml:1:1", "no kind"]);
}

#[test]
fn an_object_without_a_name_is_named_with_its_place() {
    let spoil = |git: &GitRepository| git.write("app/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n");
    refused("no-name", spoil, "RenderFailed", &["app/settings.yaml:", "name"]);
}

#[test]
fn two_objects_of_one_name_are_named_with_both_places() {
    let spoil = |git: &GitRepository| {
        git.write("app/kustomization.yaml", "resources: [settings.yaml, twin.yaml]\n");
        git.write("app/twin.yaml", config_map("settings", "twin"));
    };
    refused("twins", spoil, "RenderFailed", &["app/twin.yaml:1:1", "app/settings.yaml:1"]);
}

#[test]
fn a_kind_that_the_server_does_not_know_fails_the_sync_and_goes_back() {
    let spoil = |git: &GitRepository| {
        let rigging =
            serde_json::json!({ "apiVersion": "example.org/v1", "kind": "Rigging", "metadata": { "name": "main" } });
        git.write("app/rigging.yaml", yaml(&rigging));
        git.write("app/kustomization.yaml", "resources: [settings.yaml, rigging.yaml]\n");
    };
    refused("unknown-kind", spoil, "SyncFailed", &["Rigging"]);
}

#[test]
fn a_render_of_nothing_deletes_nothing() {
    let spoil = |git: &GitRepository| git.write("app/kustomization.yaml", "resources: []\n");
    refused("nothing", spoil, "DesiredStateRefused", &["empty"]);
}

#[test]
fn a_folder_that_is_gone_deletes_nothing() {
    let spoil = |git: &GitRepository| {
        git.remove("app");
        git.write("README.md", "moved\n");
    };
    refused("no-folder", spoil, "RenderFailed", &["app"]);
}
