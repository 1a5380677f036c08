//! `render` prints YAML that reads back, as many objects as there are.

use taffrail_yaml::{Limits, parse};

use crate::program::run;

#[test]
fn the_shop_renders_and_reads_back() {
    for (overlay, least) in [("staging", 10), ("production", 10), ("cluster", 3)] {
        let folder = format!("{}/../../overlays/{overlay}", env!("CARGO_MANIFEST_DIR"));
        let ran = run(&["render", &folder]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{overlay}");
        let documents = parse(ran.out.as_bytes(), overlay, &Limits::default()).unwrap();
        assert!(documents.len() >= least, "{overlay}: {}", documents.len());
        assert_eq!(ran.out.matches("\n---\n").count(), documents.len() - 1);
        assert!(documents.iter().all(|document| document.get("kind").is_some()));
    }
}

#[test]
fn what_does_not_render_is_a_failure_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("kustomization.yaml"), "resources:\n- missing.yaml\n").unwrap();
    let ran = run(&["render", folder.path().to_str().unwrap()]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("kustomization.yaml:2:3: "), "{}", ran.err);
}
