//! Life inside a cluster: the daemon has the token of what `taffrail install --print` prints, and no other right.

use std::time::Duration;

use serde_json::{Value, json};
use taffrail_tests::cluster::Cluster;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::events::Event;
use taffrail_tests::git::GitRepository;
use taffrail_tests::installation::Installation;
use taffrail_tests::manifests::{BETTER_IMAGE, GOOD_IMAGE, config_map, healthy, yaml};
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::{program, shop, wait};

const APPLICATIONS: [&str; 3] = ["cluster", "staging", "production"];
/// Some thirty pods of three environments on two cores.
const PATIENCE: Duration = Duration::from_secs(120);
/// A token is read again once a minute.
const ROTATION: Duration = Duration::from_secs(100);

#[test]
fn the_shop_is_kept_with_the_rights_of_the_installation_alone() {
    let cluster = Cluster::shared();
    let repository = GitRepository::new();
    let name = program::unique("kept");
    shop::write(&repository, &name);
    repository.commit_tree("The shop");
    let cleanup = cluster.cleanup();
    for object in [
        format!("Namespace:{name}-staging"),
        format!("Namespace:{name}-production"),
        format!("rbac.authorization.k8s.io/ClusterRole:{name}-support"),
        format!("apiextensions.k8s.io/CustomResourceDefinition:regions.{name}.example.org"),
    ] {
        cleanup.also(&object);
    }
    let folders = APPLICATIONS.map(|application| repository.tree().join("overlays").join(application));
    let installation = Installation::new(&cluster, &folders, &[]);
    let mut settings = Settings::new(&installation.kubeconfig()).repository(SHOP, &repository.url());
    settings.0["cluster"]["claims"] = installation.namespace().into();
    for application in APPLICATIONS {
        settings = settings.application(application, SHOP, &format!("overlays/{application}"), "");
        settings = settings.with("sync/timeout", "90s").with("gate/timeout", "90s").with("gate/failFast/after", "30s");
    }
    let mut daemon = Daemon::start(&settings);
    for application in APPLICATIONS {
        daemon.expect_where(0, "SyncSucceeded", PATIENCE, |event| event.subject() == application);
    }
    the_pod_of_the_installation_is_let_in(&cluster, &installation);

    let staging = "overlays/staging/kustomization.yaml";
    let bad = shop::file(staging, &name).replace("1.5.0-1763683200", "1.5.1-imagepullfail");
    let before = daemon.newest();
    repository.commit(&[(staging, &bad)], "An image that is not there");
    let in_time =
        |after: u64, kind: &str| daemon.expect_where(after, kind, PATIENCE, |event| event.subject() == "staging");
    let failed = in_time(before, "GateFailed");
    let reverted = in_time(failed.seq(), "Reverted");

    let without_mail = shop::file(staging, &name).replace("components:\n- ../components/mail\n", "");
    repository.commit(&[(staging, &without_mail)], "No mail");
    let succeeded = in_time(reverted.seq(), "SyncSucceeded");
    let mail = format!("apps/Deployment:{name}-staging/shop-mail");
    assert!(
        daemon
            .events_after(reverted.seq(), "staging")
            .iter()
            .any(|event| { event.kind() == "ObjectPruned" && event.object() == mail && cluster.find(&mail).is_none() })
    );

    let web = format!("apps/Deployment:{name}-production/shop-web");
    let asked = cluster.get(&web)["spec"]["replicas"].clone();
    cluster.patch(&web, &json!({ "spec": { "replicas": 7 } }));
    daemon.expect_where(succeeded.seq(), "DriftHealed", PATIENCE, |event| event.object() == web);
    assert_eq!(cluster.get(&web)["spec"]["replicas"], asked);

    let refused = |event: &&Event| event.0.to_string().contains("is forbidden");
    let events = daemon.events();
    assert_eq!(events.iter().find(refused), None, "no right was missing");
    daemon.end_and_verify();
}

/// Under the `restricted` level of Pod Security that the namespace has.
fn the_pod_of_the_installation_is_let_in(cluster: &Cluster, installation: &Installation) {
    let pod = wait::soon("the pod of the installation", || {
        cluster.list("Pod", Some(installation.namespace())).into_iter().next()
    });
    assert_eq!(pod["spec"]["serviceAccountName"], "taffrail");
    assert_eq!(pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"], true);
}

/// A daemon with the rights for what is in the folder `app`, and patience.
struct Life {
    scene: Scene,
    installation: Installation,
    settings: Settings,
}

impl Life {
    fn new(name: &str, arguments: impl FnOnce(&Scene) -> Vec<String>) -> Self {
        let scene = Scene::new(name);
        scene.deploy(&everything("one", GOOD_IMAGE), "one");
        let arguments = arguments(&scene);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let installation = Installation::new(&scene.cluster, &[scene.repository.tree().join("app")], &arguments);
        let mut settings = Settings::new(&installation.kubeconfig()).repository(SHOP, &scene.repository.url());
        settings.0["cluster"]["claims"] = installation.namespace().into();
        let settings = settings.application(SHOP, SHOP, "app", scene.namespace.name()).with("onFailure", "hold");
        let settings = settings.with("sync/timeout", "2m").with("gate/timeout", "2m");
        Self { scene, installation, settings }
    }
}

type Files = Vec<(&'static str, String)>;

fn everything(value: &str, image: &str) -> Files {
    vec![
        ("settings.yaml", config_map("settings", value)),
        ("more.yaml", config_map("more", value)),
        ("password.yaml", secret("password", value)),
        ("api.yaml", healthy("api", image)),
    ]
}

fn secret(name: &str, value: &str) -> String {
    yaml(&json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": { "name": name }, "stringData": { "value": value },
    }))
}

