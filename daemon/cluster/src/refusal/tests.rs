//! What the API server's refusals become. The answers are those of a Kubernetes 1.35.4, shortened.

use serde_json::{Value, json};

use super::*;

const PATIENT: WriteErrorKind = WriteErrorKind::Transient(None);

fn refusal(code: u16, status: Value) -> Refusal {
    Refusal::read(&Answer { code, retry_after: None, body: status.to_string().into_bytes() })
}

fn causes(reason: &str, field: &str, message: &str) -> Value {
    json!({ "name": "a", "kind": "things", "causes": [{ "reason": reason, "field": field, "message": message }] })
}

#[test]
fn kinds() {
    let uid = "Invalid value: \"1\": field is immutable";
    let sts = "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden";
    let typed =
        "failed to create typed patch object (t1/d; apps/v1, Kind=Deployment): .spec.foo: field not declared in schema";
    for (code, message, details, expected) in [
        (403, "secrets \"a\" is forbidden: exceeded quota: q", Value::Null, PATIENT),
        (403, "", causes("NamespaceTerminating", "metadata.namespace", "n is being terminated"), PATIENT),
        (400, "admission webhook \"w\" denied the request: no", Value::Null, PATIENT),
        (401, "Unauthorized", Value::Null, PATIENT),
        (404, "namespaces \"nope\" not found", json!({ "name": "nope", "kind": "namespaces" }), PATIENT),
        (409, "things \"a\" already exists", json!({ "name": "a" }), PATIENT),
        (
            409,
            "conflict",
            causes("FieldManagerConflict", ".data.a", "conflict with \"k\" with subresource \"s\" using v1"),
            WriteErrorKind::Conflict(vec![ForeignField {
                field: FieldPath(".data.a".to_owned()),
                manager: Some("k".to_owned()),
            }]),
        ),
        (
            409,
            "Operation cannot be fulfilled on things \"a\": uid mismatch: ...",
            json!({ "name": "a" }),
            WriteErrorKind::Gone,
        ),
        (422, "", causes("FieldValueInvalid", "metadata.uid", uid), WriteErrorKind::Gone),
        (422, "", causes("FieldValueInvalid", "spec.template", uid), WriteErrorKind::Immutable),
        (422, "", causes("FieldValueForbidden", "spec", sts), WriteErrorKind::Immutable),
        (
            422,
            "",
            causes("FieldValueInvalid", "roleRef", "Invalid value: {}: cannot change roleRef"),
            WriteErrorKind::Immutable,
        ),
        (
            422,
            "",
            causes("FieldValueInvalid", "spec.a", "Invalid value: \"immutable: x\": must be a number"),
            WriteErrorKind::Refused,
        ),
        (400, "strict decoding error", Value::Null, WriteErrorKind::Refused),
        (413, "", Value::Null, WriteErrorKind::Refused),
        (415, "", Value::Null, WriteErrorKind::Refused),
        (429, "slow down", json!({ "retryAfterSeconds": 3 }), WriteErrorKind::Transient(Some(Duration::from_secs(3)))),
        (500, typed, Value::Null, WriteErrorKind::Refused),
        (500, "failed calling webhook", Value::Null, PATIENT),
        (503, "", Value::Null, PATIENT),
        (504, "", Value::Null, WriteErrorKind::Unreachable),
    ] {
        let refusal = refusal(code, json!({ "message": message, "details": details }));
        assert_eq!(refusal.kind(), expected, "{code} {message} {details}");
    }
}

#[test]
fn plain_text_is_read_too() {
    let answer = Answer { code: 404, retry_after: None, body: b"404 page not found\n".to_vec() };
    let refusal = Refusal::read(&answer);
    assert!(refusal.is_unknown_kind() && !refusal.is_absence_of(&"ConfigMap:shop/a".parse().unwrap()));
    assert_eq!(refusal.words(false), "404 page not found");
}

#[test]
fn the_header_says_how_long_to_wait() {
    let answer = Answer { code: 429, retry_after: Some(Duration::from_secs(7)), body: Vec::new() };
    assert_eq!(Refusal::read(&answer).kind(), WriteErrorKind::Transient(Some(Duration::from_secs(7))));
}

#[test]
fn a_message_is_one_short_line_with_its_end() {
    let long = format!("spec: Invalid value: {}\n\tfield is\u{7} immutable", "é".repeat(5000));
    let line = one_line(&long);
    assert!(line.chars().count() <= LONGEST_MESSAGE, "{}", line.chars().count());
    assert!(line.starts_with("spec: Invalid value: é") && line.ends_with("field is immutable"), "{line}");
}

#[test]
fn duplicates_are_explained() {
    let message = "failed to create typed patch object (...): .env: duplicate entries for key [name=\"A\"]";
    let words = refusal(500, json!({ "message": message })).words(false);
    assert!(words.contains("that a plain apply takes"), "{words}");
}

#[test]
fn a_secret_is_not_quoted() {
    let quoting = "Secret \"a\" is invalid: data[a]: Invalid value: \"canary\": no";
    let details = causes("FieldValueInvalid", "data[a]", "Invalid value: \"canary\": no");
    let words = refusal(422, json!({ "message": quoting, "reason": "Invalid", "details": details })).words(true);
    assert_eq!(
        words,
        "422 Invalid FieldValueInvalid at data[a]; the server's words are left out, since they may quote the Secret"
    );

    let details = causes("FieldManagerConflict", ".data.a", "conflict with \"kubectl-edit\" using v1");
    let words = refusal(409, json!({ "message": "canary", "details": details })).words(true);
    assert!(
        words.contains("conflict with \"kubectl-edit\" using v1 at .data.a") && !words.contains("canary"),
        "{words}"
    );

    for (message, shown) in [
        ("secrets \"a\" is forbidden: User \"u\" cannot patch resource \"secrets\"", true),
        ("secrets \"a\" is forbidden: exceeded quota: q, requested: secrets=1", true),
        ("serviceaccounts \"d\" is forbidden: User \"u\" cannot impersonate resource \"serviceaccounts\"", true),
        ("secrets \"a\" is forbidden: canary", false),
        ("admission webhook \"w\" denied the request: \"secrets \"a\" is forbidden: User \"canary", false),
    ] {
        let words = refusal(403, json!({ "message": message, "reason": "Forbidden" })).words(true);
        assert_eq!(words == message, shown, "{words}");
        assert!(!words.contains("canary"), "{words}");
    }

    let details = causes("canary", "canary", "canary");
    let message = "admission webhook \"w\" denied the request: canary";
    let denied = json!({ "message": message, "reason": "canary", "details": details });
    let words = refusal(403, denied).words(true);
    assert!(words.contains("admission webhook") && !words.contains("canary"), "{words}");
}
