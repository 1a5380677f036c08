//! Orders of people: what each is recorded as, or why it does not fit what is.

use taffrail_model::{Order, OrderRefused};

use super::{Context, Draft};
use crate::state::State;

/// The facts that record an order.
pub fn ordered(state: &State, _context: Context<'_>, order: &Order) -> Result<Vec<Draft>, OrderRefused> {
    if !state.applications.contains_key(&order.application) && state.configured(&order.application).is_none() {
        return Err(OrderRefused(format!("there is no application {}", order.application)));
    }
    Err(OrderRefused("this order is not known".to_owned()))
}