fn cannot(right: &str) -> String {
    let (verb, resource) = right.split_once(' ').expect("VERB RESOURCE");
    let plain = resource.split('.').next().unwrap_or(resource);
    format!("cannot {verb} resource \\\"{plain}\\\"")
}

/// Waits until the status of the application names the missing right.
fn told(daemon: &Daemon, right: &str) {
    let words = cannot(right);
    wait::soon(&format!("the status says \"{words}\""), || {
        let status = daemon.application(SHOP);
        let told = json!([status["activity"]["waitingFor"], status["hold"]]).to_string();
        told.contains(&words).then_some(())
    });
}

#[test]
fn each_right_that_a_write_lacks_is_named_and_the_sync_goes_on_once_it_is_given() {
    let life = Life::new("writes", |_| Vec::new());
    let (scene, installation) = (&life.scene, &life.installation);
    let daemon = Daemon::start(&life.settings);
    daemon.expect("SyncSucceeded");
    let with = |mut files: Files, name: &'static str, text: String| {
        files.push((name, text));
        files
    };
    let second = everything("two", GOOD_IMAGE);
    let third = with(second.clone(), "third.yaml", config_map("third", "one"));
    let fourth = with(third.clone(), "key.yaml", secret("key", "one"));
    let fifth: Files = fourth.iter().filter(|(name, _)| *name != "third.yaml").cloned().collect();
    let last: Files = fifth.iter().map(|(name, text)| (*name, text.replace(GOOD_IMAGE, BETTER_IMAGE))).collect();
    for (right, files) in [
        ("patch configmaps", &second),
        ("create configmaps", &third),
        ("create secrets", &fourth),
        ("delete configmaps", &fifth),
        ("patch deployments", &last),
    ] {
        installation.without(right);
        let before = daemon.newest();
        scene.deploy(files, right);
        told(&daemon, right);
        assert!(daemon.events_after(before, SHOP).iter().all(|event| event.kind() != "SyncFailed"), "{right}");
        installation.complete();
        daemon.expect_after(before, "SyncSucceeded");
    }
    assert_eq!(scene.image_of("api"), BETTER_IMAGE);

    // What stands in the way is looked at.
    let metadata = json!({ "name": "taken", "namespace": scene.namespace.name() });
    let foreign = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata });
    scene.cluster.create(&foreign).expect("an administrator may");
    installation.without("get configmaps");
    let before = daemon.newest();
    scene.deploy(&with(last.clone(), "taken.yaml", config_map("taken", "one")), "taken");
    told(&daemon, "get configmaps");
    scene.cluster.delete(&scene.object("ConfigMap:taken"));
    installation.complete();
    daemon.expect_after(before, "SyncSucceeded");

    // Missing for longer than a sync may take, it is the reason of a failure; and that is not the end.
    let before = daemon.newest();
    daemon.configure(&life.settings.clone().with("sync/timeout", "2s"));
    daemon.expect_after(before, "ConfigurationChanged");
    installation.without("patch secrets");
    scene.deploy(&everything("three", BETTER_IMAGE), "three");
    let failed = daemon.expect_after(before, "SyncFailed");
    let reason = failed.reason_of(&scene.object("Secret:password")).expect("a reason");
    assert!(reason.contains("cannot patch resource \"secrets\""), "{reason}");
    installation.complete();
    scene.deploy(&everything("four", BETTER_IMAGE), "four");
    daemon.expect_after(failed.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("four"));
}

#[test]
fn each_right_that_a_look_lacks_is_named_and_nothing_is_judged_until_it_is_given() {
    let life = Life::new("looks", |_| Vec::new());
    let (scene, installation) = (&life.scene, &life.installation);
    let mut daemon = Daemon::start(&life.settings);
    daemon.expect("SyncSucceeded");
    // A watch's right is only checked when it is opened: by a daemon that starts, or for pods by a gate that opens.
    for (number, right) in
        ["watch secrets", "watch deployments", "watch pods", "watch replicasets", "watch horizontalpodautoscalers"]
            .into_iter()
            .enumerate()
    {
        installation.without(right);
        daemon.terminate();
        daemon.start_again();
        let before = daemon.newest();
        let image = if number % 2 == 0 { BETTER_IMAGE } else { GOOD_IMAGE };
        scene.deploy(&everything(right, image), right);
        told(&daemon, right);
        let words = cannot(right).replace('\\', "");
        daemon.expect_where(before, "ClusterUnreachable", wait::SOON, |event| event.text("/error").contains(&words));
        let not_ready = daemon.get("/readyz");
        assert!(not_ready.0 == 503 && not_ready.1.contains(&cannot(right)), "{right}: {not_ready:?}");
        installation.complete();
        daemon.expect_after(before, "ClusterReachable");
        daemon.expect_after(before, "SyncSucceeded");
        assert_eq!(scene.image_of("api"), image);
    }
}

