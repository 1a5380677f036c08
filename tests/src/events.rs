//! Events, as a reader of `/events` has them.

use std::fmt;

use serde_json::Value;

/// One event.
#[derive(Clone, PartialEq)]
pub struct Event(pub Value);

impl Event {
    /// Its number.
    pub fn seq(&self) -> u64 {
        self.0["seq"].as_u64().expect("an event has a number")
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        self.0["kind"].as_str().expect("an event has a kind")
    }

    /// The application or repository that it is about.
    pub fn subject(&self) -> &str {
        self.0["subject"]["name"].as_str().unwrap_or_default()
    }

    /// The sync that it belongs to.
    pub fn sync(&self) -> Option<u64> {
        self.0["sync"].as_u64()
    }

    /// A field of its data, as a JSON pointer.
    pub fn field(&self, pointer: &str) -> &Value {
        self.0["data"].pointer(pointer).unwrap_or(&Value::Null)
    }

    /// A field of its data that is text.
    pub fn text(&self, pointer: &str) -> &str {
        self.field(pointer).as_str().unwrap_or_default()
    }

    /// The texts of a field that is a list.
    pub fn texts(&self, pointer: &str) -> Vec<String> {
        let list = self.field(pointer).as_array().into_iter().flatten();
        list.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).collect()
    }

    /// The object that it is about.
    pub fn object(&self) -> &str {
        self.text("/object")
    }

    /// The reason that it gives for an object, in its list of reasons.
    pub fn reason_of(&self, object: &str) -> Option<&str> {
        let list = self.field("/objects").as_array()?;
        list.iter().find(|reason| reason["object"] == object)?["reason"].as_str()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.seq(), self.subject(), self.kind())?;
        if let Some(sync) = self.sync() {
            write!(f, " sync {sync}")?;
        }
        write!(f, " {}", self.0["data"])
    }
}

/// The kinds of events, in their order.
pub fn kinds(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::kind).collect()
}
