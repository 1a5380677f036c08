//! Whether an object that cannot be changed in place may be deleted and made anew.
//!
//! Always: what holds data is only deleted when its own manifest says so in these words.

use taffrail_model::{LiveObject, ObjectKey, ReplaceOption};

use crate::jobs::is_job;

/// May be replaced, or what to do so that it may, as a sentence.
pub fn may_replace(object: &ObjectKey, option: ReplaceOption, live: Option<&LiveObject>) -> Result<(), &'static str> {
    match (option, holds_data(object, live)) {
        // That is how Jobs change.
        _ if is_job(object) => Ok(()),
        (ReplaceOption::WithData, _) | (ReplaceOption::WithoutData, false) => Ok(()),
        (ReplaceOption::Never, false) => {
            Err("set the annotation taffrail.dev/replace: \"true\" to have it deleted and made anew")
        }
        (ReplaceOption::Never | ReplaceOption::WithoutData, true) => {
            Err("it holds data: set the annotation taffrail.dev/replace: delete-data to have it deleted, with its \
                 data, and made anew")
        }
    }
}

/// Whether data goes when the object is deleted. The claims of a StatefulSet stay and are found again by their names,
/// unless it says otherwise; one that is not seen may.
fn holds_data(object: &ObjectKey, live: Option<&LiveObject>) -> bool {
    match (object.group.as_str(), object.kind.as_str()) {
        ("", "PersistentVolumeClaim" | "PersistentVolume" | "Namespace") => true,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => true,
        ("apps", "StatefulSet") => live.is_none_or(|live| {
            let policy = live.body.pointer("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted");
            policy.is_some_and(|policy| policy != "Retain")
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use taffrail_model::Uid;

    use super::*;

    fn live(object: &str, spec: Value) -> LiveObject {
        LiveObject {
            key: object.parse().unwrap(),
            api_version: "apps/v1".into(),
            uid: Uid("1".to_owned()),
            resource_version: "1".to_owned(),
            body: Arc::new(json!({ "spec": spec })),
            managers: Arc::new([]),
        }
    }

    fn may(object: &str, option: ReplaceOption) -> bool {
        may_replace(&object.parse().unwrap(), option, None).is_ok()
    }

    #[test]
    fn what_holds_no_data_is_replaced_when_its_manifest_says_so() {
        for object in ["Service:shop/api", "apps/Deployment:shop/api", "apps/DaemonSet:shop/api"] {
            assert!(!may(object, ReplaceOption::Never), "{object}");
            assert!(may(object, ReplaceOption::WithoutData), "{object}");
            assert!(may(object, ReplaceOption::WithData), "{object}");
        }
    }

    #[test]
    fn what_holds_data_is_replaced_when_its_manifest_says_that_the_data_may_go() {
        for object in [
            "PersistentVolumeClaim:shop/data",
            "PersistentVolume:data",
            "Namespace:shop",
            "apiextensions.k8s.io/CustomResourceDefinition:sails.example.org",
            "apps/StatefulSet:shop/unseen",
        ] {
            assert!(!may(object, ReplaceOption::WithoutData), "{object}");
            assert!(may(object, ReplaceOption::WithData), "{object}");
        }
    }

    #[test]
    fn a_stateful_set_holds_data_if_its_claims_go_with_it() {
        let object = "apps/StatefulSet:shop/db";
        let may = |spec| may_replace(&object.parse().unwrap(), ReplaceOption::WithoutData, Some(&live(object, spec)));
        assert_eq!(may(json!({})), Ok(()));
        assert_eq!(may(json!({ "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Retain" } })), Ok(()));
        assert!(may(json!({ "persistentVolumeClaimRetentionPolicy": { "whenDeleted": "Delete" } })).is_err());
    }

    #[test]
    fn a_job_needs_no_annotation() {
        assert!(may("batch/Job:shop/migrate", ReplaceOption::Never));
    }
}
