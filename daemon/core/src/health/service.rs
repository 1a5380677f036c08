//! Services: one of type LoadBalancer needs an address; the others are as they are.

use taffrail_model::Health;

use super::Neighbours;
use super::verdict::progressing;
use super::view::View;

pub fn judge(service: View<'_>, _: &Neighbours<'_>) -> Health {
    let wants = service.text("/spec/type") == Some("LoadBalancer");
    // Bare metal without a load balancer: addresses that a person routes to the nodes.
    let mut addresses = service.list("/status/loadBalancer/ingress").chain(service.list("/spec/externalIPs"));
    if wants && addresses.next().is_none() {
        return progressing("it has no load balancer address yet");
    }
    Health::Healthy
}
