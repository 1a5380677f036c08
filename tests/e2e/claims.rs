//! One claim an application: a second installation, a claim that is taken over, and one that is deleted.

use std::time::Duration;

use serde_json::json;
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::proxy::Proxy;
use taffrail_tests::scene::{SHOP, Scene};
use taffrail_tests::settings::Settings;
use taffrail_tests::wait;

fn adopt(daemon: &Daemon) {
    let adopted = daemon.command(&["adopt", SHOP, "--reason", "the other one is gone"]);
    assert!(adopted.status.success(), "{}", String::from_utf8_lossy(&adopted.stderr));
}

fn claim_of(scene: &Scene) -> String {
    let claim = scene.cluster.get(&scene.object("ConfigMap:taffrail-claim-shop"));
    claim["metadata"]["annotations"]["taffrail.dev/claim"].as_str().expect("the mark of a claim").to_owned()
}

#[test]
fn a_second_installation_of_an_application_stops_before_its_first_write_and_lists_what_is_there() {
    let scene = Scene::new("claimed");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let first = Daemon::start(&scene.settings());
    let synced = first.expect("SyncSucceeded");
    let claim = claim_of(&scene);

    let proxy = Proxy::before(&scene.cluster);
    let settings = Settings::new(&proxy.kubeconfig()).repository(SHOP, &scene.repository.url());
    let second = Daemon::start(&settings.application(SHOP, SHOP, "app", scene.namespace.name()));
    let refused = second.expect("ClaimRefused");
    let installation = first.expect("JournalCreated").text("/installation").to_owned();
    assert_eq!(refused.text("/holder/installation"), installation);
    wait::soon("the status says why, and what is there", || {
        let hold = second.application(SHOP)["hold"].to_string();
        (hold.contains("taffrail adopt shop") && hold.contains(&scene.object("ConfigMap:settings"))).then_some(())
    });

    // A commit is for the first alone.
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    first.expect_after(synced.seq(), "SyncSucceeded");
    second.expect_where(0, "DesiredStateChanged", wait::SOON, |event| event.field("/counts/changed") == &json!(1));
    wait::throughout(Duration::from_secs(2), || {
        assert!(proxy.writes(0).is_empty(), "{:#?}", proxy.writes(0));
        assert_eq!(claim_of(&scene), claim);
    });
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
}

#[test]
fn adopt_takes_an_application_over_with_all_that_was_made_for_it_and_the_earlier_holder_stops() {
    let scene = Scene::new("adopted");
    scene.deploy(&[("settings.yaml", config_map("settings", "one")), ("old.yaml", config_map("old", "one"))], "one");
    let first = Daemon::start(&scene.settings());
    first.expect("SyncSucceeded");
    let settings = scene.object("ConfigMap:settings");
    let uid = scene.cluster.uid(&settings);

    let second = Daemon::start(&scene.settings().with("sync/prune", json!({ "limit": "100%" })));
    let refused = second.expect("ClaimRefused");
    adopt(&second);
    let approved = second.expect_after(refused.seq(), "AdoptionApproved");
    second.expect_after(approved.seq(), "ClaimHeld");
    let adopted = second.expect_where(approved.seq(), "ObjectAdopted", wait::SOON, |event| event.object() == settings);
    assert_eq!(adopted.text("/uid"), uid);
    let synced = second.expect_after(approved.seq(), "SyncSucceeded");
    assert_eq!(scene.cluster.uid(&settings), uid, "nothing is made anew");
    let mark = scene.cluster.get(&settings)["metadata"]["annotations"]["taffrail.dev/owner"].clone();
    let installation = second.expect("JournalCreated").text("/installation").to_owned();
    assert!(mark.as_str().expect("a mark").starts_with(&installation), "{mark}");

    // The first one sees that it is not its application any more.
    let lost = first.expect("ClaimLost");
    assert_eq!(lost.text("/holder/installation"), installation);
    scene.deploy(&[("settings.yaml", config_map("settings", "two"))], "two");
    second.expect_after(synced.seq(), "SyncSucceeded");
    assert_eq!(scene.value_of("settings").as_deref(), Some("two"));
    assert_eq!(scene.value_of("old"), None, "what was adopted is pruned when it is no longer asked for");
    wait::throughout(Duration::from_secs(1), || {
        let after = first.events_after(lost.seq(), SHOP);
        let harmless = ["RevisionObserved", "DesiredStateChanged"];
        assert!(after.iter().all(|event| harmless.contains(&event.kind())), "{after:?}");
    });
}

#[test]
fn a_claim_that_somebody_deletes_is_written_again() {
    let scene = Scene::new("claim-gone");
    scene.deploy(&[("settings.yaml", config_map("settings", "one"))], "one");
    let daemon = Daemon::start(&scene.settings());
    let synced = daemon.expect("SyncSucceeded");
    let claim = claim_of(&scene);
    wait::soon("the watch has seen the claim", || {
        scene.cluster.delete(&scene.object("ConfigMap:taffrail-claim-shop"));
        daemon.events().iter().any(|event| event.seq() > synced.seq() && event.kind() == "ClaimLost").then_some(())
    });
    let lost = daemon.expect_after(synced.seq(), "ClaimLost");
    daemon.expect_after(lost.seq(), "ClaimHeld");
    wait::soon("it is there again", || scene.cluster.find(&scene.object("ConfigMap:taffrail-claim-shop")).map(|_| ()));
    assert_eq!(claim_of(&scene), claim);
}
