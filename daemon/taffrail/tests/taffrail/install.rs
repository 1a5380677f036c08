//! `install --print`: what it prints is what config/install/ holds, and asks for no more than is needed.

use std::path::{Path, PathBuf};

use serde_json::Value;
use taffrail_yaml::{Limits, Rules, parse};

use crate::program::{Ran, run};

const SHOP: [&str; 3] = ["overlays/cluster", "overlays/staging", "overlays/production"];

#[test]
fn config_install_is_the_default_output() {
    let file = root().join("config/install/taffrail.yaml");
    let printed = printed(&[]);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &printed).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept == printed, "config/install/taffrail.yaml is not what `install --print` prints: run with UPDATE=1");
    let rendered = run(&["render", root().join("config/install").to_str().unwrap()]);
    assert_eq!((rendered.code, rendered.err.as_str()), (0, ""));
    assert_eq!(objects(&rendered.out).len(), objects(&kept).len());
}

#[test]
fn no_right_is_on_everything_and_none_lets_it_become_somebody_else() {
    for arguments in [vec![], with_shop(&[])] {
        let printed = printed(&arguments);
        for (role, rule) in rules(&printed) {
            let words = rule.to_string();
            assert!(!words.contains('*'), "{role}: {words}");
            for verb in ["escalate", "impersonate", "bind", "update", "deletecollection"] {
                // The shop grants `update` on leases to its API.
                let held = verb == "update" && words.contains("leases");
                assert!(held || !texts(&rule["verbs"]).contains(&verb), "{role}: {words}");
            }
        }
    }
}

#[test]
fn the_rights_are_those_for_the_kinds_of_the_manifests() {
    let printed = printed(&with_shop(&[]));
    let rules = rules(&printed);
    let may = |verb: &str, group: &str, resource: &str| {
        rules.iter().any(|(_, rule)| {
            texts(&rule["verbs"]).contains(&verb)
                && texts(&rule["apiGroups"]).contains(&group)
                && texts(&rule["resources"]).contains(&resource)
        })
    };
    assert!(may("create", "shop.example.org", "regions"));
    assert!(may("delete", "apps", "statefulsets"));
    assert!(may("patch", "rbac.authorization.k8s.io", "clusterroles"));
    assert!(!may("list", "apps", "daemonsets"), "the shop has none");
    // The shop's API may elect a leader, so Taffrail must hold that to grant it.
    assert!(may("update", "coordination.k8s.io", "leases"));
    for (verb, resource) in [("get", "pods/log"), ("list", "events"), ("get", "services/proxy"), ("watch", "pods")] {
        assert!(may(verb, "", resource), "{verb} {resource}");
    }
    assert!(!may("create", "", "pods"));
}

#[test]
fn an_application_with_a_service_account_is_written_as_that_account_and_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("taffrail.yaml");
    let text = include_str!("../../src/install/taffrail.yaml")
        .replace("repositories: []", "repositories: [{ name: shop, url: https://git.example.org/shop.git }]")
        .replace(
            "applications: []",
            "applications: [{ name: shop, repository: shop, path: app, serviceAccount: shop-staging/deployer }]",
        );
    std::fs::write(&config, text).unwrap();
    let printed = printed(&with_shop(&["--config", config.to_str().unwrap()]));
    let rules = rules(&printed);
    let impersonating: Vec<_> =
        rules.iter().filter(|(_, rule)| texts(&rule["verbs"]).contains(&"impersonate")).collect();
    let [(role, rule)] = impersonating.as_slice() else { panic!("{impersonating:?}") };
    assert_eq!(role, "Role:shop-staging/taffrail-impersonates");
    assert_eq!(texts(&rule["resourceNames"]), ["deployer"]);
    assert_eq!(texts(&rule["resources"]), ["serviceaccounts"]);
    let mut of_itself = rules.iter().filter(|(role, _)| role == "ClusterRole:taffrail");
    assert!(of_itself.all(|(_, rule)| !texts(&rule["verbs"]).iter().any(|verb| ["create", "patch"].contains(verb))));
}

#[test]
fn a_configuration_that_cannot_run_in_a_pod_is_refused_with_what_to_change() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("taffrail.yaml");
    let repositories = "repositories:\n- name: shop\n  url: https://git.example.org/shop.git\n  \
                        credentials: { tokenFile: /etc/taffrail/shop.token }\n";
    std::fs::write(&config, repositories).unwrap();
    let Ran { code, out, err } = run(&["install", "--print", "--config", config.to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (2, ""));
    for word in ["keyFile", "telemetry", "/etc/taffrail/secrets", "/etc/taffrail/shop.token"] {
        assert!(err.contains(word), "{word}: {err}");
    }
}

#[test]
fn names_images_and_the_service_monitor_are_as_asked() {
    let image = "registry.example.org/taffrail@sha256:00";
    let printed = printed(&["--namespace", "gitops", "--image", image, "--service-monitor"]);
    let objects = objects(&printed);
    let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    assert_eq!(of_kind("Deployment")["spec"]["template"]["spec"]["containers"][0]["image"], image);
    assert_eq!(of_kind("ServiceMonitor")["metadata"]["namespace"], "gitops");
    assert!(objects.iter().all(|object| object["metadata"]["namespace"] != "taffrail"));
    assert_eq!(of_kind("Role")["metadata"]["namespace"], "gitops", "the claims are there too");
    let config = of_kind("ConfigMap")["data"]["taffrail.yaml"].as_str().unwrap();
    assert!(config.contains("claims: gitops\n"), "{config}");
    assert!(!objects.iter().any(|object| object["kind"] == "Secret"), "no Secret is printed");
}

fn printed(arguments: &[&str]) -> String {
    let ran = run(&[&["install", "--print"], arguments].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{arguments:?}");
    ran.out
}

/// With the shop's folders, as somebody with its repository at hand would.
fn with_shop<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let folders = SHOP.map(|folder| root().join(folder).to_str().unwrap().to_owned().leak() as &str);
    [arguments, &["--manifests"], &folders].concat()
}

fn objects(text: &str) -> Vec<Value> {
    let documents = parse(text.as_bytes(), "install", &Limits::default()).unwrap();
    documents.iter().map(|document| document.to_value(Rules::Manifest)).filter(Value::is_object).collect()
}

/// Each rule, with the role that it is of.
fn rules(text: &str) -> Vec<(String, Value)> {
    let roles = objects(text).into_iter().filter(|object| object["rules"].is_array());
    let of_role = |role: Value| {
        let metadata = &role["metadata"];
        let name = metadata["name"].as_str().unwrap();
        let place = metadata["namespace"].as_str().map(|namespace| format!("{namespace}/")).unwrap_or_default();
        let called = format!("{}:{place}{name}", role["kind"].as_str().unwrap());
        role["rules"].as_array().unwrap().iter().map(|rule| (called.clone(), rule.clone())).collect::<Vec<_>>()
    };
    roles.flat_map(of_role).collect()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