#[test]
fn a_claim_that_may_not_be_written_is_told_and_nothing_is_written_before_it() {
    let life = Life::new("unclaimed", |_| Vec::new());
    let (scene, installation) = (&life.scene, &life.installation);
    for right in ["get configmaps", "create configmaps", "patch configmaps"] {
        installation.without(right);
        let daemon = Daemon::start(&life.settings);
        told(&daemon, right);
        assert_eq!(scene.value_of("settings"), None);
        assert!(daemon.events().iter().all(|event| event.kind() != "SyncStarted"));
        installation.complete();
        if right == "patch configmaps" {
            daemon.expect("SyncSucceeded");
        }
    }
}

#[test]
fn an_application_is_written_as_its_service_account_by_a_daemon_that_may_not_write() {
    let life = Life::new("deployer", |scene| {
        let text = std::fs::read_to_string(shop::workspace().join("daemon/taffrail/src/install/taffrail.yaml"));
        let application = json!({
            "name": SHOP, "repository": SHOP, "path": "app",
            "serviceAccount": format!("{}/deployer", scene.namespace.name()),
        });
        let text = text
            .expect("the default configuration")
            .replace(
                "repositories: []",
                &format!("repositories: [{{ name: {SHOP}, url: \"{}\" }}]", scene.repository.url()),
            )
            .replace("applications: []", &format!("applications: [{application}]"))
            .replace("claims: taffrail", &format!("claims: {}", scene.namespace.name()));
        let file = scene.repository.root().join("taffrail.yaml");
        std::fs::write(&file, text).expect("a file");
        vec!["--config".to_owned(), file.display().to_string()]
    });
    let (scene, installation) = (&life.scene, &life.installation);
    let object = scene.object("Secret:password").parse().expect("an object");
    for verb in ["create", "patch", "delete"] {
        assert!(!scene.cluster.may(&installation.account(), verb, &object), "the daemon itself may not {verb}");
    }
    deployer(scene);
    let account = format!("{}/deployer", scene.namespace.name());
    let mut settings = life.settings.clone().with("serviceAccount", account);
    settings.0["cluster"]["claims"] = scene.namespace.name().into();
    let daemon = Daemon::start(&settings);
    let first = daemon.expect("SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("one"));

    installation.without("impersonate serviceaccounts");
    scene.deploy(&everything("two", GOOD_IMAGE)[..3], "two, and no api");
    told(&daemon, "impersonate serviceaccounts");
    installation.complete();
    daemon.expect_after(first.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    assert_eq!(scene.cluster.find(&scene.object("apps/Deployment:api")), None, "pruned as the account, too");
}

/// The account, with the rights that its application needs.
fn deployer(scene: &Scene) {
    let namespace = scene.namespace.name();
    let metadata = json!({ "name": "deployer", "namespace": namespace });
    let role = "rbac.authorization.k8s.io";
    let verbs = json!(["get", "create", "patch", "delete"]);
    let objects: [Value; 3] = [
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata }),
        json!({
            "apiVersion": format!("{role}/v1"), "kind": "Role", "metadata": metadata,
            "rules": [
                { "apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": verbs },
                { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": verbs },
            ],
        }),
        json!({
            "apiVersion": format!("{role}/v1"), "kind": "RoleBinding", "metadata": metadata,
            "roleRef": { "apiGroup": role, "kind": "Role", "name": "deployer" },
            "subjects": [{ "kind": "ServiceAccount", "name": "deployer", "namespace": namespace }],
        }),
    ];
    for object in objects {
        scene.cluster.create(&object).expect("an administrator may");
    }
}

#[test]
fn a_token_that_is_rotated_is_read_again() {
    let life = Life::new("rotated", |_| Vec::new());
    let (scene, installation) = (&life.scene, &life.installation);
    let bound = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "bound", "namespace": installation.namespace() },
    });
    let bound = scene.cluster.create(&bound).expect("an administrator may");
    let token = scene.cluster.token(&installation.account(), Some(&bound));
    installation.give_token(&token);
    let daemon = Daemon::start(&life.settings);
    let first = daemon.expect("SyncSucceeded");

    scene.cluster.delete(&format!("Secret:{}/bound", installation.namespace()));
    wait::soon("the server forgets that it knew the token", || (!scene.cluster.knows(&token)).then_some(()));
    scene.deploy(&everything("two", GOOD_IMAGE), "two");
    wait::soon("the status says that the token counts no more", || {
        let waiting = daemon.application(SHOP)["activity"]["waitingFor"].to_string();
        waiting.contains("Unauthorized").then_some(())
    });
    installation.give_token(&scene.cluster.token(&installation.account(), None));
    daemon.expect_where(first.seq(), "SyncSucceeded", ROTATION, |_| true);
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
}
