//! What a manifest asks of us: its `taffrail.dev/` annotations, and what it has to do with autoscaling.
//!
//! Always: an annotation of ours that means nothing is an error that names the object and the word that is nearest to
//! it, since what it was to forbid would be done otherwise.

use std::fmt::Write as _;

use serde_json::Value;
use taffrail_model::{ApiVersion, Manifest, ObjectKey, ObjectOptions, PruneOption, ReplaceOption};
use taffrail_ports::cluster::OWNER_ANNOTATION;

const OURS: &str = "taffrail.dev/";
const PRUNE: &str = "taffrail.dev/prune";
const REPLACE: &str = "taffrail.dev/replace";

/// The options of `manifest`, or every error.
pub(super) fn options(manifest: &Manifest) -> Result<ObjectOptions, Vec<String>> {
    let object = manifest.key();
    let map = manifest.as_map();
    let mut options = ObjectOptions {
        scales: scales(manifest, &object),
        sets_replicas: map.get("spec").and_then(|spec| spec.get("replicas")).is_some_and(Value::is_number),
        ..ObjectOptions::default()
    };
    let mut errors = Vec::new();
    let annotations = map.get("metadata").and_then(|metadata| metadata.get("annotations")).and_then(Value::as_object);
    for (key, value) in annotations.into_iter().flatten().filter(|(key, _)| key.starts_with(OURS)) {
        let read = match key.as_str() {
            PRUNE => word(
                value,
                &[("before", PruneOption::Before), ("after", PruneOption::After), ("disabled", PruneOption::Disabled)],
            )
            .map(|prune| options.prune = prune),
            REPLACE => word(
                value,
                &[
                    ("true", ReplaceOption::WithoutData),
                    ("false", ReplaceOption::Never),
                    ("delete-data", ReplaceOption::WithData),
                ],
            )
            .map(|replace| options.replace = replace),
            // Of an object that was exported from a cluster; ours is written over it.
            OWNER_ANNOTATION => Ok(()),
            other => Err(format!("is not known{}", meant(&other[OURS.len()..], &["prune", "replace"]))),
        };
        errors.extend(read.err().map(|why| format!("{object}: the annotation {key} {why}")));
    }
    if errors.is_empty() { Ok(options) } else { Err(errors) }
}

fn word<T: Copy>(value: &Value, words: &[(&str, T)]) -> Result<T, String> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let Some(text) = value.as_str() else { return Err("is not text: put its value in quotes".to_owned()) };
    match words.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => Err(format!("cannot be {text:?}{}", meant(text, &known))),
    }
}

/// What was meant, if something is near, and what there is.
fn meant(word: &str, known: &[&str]) -> String {
    let mut hint = String::new();
    if let Some(near) = taffrail_yaml::nearest(word, known.iter().copied()) {
        let _ = write!(hint, "; did you mean {near}?");
    }
    let _ = write!(hint, " (there is {})", known.join(", "));
    hint
}

/// What an autoscaler sets the replicas of; always an object of its own namespace.
fn scales(manifest: &Manifest, autoscaler: &ObjectKey) -> Option<ObjectKey> {
    if !autoscaler.is("autoscaling", "HorizontalPodAutoscaler") {
        return None;
    }
    let target = manifest.as_map().get("spec")?.get("scaleTargetRef")?;
    let text = |field: &str| target.get(field).and_then(Value::as_str).unwrap_or_default();
    let (kind, name) = (text("kind"), text("name"));
    (!kind.is_empty() && !name.is_empty()).then(|| ObjectKey {
        group: ApiVersion::from(text("apiVersion")).group,
        kind: kind.to_owned(),
        namespace: autoscaler.namespace.clone(),
        name: name.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(annotations: Value) -> Result<ObjectOptions, Vec<String>> {
        let metadata = json!({ "name": "migrate", "namespace": "shop", "annotations": annotations });
        let manifest = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": metadata });
        options(&Manifest::new(manifest).unwrap())
    }

    #[test]
    fn annotations_say_what_is_asked_for() {
        assert_eq!(read(json!({ "other.example.org/prune": "x" })), Ok(ObjectOptions::default()));
        let options = read(json!({ PRUNE: "before", REPLACE: "delete-data" })).unwrap();
        assert_eq!((options.prune, options.replace), (PruneOption::Before, ReplaceOption::WithData));
        let options = read(json!({ PRUNE: "disabled", REPLACE: "true" })).unwrap();
        assert_eq!((options.prune, options.replace), (PruneOption::Disabled, ReplaceOption::WithoutData));
        assert_eq!(read(json!({ PRUNE: "after", REPLACE: "false" })), Ok(ObjectOptions::default()));
    }

    #[test]
    fn an_exported_object_may_keep_its_mark() {
        assert_eq!(read(json!({ OWNER_ANNOTATION: "abc/shop:Job:shop/migrate" })), Ok(ObjectOptions::default()));
    }

    #[test]
    fn what_is_not_known_is_an_error_with_the_nearest_word() {
        for (annotations, expected) in [
            (
                json!({ PRUNE: "disable" }),
                "taffrail.dev/prune cannot be \"disable\"; did you mean disabled? (there is before, after, disabled)",
            ),
            (
                json!({ REPLACE: "always" }),
                "taffrail.dev/replace cannot be \"always\" (there is true, false, delete-data)",
            ),
            (json!({ REPLACE: true }), "taffrail.dev/replace is not text: put its value in quotes"),
            (
                json!({ "taffrail.dev/purne": "before" }),
                "taffrail.dev/purne is not known; did you mean prune? (there is prune, replace)",
            ),
            (json!({ "taffrail.dev/claim": "abc/1" }), "taffrail.dev/claim is not known (there is prune, replace)"),
        ] {
            assert_eq!(read(annotations), Err(vec![format!("batch/Job:shop/migrate: the annotation {expected}")]));
        }
    }

    #[test]
    fn an_autoscaler_names_what_it_scales() {
        let target = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "api" });
        let autoscaler = json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": { "name": "any", "namespace": "shop" }, "spec": { "scaleTargetRef": target },
        });
        let scales = options(&Manifest::new(autoscaler).unwrap()).unwrap().scales;
        assert_eq!(scales, Some("apps/Deployment:shop/api".parse().unwrap()));
    }

    #[test]
    fn a_workload_says_whether_it_sets_replicas() {
        for (spec, expected) in
            [(json!({ "replicas": 3 }), true), (json!({ "replicas": null }), false), (json!({}), false)]
        {
            let metadata = json!({ "name": "api", "namespace": "shop" });
            let workload = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec });
            assert_eq!(options(&Manifest::new(workload).unwrap()).unwrap().sets_replicas, expected);
        }
    }
}
