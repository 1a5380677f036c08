//! What is wrong with a configuration, word by word: these messages are what people see.

use std::path::Path;

use taffrail::configuration::read;

/// Two sound parts on lines 1 and 2: what follows starts on line 3.
const SOUND: &str = "repositories: [{ name: shop, url: https://git.example.org/shop.git }]\n\
                     applications: [{ name: a, repository: shop, path: a }]\n";

fn faults(text: &str) -> Vec<String> {
    match read(text.as_bytes(), "t.yaml", Path::new("/etc/taffrail")) {
        Ok(settings) => panic!("{text} was taken as {settings:?}"),
        Err(errors) => errors.0.iter().map(ToString::to_string).collect(),
    }
}

/// One case a paragraph of `golden`: lines of YAML, then lines of what is wrong with them, each after `! `.
fn check(golden: &str, whole: impl Fn(&str) -> String) {
    let mut seen = String::from(HEADER);
    for case in golden.split("\n\n").skip(1) {
        let text: Vec<&str> = case.lines().filter(|line| !line.starts_with("! ")).collect();
        let text = text.join("\n");
        seen.push_str(&format!("\n\n{text}"));
        for fault in faults(&whole(&text)) {
            assert!(fault.starts_with("t.yaml:"), "{fault}");
            assert!(fault.split(':').skip(1).take(2).all(|number| number.parse::<u32>().is_ok()), "{fault}");
            seen.push_str(&format!("\n! {}", &fault["t.yaml:".len()..]));
        }
    }
    assert!(seen.trim() == golden.trim(), "what is reported now:\n{seen}");
}

const HEADER: &str =
    "# What is wrong with a configuration: some YAML, and after `! ` what is said of it, with line and column.";

#[test]
fn whole_files() {
    check(include_str!("../golden/files.txt"), str::to_owned);
}

#[test]
fn settings_of_the_process() {
    check(include_str!("../golden/process.txt"), |text| format!("{SOUND}{text}\n"));
}

#[test]
fn repositories() {
    check(include_str!("../golden/repositories.txt"), |text| {
        let url = if text.contains("url:") { "" } else { ", url: https://git.example.org/shop.git" };
        format!("repositories:\n- {{ name: shop{url},\n    {text} }}\n")
    });
}

#[test]
fn applications() {
    check(include_str!("../golden/applications.txt"), |text| {
        let path = if text.contains("path:") { "" } else { ", path: a" };
        let shop = "repositories: [{ name: shop, url: https://git.example.org/shop.git }]";
        format!("{shop}\napplications:\n- {{ name: a, repository: shop{path},\n    {text} }}\n")
    });
}

#[test]
fn nothing_and_what_is_no_yaml() {
    for (text, start) in
        [("", "t.yaml:1:1: is empty"), ("# nothing\n", "t.yaml:1:1: is empty"), ("data: [\n", "t.yaml:1:7: ")]
    {
        let faults = faults(text);
        assert!(faults.len() == 1 && faults[0].starts_with(start), "{faults:?}");
    }
}

#[test]
fn no_fault_repeats_a_password() {
    for url in [
        "https://me:hunter2@a/b",
        "https://hunter2@a/b",
        "https://a/b?token=hunter2",
        "ssh://me:hunter2@a/b",
        "http://me:hunter2@[/",
    ] {
        for text in [
            format!("repositories: [{{ name: a, url: '{url}' }}]"),
            format!(
                "applications: [{{ name: a, repository: a, path: a, gate: {{ checks: [{{ http: {{ url: '{url}', timeout: 0s }} }}] }} }}]"
            ),
        ] {
            assert!(!faults(&text).concat().contains("hunter2"), "{text}");
        }
    }
}
