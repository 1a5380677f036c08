//! `taffrail render` prints what kustomize prints.

use std::process::Command;

use taffrail_tests::{program, shop};

#[test]
fn each_overlay_of_the_shop_renders_as_kustomize_renders_it() {
    let kustomize = std::env::var_os("TAFFRAIL_KUSTOMIZE").expect("TAFFRAIL_KUSTOMIZE is not set: run `make test`");
    for overlay in ["base", "cluster", "staging", "production"] {
        let folder = shop::workspace().join("overlays").join(overlay);
        let theirs = Command::new(&kustomize).arg("build").arg(&folder).output().expect("kustomize starts");
        assert!(theirs.status.success(), "{overlay}: {}", String::from_utf8_lossy(&theirs.stderr));
        let ours = program::command().arg("render").arg(&folder).output().expect("the program starts");
        assert!(ours.status.success(), "{overlay}: {}", String::from_utf8_lossy(&ours.stderr));
        assert!(!ours.stdout.is_empty());
        let (ours, theirs) = (String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&theirs.stdout));
        let differs = ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs);
        assert!(ours == theirs, "{overlay} differs: {differs:?}");
    }
}
