//! The list of references with which a Git server greets, read along for its tags while libgit2 reads it: what git2
//! offers panics on a reference whose name is no UTF-8.
//!
//! Always: it takes bytes in pieces of any size, and its memory has a limit.

use git2::{Oid, Reference};

use crate::text;

/// Most tags that are looked at.
pub(crate) const MOST_TAGS: usize = 100_000;
/// Largest packet of the protocol, with its length.
const LARGEST_PACKET: usize = 65_520;

/// A tag as a server names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    /// Its name, without `refs/tags/`.
    pub(crate) name: String,
    /// What it points to: a commit, or a tag object that leads to one.
    pub(crate) id: Oid,
}

/// The tag of a reference's name; none for other references, for names that git would not make, and for those that would
/// not read in a log as they are.
pub(crate) fn tag(reference: &[u8], id: Oid) -> Option<Tag> {
    let reference = str::from_utf8(reference).ok()?;
    let name = reference.strip_prefix("refs/tags/")?;
    let plain = Reference::is_valid_name(reference) && text::line(name.as_bytes()) == name;
    plain.then(|| Tag { name: name.to_owned(), id })
}

/// What was heard so far.
#[derive(Debug, Default)]
pub(crate) struct Advertisement {
    tags: Vec<Tag>,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    /// Of a packet that has not come whole, this.
    Hearing {
        rest: Vec<u8>,
        any: bool,
    },
    Whole,
    TooMany,
    /// libgit2 will say what is wrong with it.
    Broken,
}

impl Default for Progress {
    fn default() -> Self {
        Self::Hearing { rest: Vec::new(), any: false }
    }
}

impl Advertisement {
    /// The tags, once all were heard.
    pub(crate) fn tags(&self) -> Result<&[Tag], String> {
        match self.progress {
            Progress::Whole => Ok(&self.tags),
            Progress::TooMany => Err(format!("it has more than {MOST_TAGS} tags")),
            Progress::Hearing { .. } | Progress::Broken => Err("its list of references is malformed".to_owned()),
        }
    }

    /// Hears more. What comes after the list is not for us.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        let Progress::Hearing { rest, any } = &mut self.progress else { return };
        rest.extend_from_slice(bytes);
        let mut at = 0;
        let next = loop {
            let Some(length) = rest.get(at..at + 4) else { break None };
            let length = str::from_utf8(length).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
            match length {
                // Over HTTPS a packet that names the service, and an empty one, come before the list.
                Some(0) if *any => break Some(Progress::Whole),
                Some(0) => at += 4,
                Some(length @ 4..=LARGEST_PACKET) => {
                    let Some(packet) = rest.get(at + 4..at + length) else { break None };
                    at += length;
                    let line = packet.split(|byte| matches!(byte, 0 | b'\n')).next().unwrap_or_default();
                    let Some((id, name)) = reference(line) else { continue };
                    *any = true;
                    self.tags.extend(tag(name, id));
                    if self.tags.len() > MOST_TAGS {
                        break Some(Progress::TooMany);
                    }
                }
                _ => break Some(Progress::Broken),
            }
        };
        match next {
            Some(progress) => self.progress = progress,
            None => drop(rest.drain(..at)),
        }
    }
}

/// `ID NAME`.
fn reference(line: &[u8]) -> Option<(Oid, &[u8])> {
    let (id, name) = line.split_at_checked(40)?;
    let id = Oid::from_str(str::from_utf8(id).ok()?).ok()?;
    Some((id, name.strip_prefix(b" ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789012345678901234567890123456789";

    fn packet(line: &str) -> String {
        format!("{:04x}{line}", line.len() + 4)
    }

    fn list() -> Vec<u8> {
        let mut bytes = packet("# service=git-upload-pack\n") + "0000";
        bytes += &packet(&format!("{ID} HEAD\0multi_ack symref=HEAD:refs/heads/main\n"));
        for name in ["refs/heads/v9", "refs/tags/v1", "refs/tags/v1^{}", "refs/tags/a/b", "refs/tags/x\u{202e}y"] {
            bytes += &packet(&format!("{ID} {name}\n"));
        }
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(format!("0039{ID} refs/tags/").as_bytes());
        bytes.extend_from_slice(b"\xff\xfe");
        bytes.extend_from_slice(b"0000PACK and what else comes");
        bytes
    }

    #[test]
    fn tags_are_heard_in_pieces_of_any_size() {
        for size in [1, 3, 7, 64, 10_000] {
            let mut heard = Advertisement::default();
            list().chunks(size).for_each(|piece| heard.hear(piece));
            let names: Vec<&str> = heard.tags().unwrap().iter().map(|tag| tag.name.as_str()).collect();
            assert_eq!(names, ["v1", "a/b"], "in pieces of {size}");
            assert_eq!(heard.tags().unwrap()[0].id.to_string(), ID);
        }
    }

    #[test]
    fn half_a_list_and_a_list_of_something_else_have_no_tags() {
        let mut heard = Advertisement::default();
        heard.hear(&list()[..150]);
        assert!(heard.tags().is_err());
        heard.hear(b"what is this");
        assert!(heard.tags().is_err());
    }
}
