//! The form of an export: all of a journal in one stream, written and read in little memory.
//!
//! ```text
//! zstd skippable frame   "taffrail export 1\n"
//! zstd frame             head SEQ HASH\n
//!                        event LENGTH\n      the stored bytes \n     (SEQ times, from the first event on)
//!                        document NAME LENGTH\n   the stored form \n
//!                        end EVENTS DOCUMENTS\n
//! zstd skippable frame   BLAKE3 of every byte before this frame
//! ```
//!
//! Always: a reader says that it came to the end only of a stream of which no byte is missing, changed or added.
//! Confidential documents are in there as they are stored: encrypted. `zstd -d` shows the records to a person.

use std::io::{self, BufRead, BufReader, Read, Write};

use taffrail_model::{Digest, Seq};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

use crate::documents;
use crate::head::Mark;
use crate::store::LARGEST_EVENT;

/// A later form that this version cannot read has another number.
const MAGIC: &[u8] = b"taffrail export 1\n";
const MAGIC_START: &[u8] = b"taffrail export ";
/// The first of the sixteen skippable frames that zstd's format has.
const SKIPPABLE: [u8; 4] = 0x184D_2A50_u32.to_le_bytes();
const FRAME_HEADER: usize = 8;
const TRAILER: usize = FRAME_HEADER + blake3::OUT_LEN;
/// The longest line before a record's content.
const LONGEST_LINE: u64 = 160;
/// The largest stored form: what does not compress grows a little.
const LARGEST_DOCUMENT: usize = documents::LARGEST + (1 << 20);
/// How much is read at once.
const PIECE: usize = 64 << 10;

/// What is wrong with an export.
#[derive(Debug)]
pub(crate) struct Bad(pub(crate) String);

fn bad(reason: impl Into<String>) -> Bad {
    Bad(reason.into())
}

/// Writes an export.
pub(crate) struct Archiver<'w> {
    records: Encoder<'static, Hashing<'w>>,
    events: u64,
    documents: u64,
}

impl<'w> Archiver<'w> {
    /// Starts one that ends with the event `head`.
    pub(crate) fn start(to: &'w mut dyn Write, head: Mark) -> io::Result<Self> {
        let mut to = Hashing { to, hasher: blake3::Hasher::new() };
        to.write_all(&skippable(MAGIC))?;
        let mut records = Encoder::new(to, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        writeln!(records, "head {} {}", head.seq, head.hash)?;
        Ok(Self { records, events: 0, documents: 0 })
    }

    pub(crate) fn event(&mut self, bytes: &[u8]) -> io::Result<()> {
        writeln!(self.records, "event {}", bytes.len())?;
        self.records.write_all(bytes)?;
        self.records.write_all(b"\n")?;
        self.events += 1;
        Ok(())
    }

    pub(crate) fn document(&mut self, name: Digest, stored: &[u8]) -> io::Result<()> {
        writeln!(self.records, "document {name} {}", stored.len())?;
        self.records.write_all(stored)?;
        self.records.write_all(b"\n")?;
        self.documents += 1;
        Ok(())
    }

    /// Ends it. Returns how many documents it has.
    pub(crate) fn end(mut self) -> io::Result<u64> {
        writeln!(self.records, "end {} {}", self.events, self.documents)?;
        let Hashing { to, hasher } = self.records.finish()?;
        to.write_all(&skippable(hasher.finalize().as_bytes()))?;
        to.flush()?;
        Ok(self.documents)
    }
}

/// Hashes what goes through it.
struct Hashing<'w> {
    to: &'w mut dyn Write,
    hasher: blake3::Hasher,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A record of an export.
pub(crate) enum Record {
    /// An event's stored bytes.
    Event(Vec<u8>),
    /// A document's name and stored form.
    Document(Digest, Vec<u8>),
}

/// Reads an export.
pub(crate) struct Archive<'r> {
    records: BufReader<Decoder<'static, BufReader<Body<'r>>>>,
    /// The event that it ends with, as it says itself.
    pub(crate) head: Mark,
    events: u64,
    documents: u64,
}

