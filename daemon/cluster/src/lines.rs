//! The lines of an answer that goes on.
//!
//! Always: a line is whole or not told, and at most [`LONGEST_LINE`] long. Waiting for one can be given up at any time
//! without losing any of it.

use http_body_util::BodyExt;
use kube::client::Body;

use crate::server::reason;

/// Longest line. An object has at most 3 MiB, the limit of a request; escaping makes JSON of it that may be longer.
const LONGEST_LINE: usize = 32 << 20;

/// The lines of a body.
pub(crate) struct Lines {
    body: Body,
    buffer: Vec<u8>,
    /// Where the next line begins in the buffer.
    start: usize,
    /// Up to where the next line holds no break.
    searched: usize,
}

impl Lines {
    pub fn new(body: Body) -> Self {
        Self { body, buffer: Vec::new(), start: 0, searched: 0 }
    }

    /// The next line; none when the server closed the body in good order.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, String>> {
        loop {
            if let Some(length) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
                let end = self.searched + length;
                let line = self.buffer[self.start..end].to_vec();
                (self.start, self.searched) = (end + 1, end + 1);
                return Some(Ok(line));
            }
            self.buffer.drain(..self.start);
            (self.start, self.searched) = (0, self.buffer.len());
            if self.buffer.len() > LONGEST_LINE {
                return Some(Err(format!("an event is longer than {LONGEST_LINE} bytes")));
            }
            match self.body.frame().await? {
                Ok(frame) => self.buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Err(error) => return Some(Err(reason(&error))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_whole_lines_are_told() {
        let mut lines = Lines::new(Body::from(b"one\n\ntwo\nhal".to_vec()));
        for expected in ["one", "", "two"] {
            assert_eq!(lines.next().await.unwrap().unwrap(), expected.as_bytes());
        }
        assert!(lines.next().await.is_none());
    }

    #[tokio::test]
    async fn a_line_without_end_is_given_up() {
        let mut lines = Lines::new(Body::from(vec![b'x'; LONGEST_LINE + 1]));
        assert!(lines.next().await.unwrap().is_err());
    }
}
