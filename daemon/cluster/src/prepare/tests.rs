//! What is sent for which manifest.

use serde_json::json;

use super::*;

fn resource(namespaced: bool) -> Resource {
    Resource { api_version: "v1".into(), plural: "things".to_owned(), namespaced }
}

fn owner() -> Owner {
    Owner { installation: "here".to_owned(), application: "shop".parse().unwrap(), predecessors: Vec::new() }
}

fn sent(manifest: Value, namespaced: bool) -> Result<Value, String> {
    let prepared = Prepared::new(Manifest::new(manifest).unwrap(), &owner(), &resource(namespaced))?;
    Ok(prepared.body.into_value())
}

#[test]
fn what_the_server_sets_is_left_out_and_whose_it_is_comes_in() {
    let manifest = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "status": { "a": 1 }, "data": { "a": "b" },
        "metadata": {
            "name": "settings", "namespace": "shop", "labels": { "kept": "yes" }, "managedFields": [], "uid": "old",
            "resourceVersion": "1", "creationTimestamp": null, "generation": 2, "selfLink": "/", "finalizers": ["f"],
        },
    });
    let expected = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": { "a": "b" },
        "metadata": {
            "name": "settings", "namespace": "shop", "finalizers": ["f"],
            "labels": { "kept": "yes", "taffrail.dev/application": "shop" },
            "annotations": { "taffrail.dev/owner": "here/shop:ConfigMap:shop/settings" },
        },
    });
    assert_eq!(sent(manifest, true).unwrap(), expected);
}

#[test]
fn the_namespace_follows_the_kind() {
    let manifest = |namespace: Value| {
        let metadata = json!({ "name": "a", "namespace": namespace });
        json!({ "apiVersion": "v1", "kind": "Thing", "metadata": metadata })
    };
    let cluster_scoped = sent(manifest(json!("shop")), false).unwrap();
    assert_eq!(cluster_scoped["metadata"].get("namespace"), None);
    assert_eq!(cluster_scoped["metadata"]["annotations"][OWNER_ANNOTATION], "here/shop:Thing:a");
    let error = sent(manifest(Value::Null), true).unwrap_err();
    assert!(error.contains("names no namespace"), "{error}");
    for bad in ["..", "a/b"] {
        assert!(sent(manifest(json!(bad)), true).is_err(), "{bad}");
    }
}

#[test]
fn string_data_is_folded_into_data() {
    let secret = |data: Value, text: Value| {
        let metadata = json!({ "name": "a", "namespace": "shop" });
        sent(
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data, "stringData": text }),
            true,
        )
    };
    let folded = secret(json!({ "a": "YQ==", "b": "Yg\n==" }), json!({ "a": "new" })).unwrap();
    assert_eq!(folded["data"], json!({ "a": "bmV3", "b": "Yg==" }));
    assert_eq!(folded.get("stringData"), None);
    assert_eq!(secret(Value::Null, Value::Null).unwrap().get("data"), None);
    for (data, text, word) in [
        (json!({ "a": "canary!" }), Value::Null, "data.a"),
        (json!({ "a": { "canary": 1 } }), Value::Null, "data.a"),
        (Value::Null, json!({ "a": ["canary"] }), "stringData.a"),
        (json!("canary"), Value::Null, "not a mapping"),
    ] {
        let error = secret(data, text).unwrap_err();
        assert!(error.contains(word) && !error.contains("canary"), "{error}");
    }
}
