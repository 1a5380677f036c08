//! Server-sent events, as far as the daemon uses them: `id` and `data`, and an `id` alone that says how far it looked.

use super::{ClientError, Lines};

/// A stream of messages.
pub(crate) struct Messages {
    lines: Lines,
}

/// One message.
pub(crate) struct Message {
    /// The number of the event, or of the last one that was looked at.
    pub(crate) id: u64,
    /// The event's stored bytes, if there is one.
    pub(crate) event: Option<Vec<u8>>,
}

impl Messages {
    pub(super) fn new(lines: Lines) -> Self {
        Self { lines }
    }

    /// The next message; `None` when the stream ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, ClientError> {
        let (mut id, mut data) = (None, None::<Vec<u8>>);
        while let Some(line) = self.lines.next().await? {
            if line.is_empty() {
                match (id, data.take()) {
                    (Some(id), event) => return Ok(Some(Message { id, event })),
                    (None, Some(_)) => return Err(self.lines.unreadable("an event has no number".to_owned())),
                    (None, None) => {} // Comments only.
                }
            } else if let Some(text) = value(&line, b"data") {
                match &mut data {
                    Some(data) => data.extend([b"\n", text].concat()),
                    None => data = Some(text.to_vec()),
                }
            } else if let Some(text) = value(&line, b"id") {
                id = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            }
        }
        Ok(None)
    }
}

/// The value of a field line `FIELD: VALUE`.
fn value<'l>(line: &'l [u8], field: &[u8]) -> Option<&'l [u8]> {
    let value = line.strip_prefix(field)?.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
