//! The image runs what was built: the libraries that the program links are those of the image's base.

use std::path::{Path, PathBuf};
use std::process::Command;

use taffrail_yaml::{Limits, parse};

use crate::program::run;

/// What gcr.io/distroless/cc-debian12 has, of what a Rust program may ask for.
/// Source: its packages libc6 and libgcc-s1 (libgomp1, libstdc++6 and libssl3 besides).
const IN_THE_IMAGE: [&str; 8] =
    ["libc.so", "libm.so", "libgcc_s.so", "libdl.so", "libpthread.so", "librt.so", "libutil.so", "ld-linux"];

#[test]
fn the_program_links_only_what_the_image_has() {
    // As `ldd` asks: the loader lists instead of running.
    let program = env!("CARGO_BIN_EXE_taffrail");
    let listed = Command::new(program).env("LD_TRACE_LOADED_OBJECTS", "1").output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let libraries: Vec<&str> = listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(libraries.iter().any(|library| library.starts_with("libc.so")), "{listed}");
    for library in libraries.iter().filter(|library| !library.starts_with("linux-vdso")) {
        let name = Path::new(library).file_name().unwrap().to_str().unwrap();
        assert!(IN_THE_IMAGE.iter().any(|known| name.starts_with(known)), "{name} is not in the image");
    }
}

#[test]
fn the_image_is_built_with_our_toolchain_and_runs_as_the_user_of_the_deployment() {
    let read = |file: &str| std::fs::read_to_string(root().join(file)).unwrap();
    let (image, toolchain) = (read("Dockerfile"), read("rust-toolchain.toml"));
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    assert!(image.contains(&format!("FROM rust:{channel}-slim-bookworm AS build\n")), "{image}");
    // Debian 12 is bookworm.
    assert!(image.contains("FROM gcr.io/distroless/cc-debian12:nonroot\n"), "{image}");
    let printed = run(&["install", "--print"]).out;
    let documents = parse(printed.as_bytes(), "install", &Limits::default()).unwrap();
    let deployment = documents.iter().find(|document| document.get("kind").unwrap().text() == Some("Deployment"));
    let deployment = deployment.unwrap().to_value(taffrail_yaml::Rules::Manifest);
    let user = &deployment["spec"]["template"]["spec"]["securityContext"]["runAsUser"];
    assert!(image.contains(&format!("\nUSER {user}:{user}\n")), "{user}");
    let entry = image.lines().find_map(|line| line.strip_prefix("ENTRYPOINT "));
    assert_eq!(entry, Some("[\"/usr/local/bin/taffrail\"]"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
