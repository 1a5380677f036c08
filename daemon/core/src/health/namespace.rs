//! Namespaces: healthy unless they are going.

use taffrail_model::Health;

use super::Neighbours;
use super::verdict::progressing;
use super::view::View;

pub fn judge(namespace: View<'_>, _: &Neighbours<'_>) -> Health {
    if namespace.text("/status/phase") != Some("Terminating") && namespace.deletion().is_none() {
        return Health::Healthy;
    }
    // Each of its conditions tells what is left, or what keeps it.
    let why: Vec<String> = namespace.holding().map(|condition| condition.message().to_owned()).collect();
    let what = namespace.deletion().unwrap_or_else(|| "it is being deleted".to_owned());
    progressing(&[vec![what], why].concat().join("; "))
}
