//! Bytes to located nodes, bounded.
//!
//! What always holds: the work done is bounded by [`Limits`], also for aliases of aliases; a mapping with two equal
//! keys is an error that names both lines (kubectl's server refuses it too); keys are strings.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::error::Error;
use crate::limits::Limits;
use crate::node::{Content, Entry, Location, Node, Scalar};
use crate::resolve::{Plain, Rules, resolve};

/// Reads all documents of a file; empty documents are left out.
pub fn parse(bytes: &[u8], file: &str, limits: &Limits) -> Result<Vec<Node>, Error> {
    if bytes.len() > limits.bytes {
        return Err(Error::of(file, format!("is larger than the limit of {} bytes", limits.bytes)));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(bytes, file, error.valid_up_to()))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let options = granit_parser::options! {
        emit_comments: false,
        // Nesting is bounded by our own limit, which has the better message; theirs only guards the stack.
        block_nesting_limit: limits.depth.saturating_mul(2) + 2,
        flow_nesting_limit: limits.depth.saturating_mul(2) + 2,
    };
    let mut reader = Reader {
        file,
        limits,
        events: Parser::new_from_str_with_options(text, options),
        nodes: 0,
        anchors: BTreeMap::new(),
    };
    reader.documents()
}

fn not_utf8(bytes: &[u8], file: &str, at: usize) -> Error {
    let before = &bytes[..at];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = at - before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1) + 1;
    Error::at(file, location(line, column), "is not UTF-8").hint("save the file as UTF-8")
}

fn location(line: usize, column: usize) -> Location {
    Location { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
}

struct Reader<'a> {
    file: &'a str,
    limits: &'a Limits,
    events: Parser<'a, StrInput<'a>>,
    nodes: usize,
    /// Finished anchored nodes of the current document, with their size and height.
    anchors: BTreeMap<usize, (Node, usize, usize)>,
}

