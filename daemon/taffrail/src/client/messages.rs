//! Server-sent events, as far as the daemon uses them: `id` and `data`, and an `id` alone that says how far it looked.

use super::{ClientError, Lines};

/// A stream of messages.
pub(crate) struct Messages {
    lines: Lines,
}

/// One message.
pub(crate) struct Message {
    /// The id of the event, or of the last one that was looked at: where to go on.
    pub(crate) id: String,
    /// Its number.
    pub(crate) seq: u64,
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
                match (id.take(), data.take()) {
                    (Some((id, seq)), event) => return Ok(Some(Message { id, seq, event })),
                    (None, Some(_)) => return Err(self.lines.unreadable("an event has no number".to_owned())),
                    (None, None) => {} // Comments only.
                }
            } else if let Some(text) = value(&line, b"data") {
                match &mut data {
                    Some(data) => data.extend([b"\n", text].concat()),
                    None => data = Some(text.to_vec()),
                }
            } else if let Some(text) = value(&line, b"id") {
                id = std::str::from_utf8(text).ok().and_then(|text| Some((text.to_owned(), number(text)?)));
            }
        }
        Ok(None)
    }
}

/// The number in an id, `EPOCH-SEQ`; a daemon of an earlier version gave the number alone.
fn number(id: &str) -> Option<u64> {
    id.rsplit('-').next()?.parse().ok()
}

/// The value of a field line `FIELD: VALUE`.
fn value<'l>(line: &'l [u8], field: &[u8]) -> Option<&'l [u8]> {
    let value = line.strip_prefix(field)?.strip_prefix(b":")?;
    Some(value.strip_prefix(b" ").unwrap_or(value))
}
