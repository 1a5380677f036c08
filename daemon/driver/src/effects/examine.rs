//! Finds out what the cluster tells of an object that fails a gate.
//!
//! Always: values of the application's Secrets are struck out of what is told; without knowing them nothing is.

use taffrail_core::{EffectKey, Input};
use taffrail_model::{Digest, ObjectKey, Uid};
use taffrail_ports::cluster::Examine;

use super::{Hands, Stop, write};

/// Most pods that are looked at.
const PODS: usize = 3;

pub(super) struct Request {
    pub object: ObjectKey,
    pub uid: Uid,
    pub pods: Vec<String>,
    pub log_lines: u8,
    pub secrets: Vec<(ObjectKey, Digest)>,
}

pub(super) async fn examine(hands: &Hands, key: EffectKey, request: Request, stop: &mut Stop) {
    let evidence = tokio::select! {
        biased;
        () = stop.stopped() => return,
        evidence = once(hands, request) => evidence,
    };
    hands.give(Input::Examined { key, evidence }).await;
}

async fn once(hands: &Hands, request: Request) -> Vec<taffrail_model::Evidence> {
    let Request { object, uid, mut pods, log_lines, secrets } = request;
    let (mut known_secrets, mut struck_out) = (Vec::new(), Vec::new());
    for (secret, manifest) in secrets {
        let Ok(manifest) = write::load(hands, manifest).await else { continue };
        struck_out.extend(values(&manifest.into_value()));
        known_secrets.push(secret);
    }
    pods.truncate(PODS);
    hands.cluster.examine(Examine { object, uid, pods, log_lines, known_secrets, struck_out }).await
}

/// Every value of a Secret's manifest, as it stands there: decoded where it is encoded.
fn values(secret: &serde_json::Value) -> Vec<String> {
    use base64::Engine;
    let texts = |field: &str| {
        let values = secret.get(field).and_then(|values| values.as_object()).into_iter().flatten();
        values.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let decoded = texts("data").into_iter().filter_map(|text| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.replace(['\r', '\n'], "")).ok()?;
        String::from_utf8(bytes).ok()
    });
    decoded.chain(texts("stringData")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_a_secret_are_known_decoded() {
        let secret = serde_json::json!({ "data": { "a": "Y2Fu\nYXJ5" }, "stringData": { "b": "plain" } });
        assert_eq!(values(&secret), ["canary", "plain"]);
    }
}
