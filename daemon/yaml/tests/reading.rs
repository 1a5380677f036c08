//! What the reader takes, refuses and says.

use taffrail_yaml::{Error, Limits, Rules, parse};

fn value(text: &str) -> String {
    let documents = parse(text.as_bytes(), "f.yaml", &Limits::default()).expect("valid YAML");
    documents.iter().map(|document| document.to_value(Rules::Manifest).to_string()).collect::<Vec<_>>().join(" ")
}

fn error(text: &str) -> String {
    parse(text.as_bytes(), "f.yaml", &Limits::default()).expect_err("invalid YAML").to_string()
}

fn limited(text: &str, limits: Limits) -> Error {
    parse(text.as_bytes(), "f.yaml", &limits).expect_err("beyond a limit")
}

#[test]
fn reads_documents_with_windows_line_ends_and_a_byte_order_mark() {
    assert_eq!(value("\u{feff}a: 1\r\n---\r\nb: |\r\n  x\r\n  y\r\n---\r\n# nothing\r\n"), r#"{"a":1} {"b":"x\ny\n"}"#);
}

#[test]
fn expands_aliases_and_merge_keys() {
    let text = "base: &b {a: 1, b: 2}\nother: &o {b: 3, c: 4}\nx: {<<: *b, a: 9}\ny: {<<: [*b, *o]}\nz: *b\n";
    assert_eq!(
        value(text),
        r#"{"base":{"a":1,"b":2},"other":{"b":3,"c":4},"x":{"a":9,"b":2},"y":{"a":1,"b":2,"c":4},"z":{"a":1,"b":2}}"#
    );
}

#[test]
fn keeps_the_place_of_every_node() {
    let documents = parse(b"a:\n  - b: x\n", "f.yaml", &Limits::default()).unwrap();
    let item = &documents[0].get("a").unwrap().items()[0];
    assert_eq!((item.location.line, item.location.column), (2, 5));
    assert_eq!((item.entries()[0].location.line, item.get("b").unwrap().location.column), (2, 8));
}

#[test]
fn refuses_with_a_place_and_without_the_value() {
    assert!(
        error("a: 1\nb: 2\na: hunter2\n").starts_with("f.yaml:3:1: has the key \"a\" again; it is already on line 1")
    );
    assert!(error("a: 1\n1: 2\n").starts_with("f.yaml:2:1: has a key that is not a string"));
    assert!(error("a: .inf\n").starts_with("f.yaml:1:4: is an infinite"));
    assert!(error("a: !secret hunter2\n").starts_with("f.yaml:1:"));
    for text in
        ["a: [hunter2\nb: c", "a: \"hunter2\nb", "a: *hunter2", "a: b: hunter2", "a: hunter2\n b: c\n", "a: @hunter2"]
    {
        let message = error(text);
        assert!(!message.contains("hunter2"), "{message}");
        assert!(message.starts_with("f.yaml:"), "{message}");
    }
    assert!(
        parse(b"a: \xff", "f.yaml", &Limits::default())
            .unwrap_err()
            .to_string()
            .starts_with("f.yaml:1:4: is not UTF-8")
    );
}

#[test]
fn stops_at_every_limit() {
    let limits = Limits::default();
    assert!(limited("a: b", Limits { bytes: 3, ..limits }).to_string().contains("limit of 3 bytes"));
    assert!(limited("[1, 2, 3]", Limits { nodes: 3, ..limits }).to_string().contains("limit of 3 nodes"));
    assert!(limited("[[[1]]]", Limits { depth: 2, ..limits }).to_string().contains("limit of 2"));
    assert!(limited("a\n---\nb\n", Limits { documents: 1, ..limits }).to_string().contains("limit of 1 documents"));
    let deep = "[".repeat(100_000);
    assert!(error(&deep).contains("f.yaml:1:"));
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n\
                d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
    assert!(limited(bomb, Limits { nodes: 10_000, ..limits }).to_string().contains("aliases expanded"));
}

#[test]
fn explicit_tags_decide() {
    assert_eq!(value("[!!str 1, !!int \"2\", ! 3]"), r#"["1",2,"3"]"#);
}
