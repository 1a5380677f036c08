//! How much a build may still write: what a small patch puts into many objects, or copies again and again.

use serde_json::Value;

/// Bytes that may still be written, and how deep values may become.
pub(crate) struct Budget {
    left: usize,
    limit: usize,
    /// Levels of nesting.
    pub(crate) depth: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize, depth: usize) -> Self {
        Self { left: limit, limit, depth }
    }

    /// Takes `cost`, `times` over. The error is a sentence.
    pub(crate) fn spend(&mut self, cost: usize, times: usize) -> Result<(), String> {
        match self.left.checked_sub(cost.saturating_mul(times)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(format!("goes beyond the limit of {} bytes written", self.limit)),
        }
    }

    /// Takes what a value costs and refuses one that would stand too deep below `above` levels.
    pub(crate) fn write(&mut self, value: &Value, above: usize) -> Result<(), String> {
        let (weight, height) = measure(value);
        if above + height > self.depth {
            return Err(format!("nests deeper than the limit of {}", self.depth));
        }
        self.spend(weight, 1)
    }
}

/// Bytes of text and 16 a value, and levels. Recursion is bounded: no value gets deeper than the limit.
pub(crate) fn measure(value: &Value) -> (usize, usize) {
    let join = |(weight, height): (usize, usize), below: (usize, usize)| (weight + below.0, height.max(below.1 + 1));
    match value {
        Value::Array(items) => items.iter().map(measure).fold((16, 0), join),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| {
                let (weight, height) = measure(value);
                (key.len() + weight, height)
            };
            map.iter().map(entry).fold((16, 0), join)
        }
        Value::String(text) => (16 + text.len(), 0),
        _ => (16, 0),
    }
}
