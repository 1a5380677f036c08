//! The lines of an answer, as they come.

use reqwest::Response;
use taffrail_model::{Digest, Seq};

use super::LARGEST;
use super::error::{self, ClientError};

/// Lines of an answer that may have no end.
pub(crate) struct Lines {
    response: Response,
    server: String,
    buffer: Vec<u8>,
    /// Where the next line starts in `buffer`.
    start: usize,
}

impl Lines {
    pub(super) fn new(response: Response, server: String) -> Self {
        Self { response, server, buffer: Vec::new(), start: 0 }
    }

    /// The newest event when the answer began and its hash: where an export ends.
    pub(crate) fn head(&self) -> Result<(Seq, Digest), ClientError> {
        let header = self.response.headers().get("taffrail-head").and_then(|value| value.to_str().ok());
        let head = header.and_then(|text| {
            let (seq, hash) = text.split_once(' ')?;
            Some((Seq(seq.parse().ok()?), hash.parse().ok()?))
        });
        head.ok_or_else(|| self.unreadable("it does not name the newest event".to_owned()))
    }

    /// The next line without its end; `None` after the last. A last line without an end was cut off.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let mut searched = self.start;
        loop {
            if let Some(length) = self.buffer[searched..].iter().position(|byte| *byte == b'\n') {
                let line = &self.buffer[self.start..searched + length];
                let line = line.strip_suffix(b"\r").unwrap_or(line).to_vec();
                self.start = searched + length + 1;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            searched = self.buffer.len();
            if searched > LARGEST {
                return Err(self.unreadable(format!("a line is longer than {LARGEST} bytes")));
            }
            let chunk = self.response.chunk().await;
            match chunk.map_err(|error| self.cut(error::root(&error)))? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(self.cut("it ends within a line".to_owned())),
            }
        }
    }

    pub(super) fn unreadable(&self, reason: String) -> ClientError {
        ClientError::Unreadable { server: self.server.clone(), reason }
    }

    fn cut(&self, reason: String) -> ClientError {
        ClientError::Cut { server: self.server.clone(), reason }
    }
}
