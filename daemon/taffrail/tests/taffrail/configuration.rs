//! What a configuration means when nothing is wrong with it, and that no text breaks the reader.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proptest::prelude::*;
use taffrail::configuration::{Cluster, Log, LogFormat, LogLevel, Settings, default_key_file, load, read};
use taffrail_model::ClusterName;
use taffrail_model::Reference;
use taffrail_model::configuration::{
    Check, ConflictPolicy, Credentials, DriftPolicy, ForeignPolicy, OnFailure, ServiceAccount, ServiceTarget, SshKey,
    SyncMode, SyncPolicy, Verify,
};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name)
}

fn sound(text: &str) -> Settings {
    read(text.as_bytes(), "t.yaml", Path::new("/etc/taffrail")).unwrap_or_else(|errors| panic!("{errors}"))
}

const MINIMAL: &str = "repositories: [{ name: shop, url: https://git.example.org/shop.git }]\n\
                       applications: [{ name: shop-staging, repository: shop, path: overlays/staging }]\n";

#[test]
fn the_reference_shows_the_defaults() {
    let reference = load(&file("taffrail.yaml")).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(reference, sound(MINIMAL));
}

#[test]
fn what_the_reference_comments_out_is_right_too() {
    let text = std::fs::read_to_string(file("taffrail.yaml")).unwrap();
    let mut whole = String::new();
    for line in text.lines() {
        let bare = line.trim_start();
        let setting = bare.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        whole.push_str(&setting.map_or(line.to_owned(), |setting| line.replace(bare, setting)));
        whole.push('\n');
    }
    let settings = sound(&whole);
    let main = &settings.clusters[&ClusterName::default()];
    assert_eq!(main.context.as_deref(), Some("shop"));
    assert_eq!(settings.clusters.len(), 2);
    assert_eq!(main.kubeconfig.as_deref(), Some(Path::new("/etc/taffrail/kubeconfig")));
    let repository = settings.configuration.repositories.values().next().unwrap();
    assert!(repository.credentials.is_some() && repository.ca_file.is_some());
    let application = settings.configuration.applications.values().next().unwrap();
    assert_eq!(application.namespace.as_deref(), Some("shop-staging"));
    assert_eq!(application.gate.checks.len(), 2);
    assert!(application.service_account.is_some());
}

#[test]
fn the_demo_is_sound_and_has_its_marker() {
    let settings = load(&file("demo.yaml")).unwrap_or_else(|errors| panic!("{errors}"));
    let names: Vec<&str> = settings.configuration.applications.keys().map(|name| name.as_str()).collect();
    assert_eq!(names, ["shop-cluster", "shop-production", "shop-staging"]);
    for application in settings.configuration.applications.values() {
        assert_eq!(application.gate.settle.as_secs(), 2);
    }
    let text = std::fs::read_to_string(file("demo.yaml")).unwrap();
    assert_eq!(text.matches("url: file:///REPOSITORY").count(), 1);
}

