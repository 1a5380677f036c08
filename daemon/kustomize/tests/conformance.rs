//! kustomize's own whole-build tests, replayed: inputs and results of kustomize 5.8.1.
//!
//! They are read from `KUSTOMIZE_CASES` (default `../../../shared/kustomize-cases` from this crate), not kept here.
//! A case passes when our build prints the same bytes, or fails where kustomize fails. A case that
//! uses a field which is not supported yet must be refused by name. Anything else fails the test, but for `DIFFERENT`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use taffrail_kustomize::{FolderFiles, Limits, Order, RepositoryPath, build_in_order};
use taffrail_yaml::{Rules, parse};

/// Known differences, each with its reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("TestGeneratorRepeatsInKustomization.1", DUPLICATE_KEY),
    ("TestOrderOfAccumulatedComponent__components_using_a_generated_resource_by_configMapGenerator.1", DUPLICATE_KEY),
    ("TestReplacementTransformerWithSuffixTransformerAndReject.1", DUPLICATE_KEY),
    ("TestReplacementTransformerWithSuffixTransformerAndRejectUsingRegex.1", DUPLICATE_KEY),
    ("TestIssue1251_Patches_ProdVsDev.1", RESTRICTED),
    ("TestIssue1251_Patches_ProdVsDev.2", RESTRICTED),
    ("TestSharedPatchAllowed.1", RESTRICTED),
];
const DUPLICATE_KEY: &str = "kustomize takes the last of two equal keys of a kustomization without a word; we refuse";
const RESTRICTED: &str = "kustomize was run with --load-restrictor LoadRestrictionsNone, which we do not have";

enum Outcome {
    Passed,
    Unsupported,
    Differs(String),
}

#[test]
fn builds_as_kustomize_does() {
    let home = std::env::var_os("KUSTOMIZE_CASES").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/kustomize-cases"));
    let Ok(cases) = fs::read_dir(home.join("krusty")) else {
        println!("SKIPPED: the conformance cases are not at {}; set KUSTOMIZE_CASES", home.display());
        return;
    };
    let mut cases: Vec<PathBuf> = cases.map(|case| case.unwrap().path()).collect();
    cases.sort();
    let known: BTreeMap<&str, &str> = DIFFERENT.iter().copied().collect();
    let (mut passed, mut unsupported, mut differing, mut wrong) = (0, 0, 0, Vec::new());
    for case in &cases {
        let name = case.file_name().unwrap().to_str().unwrap();
        match (run(case), known.get(name)) {
            (Outcome::Passed, None) => passed += 1,
            (Outcome::Unsupported, None) => unsupported += 1,
            (Outcome::Differs(_), Some(_)) => differing += 1,
            (Outcome::Differs(how), None) => wrong.push(format!("{name}: {how}")),
            (_, Some(reason)) => wrong.push(format!("{name} no longer differs ({reason}): take it off the list")),
        }
    }
    println!(
        "{} cases: {passed} passed, {unsupported} refused as not supported yet, {differing} known to differ",
        cases.len()
    );
    assert!(wrong.is_empty(), "{} of {} cases are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

fn run(case: &Path) -> Outcome {
    let meta: Value =
        serde_json::from_slice(&fs::read(case.join("meta.json")).expect("a complete case")).expect("a complete case");
    let path = meta["path"].as_str().expect("a complete case").trim_start_matches('/');
    let order = if meta["order"] == "fifo" { Order::FirstInFirstOut } else { Order::Legacy };
    let files = FolderFiles::new(case.join("in"));
    let built = build_in_order(&files, &RepositoryPath::new(path).expect("a complete case"), &Limits::default(), order);
    let expected = fs::read(case.join("expected.yaml")).ok();
    match (built, expected) {
        (Err(errors), _) if errors.to_string().contains("is not supported yet") => Outcome::Unsupported,
        (Err(_), None) => Outcome::Passed,
        (Err(errors), Some(_)) => Outcome::Differs(format!("fails: {errors}")),
        (Ok(_), None) => Outcome::Differs("succeeds where kustomize fails".to_owned()),
        (Ok(rendered), Some(expected)) => {
            let printed: Vec<String> = rendered.objects.iter().map(taffrail_yaml::to_string).collect();
            if printed.join("---\n").trim() == String::from_utf8_lossy(&expected).trim() {
                return Outcome::Passed;
            }
            Outcome::Differs(difference(&rendered.objects, &expected))
        }
    }
}

/// The first object that differs, or that only the bytes do.
fn difference(objects: &[Value], expected: &[u8]) -> String {
    let expected: Vec<Value> = parse(expected, "expected.yaml", &taffrail_yaml::Limits::default())
        .expect("a complete case")
        .iter()
        .map(|document| document.to_value(Rules::Manifest))
        .collect();
    match objects.iter().zip(&expected).position(|(ours, theirs)| ours != theirs) {
        None if objects.len() == expected.len() => "the values are equal, the bytes are not".to_owned(),
        None => format!("{} objects for {}", objects.len(), expected.len()),
        Some(at) => format!(
            "object {at}\n--- ours\n{}--- theirs\n{}",
            taffrail_yaml::to_string(&objects[at]),
            taffrail_yaml::to_string(&expected[at])
        ),
    }
}
