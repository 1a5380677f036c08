//! Reading an object.
//!
//! Always: what is missing or of another type reads as absent, so that no shape can panic.

use std::fmt;

use serde_json::Value;

/// An object, or a part of one.
#[derive(Clone, Copy)]
pub struct View<'a>(&'a Value);

/// A condition of an object's status; shown as its reason and message.
#[derive(Clone, Copy)]
pub struct Condition<'a>(View<'a>);

impl<'a> View<'a> {
    pub fn new(value: &'a Value) -> Self {
        Self(value)
    }

    pub fn text(self, pointer: &str) -> Option<&'a str> {
        self.0.pointer(pointer)?.as_str()
    }

    /// A whole number, or the text of one: Argo's Rollout writes its observedGeneration so.
    pub fn number(self, pointer: &str) -> Option<i64> {
        let value = self.0.pointer(pointer)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// A number, where the API leaves out zero.
    pub fn count(self, pointer: &str) -> i64 {
        self.number(pointer).unwrap_or(0)
    }

    pub fn flag(self, pointer: &str) -> bool {
        self.0.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
    }

    pub fn list(self, pointer: &str) -> impl Iterator<Item = View<'a>> + use<'a> {
        self.0.pointer(pointer).and_then(Value::as_array).into_iter().flatten().map(View)
    }

    pub fn name(self) -> &'a str {
        self.text("/metadata/name").unwrap_or_default()
    }

    /// The conditions that are `True`.
    pub fn holding(self) -> impl Iterator<Item = Condition<'a>> + use<'a> {
        self.conditions().filter(|condition| condition.is("True"))
    }

    pub fn condition(self, kind: &str) -> Option<Condition<'a>> {
        self.conditions().find(|condition| condition.0.text("/type") == Some(kind))
    }

    /// The condition, when it is `True`.
    pub fn holds(self, kind: &str) -> Option<Condition<'a>> {
        self.condition(kind).filter(|condition| condition.is("True"))
    }

    /// The condition, when it is `False`.
    pub fn fails(self, kind: &str) -> Option<Condition<'a>> {
        self.condition(kind).filter(|condition| condition.is("False"))
    }

    fn conditions(self) -> impl Iterator<Item = Condition<'a>> + use<'a> {
        self.list("/status/conditions").map(Condition)
    }

    /// That it is being deleted, and for whom the deletion waits.
    pub fn deletion(self) -> Option<String> {
        self.text("/metadata/deletionTimestamp")?;
        let finalizers: Vec<&str> = self.list("/metadata/finalizers").filter_map(|name| name.0.as_str()).collect();
        Some(match finalizers.as_slice() {
            [] => "it is being deleted".to_owned(),
            waiting => format!("it is being deleted, and waits for {}", waiting.join(", ")),
        })
    }

    /// That its controller has not yet seen the newest spec: what the status says is about an older one.
    pub fn unobserved(self) -> Option<String> {
        let generation = self.number("/metadata/generation")?;
        let ready = self.condition("Ready").and_then(|ready| ready.0.number("/observedGeneration"));
        let observed = [self.number("/status/observedGeneration"), ready].into_iter().flatten().min()?;
        (observed < generation)
            .then(|| format!("its controller has seen generation {observed}, and {generation} is the newest"))
    }
}

impl<'a> Condition<'a> {
    pub fn is(self, status: &str) -> bool {
        self.0.text("/status") == Some(status)
    }

    pub fn reason(self) -> &'a str {
        self.0.text("/reason").unwrap_or_default()
    }

    pub fn message(self) -> &'a str {
        self.0.text("/message").unwrap_or_default()
    }

    /// When its status last changed.
    pub fn since(self) -> Option<&'a str> {
        self.0.text("/lastTransitionTime")
    }
}

impl fmt::Display for Condition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.reason(), self.message()) {
            ("", "") => {
                let name = self.0.text("/type").unwrap_or("a condition");
                write!(f, "{name} is {}", self.0.text("/status").unwrap_or("Unknown"))
            }
            (text, "") | ("", text) => f.write_str(text),
            (reason, message) => write!(f, "{reason}: {message}"),
        }
    }
}
