//! Ingresses: healthy with an address. Reported only: some controllers never write one.

use taffrail_model::Health;

use super::Neighbours;
use super::verdict::progressing;
use super::view::View;

pub fn judge(ingress: View<'_>, _: &Neighbours<'_>) -> Health {
    match ingress.list("/status/loadBalancer/ingress").next() {
        Some(_) => Health::Healthy,
        None => progressing("it has no address yet"),
    }
}
