//! APIServices: healthy when the server behind them answers. Until then its pods may still be starting.

use taffrail_model::Health;

use super::Neighbours;
use super::verdict::progressing;
use super::view::View;

pub fn judge(service: View<'_>, _: &Neighbours<'_>) -> Health {
    match service.condition("Available") {
        Some(available) if available.is("True") => Health::Healthy,
        Some(available) => progressing(&available.to_string()),
        None => progressing("nobody has asked the server behind it yet"),
    }
}