#[test]
fn every_setting_is_taken() {
    let settings = sound(
        "data: data\nkeyFile: ../secret/key\nlisten: '[::1]:0'\nlog: { format: json, level: warn }\n\
         cluster: { kubeconfig: kube, context: c, claims: ops }\n\
         clusters: [{ name: west, context: w }]\n\
         repositories:\n\
         - { name: a, url: 'https://h/a', ref: { branch: on }, poll: 1s, timeout: 2s, caFile: ca, credentials: { tokenFile: t } }\n\
         - { name: b, url: 'https://h/b', ref: { branch: 1.10 }, credentials: { user: u, passwordFile: /p } }\n\
         applications:\n\
         - name: x\n  repository: a\n  path: ./a//b/\n  namespace: n\n  adopt: true\n  cluster: west\n  serviceAccount: n/d.e\n  \
         sync: { prune: { limit: 5% }, timeout: 3s, mode: manual, heal: false, conflicts: take }\n\
        \x20 gate: { timeout: 4s, settle: 0s, failFast: { restarts: 5, imagePull: 0s, after: 6s }, longestPause: 7s, watch: 30m, logLines: 3, \
         checks: [{ http: { url: 'http://h/?a=b', timeout: 8s, interval: 9s } }, \
         { http: { service: { name: s, port: http } } }] }\n  onFailure: hold\n",
    );
    assert_eq!(settings.data, Path::new("/etc/taffrail/data"));
    assert_eq!(settings.key_file, Path::new("/etc/taffrail/../secret/key"));
    assert_eq!(settings.listen.to_string(), "[::1]:0");
    assert_eq!(settings.log, Log { format: LogFormat::Json, level: LogLevel::Warn });
    let kubeconfig = Some(PathBuf::from("/etc/taffrail/kube"));
    let main = Cluster { kubeconfig, context: Some("c".to_owned()) };
    let west = Cluster { kubeconfig: None, context: Some("w".to_owned()) };
    let west_name: ClusterName = "west".parse().unwrap();
    assert_eq!(settings.clusters, [(ClusterName::default(), main), (west_name.clone(), west)].into());
    assert_eq!(settings.configuration.clusters[&ClusterName::default()].claims, "ops");

    let [a, b] = settings.configuration.repositories.values().collect::<Vec<_>>()[..] else { panic!("two") };
    assert_eq!(a.reference, Reference::Branch("on".to_owned()));
    assert_eq!(b.reference, Reference::Branch("1.10".to_owned()));
    assert_eq!((a.poll.as_secs(), a.timeout.as_secs()), (1, 2));
    assert_eq!(a.ca_file.as_deref(), Some(Path::new("/etc/taffrail/ca")));
    assert_eq!(a.credentials, Some(Credentials::Token { token_file: "/etc/taffrail/t".into() }));
    assert_eq!(b.credentials, Some(Credentials::Basic { user: "u".to_owned(), password_file: "/p".into() }));

    let x = settings.configuration.applications.values().next().unwrap();
    assert_eq!((x.path.as_str(), x.namespace.as_deref()), ("a/b", Some("n")));
    let sync = SyncPolicy {
        mode: SyncMode::Manual,
        prune: true,
        prune_limit: 5,
        drift: DriftPolicy::Record,
        conflicts: ConflictPolicy::Take,
        foreign: ForeignPolicy::TakeOver,
        timeout: Duration::from_secs(3),
    };
    assert_eq!((&x.sync, x.on_failure), (&sync, OnFailure::Hold));
    assert_eq!(x.service_account, Some(ServiceAccount { namespace: "n".to_owned(), name: "d.e".to_owned() }));
    assert_eq!(x.cluster, west_name);
    assert_eq!((x.gate.watch.as_secs(), x.gate.log_lines), (1800, 3));
    let target = ServiceTarget { namespace: None, name: "s".to_owned(), port: "http".to_owned(), path: "/".to_owned() };
    assert!(matches!(&x.gate.checks[1], Check::Service { target: of, .. } if *of == target));
    assert_eq!((x.gate.timeout.as_secs(), x.gate.settle.as_secs(), x.gate.longest_pause.as_secs()), (4, 0, 7));
    let fail_fast = &x.gate.fail_fast;
    assert_eq!((fail_fast.restarts, fail_fast.image_pull.as_secs(), fail_fast.after.as_secs()), (5, 0, 6));
    let Check::Http { url, timeout, interval } = &x.gate.checks[0] else { panic!("it names a url") };
    assert_eq!((url.as_str(), timeout.as_secs(), interval.as_secs()), ("http://h/?a=b", 8, 9));
}

#[test]
fn tags_and_versions_are_followed() {
    let settings = sound(
        "repositories:\n- { name: a, url: 'https://h/a', ref: { tag: 'v*' } }\n\
         - { name: b, url: 'https://h/b', ref: { semver: '>=1.4 <2' } }\n- { name: c, url: 'https://h/c' }\n",
    );
    let followed: Vec<String> =
        settings.configuration.repositories.values().map(|repository| repository.reference.to_string()).collect();
    assert_eq!(followed, ["tag like \"v*\"", "tag with a version in \">=1.4 <2\"", "branch \"main\""]);
}