impl<'r> Archive<'r> {
    pub(crate) fn open(from: &'r mut dyn Read) -> Result<Self, Bad> {
        let mut body = Body { from, held: Vec::new(), given: 0, ended: false, hasher: blake3::Hasher::new() };
        let mut start = [0; FRAME_HEADER + MAGIC.len()];
        body.read_exact(&mut start).map_err(|error| bad(error.to_string()))?;
        if start != *skippable(MAGIC) {
            return Err(bad(if start[FRAME_HEADER..].starts_with(MAGIC_START) {
                "it has a form that this version does not know"
            } else {
                "it does not start as an export does"
            }));
        }
        let decoder = Decoder::with_buffer(BufReader::new(body)).map_err(|error| bad(error.to_string()))?;
        let records = BufReader::new(decoder.single_frame());
        let mut archive = Self { records, head: Mark::NONE, events: 0, documents: 0 };
        let line = archive.line()?;
        let head = line
            .strip_prefix("head ")
            .and_then(|head| head.split_once(' '))
            .and_then(|(seq, hash)| Some(Mark { seq: Seq(seq.parse().ok()?), hash: hash.parse().ok()? }));
        archive.head = head.ok_or_else(|| bad("it does not say with which event it ends"))?;
        Ok(archive)
    }

    /// The next record; none when all of it was there and as it was written.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, Bad> {
        let line = self.line()?;
        let unknown = || bad(format!("it holds a record that is none: {line:?}"));
        let mut words = line.split(' ');
        let words = (words.next().unwrap_or_default(), words.next(), words.next(), words.next());
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u64>().ok()).ok_or_else(unknown);
        match words {
            ("event", length, None, None) => {
                let bytes = self.content(number(length)?, LARGEST_EVENT)?;
                self.events += 1;
                Ok(Some(Record::Event(bytes)))
            }
            ("document", Some(name), length, None) => {
                let name = name.parse().map_err(|_| unknown())?;
                let stored = self.content(number(length)?, LARGEST_DOCUMENT)?;
                self.documents += 1;
                Ok(Some(Record::Document(name, stored)))
            }
            ("end", events, documents, None) => {
                let counts = (number(events)?, number(documents)?);
                if counts != (self.events, self.documents) {
                    return Err(bad("it does not hold as many events and documents as it says"));
                }
                self.end()?;
                Ok(None)
            }
            _ => Err(unknown()),
        }
    }

    fn line(&mut self) -> Result<String, Bad> {
        let mut line = Vec::new();
        let limited = (&mut self.records).take(LONGEST_LINE).read_until(b'\n', &mut line);
        limited.map_err(|error| bad(error.to_string()))?;
        let text = line.strip_suffix(b"\n").and_then(|line| String::from_utf8(line.to_vec()).ok());
        text.ok_or_else(|| bad("a record does not start with a line of text"))
    }

    fn content(&mut self, length: u64, most: usize) -> Result<Vec<u8>, Bad> {
        if length > most as u64 {
            return Err(bad(format!("a record of {length} bytes is larger than any can be")));
        }
        let mut content = Vec::new();
        // Grows with what is there, not with what is promised.
        let read = (&mut self.records).take(length + 1).read_to_end(&mut content);
        read.map_err(|error| bad(error.to_string()))?;
        match content.pop() {
            Some(b'\n') if content.len() as u64 == length => Ok(content),
            _ => Err(bad("a record is not as long as it says")),
        }
    }

    /// Checks that nothing follows, and that nothing was changed.
    fn end(&mut self) -> Result<(), Bad> {
        let more = self.records.fill_buf().map_err(|error| bad(error.to_string()))?;
        if !more.is_empty() {
            return Err(bad("records follow its end"));
        }
        let after = self.records.get_mut().get_mut();
        if !after.fill_buf().map_err(|error| bad(error.to_string()))?.is_empty() {
            return Err(bad("something follows its end"));
        }
        if after.get_ref().is_as_written() { Ok(()) } else { Err(bad("its content does not give its hash")) }
    }
}

fn skippable(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("what is put in there is short");
    [&SKIPPABLE, length.to_le_bytes().as_slice(), content].concat()
}

/// All but the trailer, which is held back until the end of the input shows what it is.
struct Body<'r> {
    from: &'r mut dyn Read,
    held: Vec<u8>,
    /// How much of `held` was given out.
    given: usize,
    ended: bool,
    hasher: blake3::Hasher,
}

impl Body<'_> {
    /// Once everything was read: whether it is what the trailer says.
    fn is_as_written(&self) -> bool {
        self.held[self.given..] == *skippable(self.hasher.finalize().as_bytes())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while !self.ended && self.held.len() - self.given <= TRAILER {
            self.held.drain(..self.given);
            self.given = 0;
            let count = (&mut self.from).take(PIECE as u64).read_to_end(&mut self.held)?;
            self.ended = count == 0;
        }
        let free = (self.held.len() - self.given).saturating_sub(TRAILER);
        let count = free.min(to.len());
        let piece = &self.held[self.given..self.given + count];
        to[..count].copy_from_slice(piece);
        self.hasher.update(piece);
        self.given += count;
        Ok(count)
    }
}