impl Reader<'_> {
    fn documents(&mut self) -> Result<Vec<Node>, Error> {
        let mut documents = Vec::new();
        // The events are finite: each costs at least a byte of the bounded input, or closes one that did.
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) => {
                    if documents.len() == self.limits.documents {
                        let what = format!("has more than the limit of {} documents", self.limits.documents);
                        return Err(self.error(&span, what));
                    }
                    self.anchors.clear();
                    let (event, span) = self.next()?.ok_or_else(|| Error::of(self.file, "ends unexpectedly"))?;
                    let document = self.node(event, &span, 0)?;
                    if !document.is_null() {
                        documents.push(document);
                    }
                }
                Event::StreamEnd => break,
                _ => {}
            }
        }
        Ok(documents)
    }

    fn next(&mut self) -> Result<Option<(Event<'static>, Span)>, Error> {
        match self.events.next_event() {
            None => Ok(None),
            Some(Ok((event, span))) => Ok(Some((owned(event), span))),
            Some(Err(error)) => {
                let place = location(error.marker().line(), error.marker().col() + 1);
                // The kind of a scan error says what was expected and never shows the text.
                let error = Error::at(self.file, place, format!("is not valid YAML: {}", error.kind()));
                Err(error.hint("look at the indentation and the quotes here and on the line above"))
            }
        }
    }

    fn error(&self, span: &Span, what: impl Into<String>) -> Error {
        Error::at(self.file, start(span), what)
    }

    fn count(&mut self, span: &Span, nodes: usize, depth: usize) -> Result<(), Error> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            let what = format!("has more than the limit of {} nodes (aliases expanded)", self.limits.nodes);
            return Err(self.error(span, what));
        }
        if depth > self.limits.depth {
            return Err(self.error(span, format!("is nested deeper than the limit of {}", self.limits.depth)));
        }
        Ok(())
    }

    /// Recursion is bounded by `limits.depth`.
    fn node(&mut self, event: Event<'_>, span: &Span, depth: usize) -> Result<Node, Error> {
        let before = self.nodes;
        if let Event::Alias(anchor) = event {
            let (node, size, height) = self
                .anchors
                .get(&anchor)
                .cloned()
                .ok_or_else(|| self.error(span, "is an alias inside of its own anchor"))?;
            self.count(span, size, depth + height)?;
            return Ok(node);
        }
        self.count(span, 1, depth)?;
        let anchor = event.anchor_id();
        let content = match event {
            Event::Scalar(text, style, _, tag) => {
                let string = self.is_string(span, style, tag.as_deref())?;
                // The parser says "~" where nothing is written.
                let nothing = style == ScalarStyle::Plain && span.start.index() == span.end.index();
                let text = if nothing { String::new() } else { text.into_owned() };
                Content::Scalar(self.scalar(span, text, string)?)
            }
            Event::SequenceStart(_, _, tag) => {
                self.check_tag(span, tag.as_deref(), "seq")?;
                Content::Sequence(self.sequence(depth)?)
            }
            Event::MappingStart(_, _, tag) => {
                self.check_tag(span, tag.as_deref(), "map")?;
                Content::Mapping(self.mapping(depth)?)
            }
            _ => return Err(self.error(span, "has no value where one is needed")),
        };
        let node = Node { location: start(span), content };
        if let Some(anchor) = anchor {
            let height = height(&node);
            self.anchors.insert(anchor, (node.clone(), self.nodes - before, height));
        }
        Ok(node)
    }

    fn scalar(&self, span: &Span, text: String, string: bool) -> Result<Scalar, Error> {
        if !string && matches!(resolve(&text, Rules::Manifest), Plain::Float(value) if !value.is_finite()) {
            return Err(self.error(span, "is an infinite or undefined number, which JSON cannot hold"));
        }
        Ok(Scalar { text, string })
    }

    fn is_string(&self, span: &Span, style: ScalarStyle, tag: Option<&Tag>) -> Result<bool, Error> {
        match tag {
            None => Ok(style != ScalarStyle::Plain),
            Some(tag) => match tag.core_suffix() {
                Some("str") => Ok(true),
                // `!!int "1"` says that the quotes do not count.
                Some("int" | "float" | "bool" | "null") => Ok(false),
                _ if tag.original() == "!" => Ok(true),
                _ => Err(self.unsupported_tag(span)),
            },
        }
    }

    fn check_tag(&self, span: &Span, tag: Option<&Tag>, expected: &str) -> Result<(), Error> {
        match tag {
            Some(tag) if !tag.is_yaml_core_schema_tag(expected) => Err(self.unsupported_tag(span)),
            _ => Ok(()),
        }
    }

    fn unsupported_tag(&self, span: &Span) -> Error {
        self.error(span, "has a tag that is not supported").hint("only !!str, !!int, !!float, !!bool and !!null are")
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Error> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::SequenceEnd) {
                break;
            }
            items.push(self.node(event, &span, depth + 1)?);
        }
        Ok(items)
    }

    fn mapping(&mut self, depth: usize) -> Result<Vec<Entry>, Error> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut lines: BTreeMap<String, u32> = BTreeMap::new();
        let mut merged: Option<Node> = None;
        while let Some((event, span)) = self.next()? {
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let is_merge = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text.as_ref() == "<<");
            let key = self.key(event, &span, depth)?;
            if let Some(line) = lines.insert(key.clone(), start(&span).line) {
                let what = format!("has the key \"{key}\" again; it is already on line {line}");
                return Err(self.error(&span, what).hint("keep one of them"));
            }
            let (event, value_span) = self.next()?.ok_or_else(|| self.error(&span, "ends unexpectedly"))?;
            let value = self.node(event, &value_span, depth + 1)?;
            if is_merge {
                merged = Some(value);
            } else {
                entries.push(Entry { key, location: start(&span), value });
            }
        }
        match merged {
            Some(merged) => self.merge(entries, merged),
            None => Ok(entries),
        }
    }

    fn key(&mut self, event: Event<'_>, span: &Span, depth: usize) -> Result<String, Error> {
        let node = self.node(event, span, depth + 1)?;
        let not_a_string = || self.error(span, "has a key that is not a string").hint("put it in quotes");
        match node.content {
            Content::Scalar(scalar) if scalar.string || resolve(&scalar.text, Rules::Manifest) == Plain::Text => {
                Ok(scalar.text)
            }
            // A date is a string to everyone but go-yaml.
            _ => Err(not_a_string()),
        }
    }

    /// `<<`: keys of the mapping itself win, then those of the earlier merged mapping.
    fn merge(&mut self, mut entries: Vec<Entry>, merged: Node) -> Result<Vec<Entry>, Error> {
        let place = merged.location;
        let sources = match merged.content {
            Content::Mapping(_) => vec![merged],
            Content::Sequence(items) => items,
            Content::Scalar(_) => Vec::new(),
        };
        if sources.is_empty() || sources.iter().any(|source| !matches!(source.content, Content::Mapping(_))) {
            return Err(Error::at(self.file, place, "merges something that is not a mapping"));
        }
        let mut keys: std::collections::BTreeSet<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        for source in sources {
            if let Content::Mapping(inherited) = source.content {
                entries.extend(inherited.into_iter().filter(|entry| keys.insert(entry.key.clone())));
            }
        }
        Ok(entries)
    }
}

fn start(span: &Span) -> Location {
    location(span.start.line(), span.start.col() + 1)
}

/// Levels below a node. Recursion is bounded: the node was read within the depth limit.
fn height(node: &Node) -> usize {
    let below = match &node.content {
        Content::Scalar(_) => return 0,
        Content::Sequence(items) => items.iter().map(height).max(),
        Content::Mapping(entries) => entries.iter().map(|entry| height(&entry.value)).max(),
    };
    1 + below.unwrap_or(0)
}

/// Frees an event from the borrow of the parser, so that the parser can go on while it is handled.
fn owned(event: Event<'_>) -> Event<'static> {
    use std::borrow::Cow;
    let tag = |tag: Option<Cow<'_, Tag>>| tag.map(|tag| Cow::Owned(tag.into_owned()));
    match event {
        Event::Scalar(text, style, anchor, t) => Event::Scalar(Cow::Owned(text.into_owned()), style, anchor, tag(t)),
        Event::SequenceStart(style, anchor, t) => Event::SequenceStart(style, anchor, tag(t)),
        Event::MappingStart(style, anchor, t) => Event::MappingStart(style, anchor, tag(t)),
        Event::DocumentStart(explicit, version) => Event::DocumentStart(explicit, version),
        Event::Alias(anchor) => Event::Alias(anchor),
        Event::SequenceEnd => Event::SequenceEnd,
        Event::MappingEnd => Event::MappingEnd,
        Event::DocumentEnd => Event::DocumentEnd,
        Event::StreamEnd => Event::StreamEnd,
        // Comments and anchor metadata are switched off.
        _ => Event::StreamStart,
    }
}
