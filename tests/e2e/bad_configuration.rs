//! Mistakes in taffrail.yaml: at the start, and while the daemon runs.

use std::process::Stdio;

use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::program;
use taffrail_tests::scene::Scene;

#[test]
fn a_bad_configuration_at_the_start_ends_with_2_and_each_place() {
    let folder = program::temporary();
    let text = "data: data\nrepositories:\n- name: shop\n  url: http://example.org/shop.git\napplications:\n\
                - name: shop\n  repository: shp\n  path: app\n  gate: { timeot: 5m, settle: soon }\n";
    std::fs::write(folder.path().join("taffrail.yaml"), text).expect("a file");
    for command in ["run", "validate"] {
        let mut process = program::command();
        process.args([command, "--config", "taffrail.yaml"]);
        let output = process.current_dir(folder.path()).stdin(Stdio::null()).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        for part in [
            "taffrail.yaml:4:8: \"url\" is not encrypted",
            "taffrail.yaml:7:15: there is no repository \"shp\" (did you mean \"shop\"?)",
            "taffrail.yaml:9:11: unknown key \"timeot\" (did you mean \"timeout\"?)",
            "taffrail.yaml:9:31: \"settle\" is wrong",
        ] {
            assert!(said.contains(part), "{command}: no {part:?} in\n{said}");
        }
    }
    assert!(!folder.path().join("data").exists(), "nothing is made before the configuration is good");
}

#[test]
fn a_bad_configuration_while_it_runs_is_refused_and_the_old_one_stays() {
    let scene = Scene::new("reload");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let settings = scene.settings();
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");

    daemon.configure_with("data: data\napplications: [\n");
    let refused = daemon.expect_after(first.seq(), "ConfigurationRefused");
    let errors = refused.texts("/errors").join("\n");
    assert!(errors.contains("taffrail.yaml:") && errors.contains("is not valid YAML"), "{errors}");
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    let second = daemon.expect_after(refused.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));

    // The gate's settling time decides something: the change is recorded, with its document.
    daemon.configure(&settings.with("gate/settle", "700ms"));
    daemon.expect_after(second.seq(), "ConfigurationChanged");
}
