//! A Secret's value is in no output.
//!
//! Each search is tried on something that it must find, in the same place and by the same code: a search that finds
//! nothing because it looks in the wrong way turns the test red.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use taffrail_tests::daemon::Daemon;
use taffrail_tests::manifests::config_map;
use taffrail_tests::scene::{SHOP, Scene};

/// In Secrets, and to be found nowhere.
const CANARY: &str = "canary-9f8e7d6c5b4a3210-tweet";
/// In the name of a ConfigMap, and to be found everywhere but in the data of documents.
const NAMED: &str = "robin-0123456789abcdef";
/// In the data of a ConfigMap, and to be found in the documents.
const STORED: &str = "sparrow-0123456789abcdef";

fn secret(name: &str, kind: &str, field: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: {kind}\n{field}:\n  password: {value}\n")
}

#[test]
fn the_value_of_a_secret_is_in_no_event_log_metric_answer_or_file() {
    let scene = Scene::new("canary");
    let encoded = STANDARD.encode(CANARY);
    let good = |value: &str| {
        scene.repository.write(
            "app/kustomization.yaml",
            format!(
                "resources: [text.yaml, data.yaml, settings.yaml]\n\
                 secretGenerator:\n- name: generated\n  literals: [\"password={CANARY}-{value}\"]\n"
            ),
        );
        scene.repository.write("app/text.yaml", secret("text", "Opaque", "stringData", &format!("{CANARY}-{value}")));
        scene.repository.write("app/data.yaml", secret("data", "Opaque", "data", &encoded));
        scene
            .repository
            .write("app/settings.yaml", config_map(&format!("settings-{NAMED}"), &format!("{STORED}-{value}")));
        scene.repository.commit_tree(value)
    };
    good("one");
    let mut daemon = Daemon::start_with_log(&scene.settings().with("sync/timeout", "4s"), "trace");
    let first = daemon.expect("SyncSucceeded");
    let mut answers = vec![everything(&daemon)];

    // Refused by the server: no TLS key, values that are no base64 and no text, a flag that is none.
    let resources = "resources: [text.yaml, settings.yaml, tls.yaml, broken.yaml, flag.yaml, number.yaml]\n";
    scene.repository.write("app/kustomization.yaml", resources);
    scene.repository.write("app/tls.yaml", secret("tls", "kubernetes.io/tls", "stringData", CANARY));
    scene.repository.write("app/broken.yaml", secret("broken", "Opaque", "data", &format!("\"{CANARY} %%\"")));
    // The server's own words about these two would quote the value.
    let flag = secret("flag", "Opaque", "stringData", "harmless") + &format!("immutable: {CANARY}\n");
    scene.repository.write("app/flag.yaml", flag);
    let number = secret("number", "Opaque", "data", &format!("[{CANARY}]"));
    scene.repository.write("app/number.yaml", number);
    scene.repository.commit_tree("refused by the server");
    let failed = daemon.expect_after(first.seq(), "SyncFailed");
    for name in ["tls", "broken", "flag", "number"] {
        let reason = failed.reason_of(&scene.object(&format!("Secret:{name}"))).expect("a reason");
        assert!(!reason.is_empty());
    }
    let reverted = daemon.expect_after(failed.seq(), "Reverted");
    answers.push(everything(&daemon));

    // Refused by the reader: YAML that breaks right after the value, and a key that is there twice.
    let broken = secret("text", "Opaque", "stringData", CANARY) + "  other: [\n";
    scene.repository.write("app/text.yaml", broken);
    scene.repository.commit_tree("malformed");
    let malformed = daemon.expect_after(reverted.seq(), "RenderFailed");
    let twice = secret("text", "Opaque", "stringData", CANARY) + &format!("  password: {CANARY}\n");
    scene.repository.write("app/text.yaml", twice);
    scene.repository.commit_tree("twice");
    let twice = daemon.expect_after(malformed.seq(), "RenderFailed");
    scene.repository.write("app/text.yaml", format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: [{CANARY}]}}\n"));
    scene.repository.commit_tree("a value in the wrong place");
    let misplaced = daemon.expect_after(twice.seq(), "RenderFailed");
    good("two");
    daemon.expect_after(misplaced.seq(), "SyncSucceeded");
    answers.push(everything(&daemon));
    let log = daemon.log();
    daemon.end_and_verify();

    let journal = files(&daemon.data(), &["repositories"]);
    let documents = documents(&daemon.data().join("journal"));
    for (place, bytes) in [("log", log.as_bytes()), ("answers", answers.concat().as_bytes()), ("files", &journal)] {
        assert!(found(bytes, NAMED), "the search of {place} finds what is there");
        assert_eq!(shown(bytes), None, "{place}");
    }
    assert!(found(&documents, STORED), "the search of documents finds what is there");
    assert_eq!(shown(&documents), None, "documents");
    // The same search finds the value where it may be: in the working tree of Git.
    let tree = files(&scene.repository.tree(), &[".git"]);
    assert!(found(&tree, CANARY));
    // And in the cluster, where it belongs.
    let live = scene.cluster.get(&scene.object("Secret:text"));
    assert_eq!(live["data"]["password"], STANDARD.encode(format!("{CANARY}-two")));
}

/// All that the daemon answers.
fn everything(daemon: &Daemon) -> String {
    let newest = daemon.newest();
    let mut paths: Vec<String> =
        ["/", "/events", "/events?format=ndjson", "/applications", "/metrics", "/readyz", "/openapi.json"]
            .map(str::to_owned)
            .to_vec();
    paths.push(format!("/applications/{SHOP}"));
    paths.extend((1..=newest).map(|seq| format!("/events/{seq}")));
    paths.iter().map(|path| daemon.get(path).1).collect()
}

fn found(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The form in which the canary is shown, if it is.
fn shown(bytes: &[u8]) -> Option<String> {
    // What base64 makes of it depends on where it starts.
    let mut forms = vec![CANARY.to_owned(), CANARY[..16].to_owned()];
    for skipped in 0..3 {
        let padded = format!("{}{CANARY}", "x".repeat(skipped));
        for encoded in [STANDARD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)] {
            forms.push(encoded[4..encoded.len() - 4].to_owned());
        }
    }
    forms.push(CANARY.bytes().map(|byte| format!("{byte:02x}")).collect());
    forms.into_iter().find(|form| found(bytes, form))
}

/// The bytes of all files under a folder, without some folders.
fn files(folder: &Path, without: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && !without.contains(&name.as_str()) {
            bytes.extend(files(&path, without));
        } else if path.is_file() {
            bytes.extend(std::fs::read(&path).expect("a file"));
        }
    }
    bytes
}

/// Everything that is in the store, and what becomes of it when it is unpacked.
fn documents(journal: &Path) -> Vec<u8> {
    let store = sled::open(journal).expect("the journal is closed");
    let mut all = Vec::new();
    let mut unpacked = 0;
    for tree in store.tree_names() {
        let tree = store.open_tree(tree).expect("a tree");
        for entry in tree.iter() {
            let (_, value) = entry.expect("an entry");
            // Small documents are one part; where zstd starts, its magic number says.
            let start = value.windows(4).position(|window| window == [0x28, 0xb5, 0x2f, 0xfd]);
            if let Some(Ok(document)) = start.map(|start| zstd::bulk::decompress(&value[start..], 1 << 20)) {
                all.extend(document);
                unpacked += 1;
            }
            all.extend(&*value);
        }
    }
    assert!(unpacked > 5, "{unpacked} documents");
    all
}
