//! The writer's bytes, and that they read back.

use proptest::prelude::*;
use serde_json::{Value, json};
use taffrail_yaml::{Limits, Rules, parse, to_string};

#[test]
fn writes_as_kustomize_does() {
    let value = json!({
        "b": {"list": [{"x": 1, "name": "n"}, [1, [2]], [], {}], "empty": {}, "none": null},
        "a10": "yes", "a9": "0644", "A": "1.0", "text": "one\ntwo\n", "strip": "one\ntwo", "keep": "one\n\n",
        "lead": "  x\ny", "float": 1.5, "whole": 3.0, "big": 1e21, "small": 0.00001, "colon": "a: b", "it's": "it's: x",
        "tab": "a\tb", "long": "word ".repeat(40).trim_end(), "trail ": "x ", "": 1, "12": 2, "null": 3,
    });
    let expected = "\
\"\": 1
\"12\": 2
A: \"1.0\"
a9: \"0644\"
a10: \"yes\"
b:
  empty: {}
  list:
  - name: \"n\"
    x: 1
  - - 1
    - - 2
  - []
  - {}
  none: null
big: 1e+21
colon: 'a: b'
float: 1.5
it's: 'it''s: x'
keep: |+
  one

lead: |2-
    x
  y
long: LONG
\"null\": 3
small: 1e-05
strip: |-
  one
  two
tab: \"a\\tb\"
text: |
  one
  two
'trail ': 'x '
whole: 3
"
    .replace("LONG", &format!("{}word\n  {}word\n  {}word", "word ".repeat(15), "word ".repeat(15), "word ".repeat(7)));
    assert_eq!(to_string(&value), expected);
    for leaf in [json!("x"), json!([]), json!("a\nb\n"), json!(null)] {
        assert_eq!(read(&to_string(&leaf)), leaf);
    }
}

fn read(text: &str) -> Value {
    let documents = parse(text.as_bytes(), "written.yaml", &Limits::default()).expect("what is written is valid");
    documents.first().map_or(Value::Null, |document| document.to_value(Rules::Manifest))
}

/// Strings that readers of YAML get wrong, among others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[a-z0-9:#\\-\n \t'\"]{0,12}",
        "\\PC{0,6}",
        any::<String>(),
        "([a-z'\"\\\\\t]{0,9} {1,2}){10,40}",
        proptest::sample::select(vec![
            "yes",
            "NO",
            "on",
            "null",
            "~",
            "0644",
            "1e3",
            "1_000",
            ".5",
            "0x1f",
            "2020-01-01",
            "12:30:45",
            "<<",
            "---",
            "...",
            "- a",
            "a: b",
            "a #b",
            "\u{85}",
            "\u{2028}",
            "\u{feff}a",
            "\r\n",
            "\n",
            " \n",
            "\n ",
            "a\n\n",
            "\ta\n",
            "=",
            "!x",
        ])
        .prop_map(str::to_owned),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(|float| if float.fract() == 0.0 {
            Value::from(float as i64)
        } else {
            Value::from(float)
        }),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(text(), inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(value in tree()) {
        let written = to_string(&value);
        prop_assert_eq!(&read(&written), &value, "{}", written);
        prop_assert_eq!(to_string(&read(&written)), written);
    }

    #[test]
    fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[\\-\\[\\]{}:,&*!|>'\"%@` \n a-c<]{0,80}") {
        let limits = Limits { nodes: 1000, ..Limits::default() };
        let _ = parse(&bytes, "f", &limits);
        let _ = parse(text.as_bytes(), "f", &limits);
    }
}

#[test]
fn an_order_that_goes_in_circles_does_no_harm() {
    let keys = ["a9", "a10", "a1b", "a01", "a1", "a1.b", "aB", "_", "Z"];
    let map: serde_json::Map<String, Value> =
        (0..50).flat_map(|round| keys.iter().map(move |key| (format!("{key}{round}"), Value::Null))).collect();
    let value = Value::Object(map);
    assert_eq!(read(&to_string(&value)), value);
}