#[test]
fn ssh_is_read_with_its_files() {
    let settings = sound(
        "repositories:\n- { name: a, url: 'git@h:x/y.git', \
         credentials: { sshKeyFile: key, knownHostsFile: /k, passphraseFile: p } }\n",
    );
    let repository = settings.configuration.repositories.values().next().unwrap();
    assert_eq!(repository.url, "git@h:x/y.git");
    let files = SshKey {
        ssh_key_file: "/etc/taffrail/key".into(),
        passphrase_file: Some("/etc/taffrail/p".into()),
        known_hosts_file: "/k".into(),
    };
    assert_eq!(repository.credentials, Some(Credentials::Ssh(files)));
}

#[test]
fn who_must_sign_is_read() {
    let settings = sound(
        "repositories:\n- { name: a, url: 'https://h/a', verify: { allowedSigners: s, pgpKeys: /k } }\n\
         - { name: b, url: 'https://h/b', verify: { pgpKeys: k } }\n- { name: c, url: 'https://h/c' }\n",
    );
    let verify: Vec<_> = settings.configuration.repositories.values().map(|repository| &repository.verify).collect();
    let path = |path: &str| Some(PathBuf::from(path));
    let both = Verify { allowed_signers: path("/etc/taffrail/s"), pgp_keys: path("/k") };
    let one = Verify { allowed_signers: None, pgp_keys: path("/etc/taffrail/k") };
    assert_eq!(verify, [&Some(both), &Some(one), &None]);
}

#[test]
fn what_was_recorded_before_there_were_tags_is_read() {
    let text = br#"{"applications":{},"repositories":{"a":{"branch":"main","caFile":null,"credentials":null,
        "poll":"30s","timeout":"30s","url":"https://h/a"}}}"#;
    let read = taffrail_model::configuration::Configuration::from_bytes(text).unwrap();
    assert_eq!(read, sound("repositories:\n- { name: a, url: 'https://h/a' }\n").configuration);
    let compact: String = String::from_utf8_lossy(text).split_whitespace().collect();
    assert_eq!(String::from_utf8(read.to_bytes()).unwrap(), compact, "an upgrade changes no configuration");
}

#[test]
fn paths_start_at_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.yaml");
    std::fs::write(&path, "data: data\n").unwrap();
    let settings = load(&path).unwrap();
    assert_eq!(settings.data, folder.path().join("data"));
    assert_eq!(settings.key_file, folder.path().join("data.key"));
    assert_eq!(settings.key_file, default_key_file(&settings.data));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = load(Path::new("/nowhere/t.yaml")).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/t.yaml: cannot be read: "), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, "t.yaml", Path::new("/"));
    }

    /// A sound file, cut and with something else in it: most of these get past the YAML.
    #[test]
    fn no_change_of_a_sound_file_breaks_the_reader(
        at in 0usize..6000,
        removed in 0usize..40,
        added in prop::sample::select(vec!["", "~", "[]", "{}", "- ", "a: b", "\n", ": ", "'", "0", "-1", "1e9", "&a ", "*quick", "..", "/", "é", "99999999999999999999d"]),
    ) {
        let text: Vec<char> = include_str!("../../../../config/taffrail.yaml").chars().collect();
        let at = at.min(text.len());
        let rest = &text[(at + removed).min(text.len())..];
        let changed: String = text[..at].iter().copied().chain(added.chars()).chain(rest.iter().copied()).collect();
        if let Err(errors) = read(changed.as_bytes(), "t.yaml", Path::new("/")) {
            prop_assert!(!errors.is_empty());
            prop_assert!(errors.0.iter().all(|error| error.location.is_some()), "{}", errors);
        }
    }
}
