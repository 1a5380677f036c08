//! Commits and tags as they were signed: what the signature covers, and the signature.
//!
//! Always: both come from the object's own bytes, whose digest libgit2 has checked. Nothing of the object but the
//! signature is left out of what must be covered.

use git2::{ObjectType, Oid, Repository};

/// An object that may be signed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// What a signature covers.
    pub(crate) payload: Vec<u8>,
    /// The signature, in armor.
    pub(crate) signature: Option<String>,
}

/// How an armored signature of any kind begins in a tag.
const ARMOR: [&[u8]; 4] = [
    b"-----BEGIN PGP SIGNATURE-----",
    b"-----BEGIN PGP MESSAGE-----",
    b"-----BEGIN SSH SIGNATURE-----",
    b"-----BEGIN SIGNED MESSAGE-----",
];

/// A commit.
pub(crate) fn commit(repo: &Repository, id: Oid) -> Result<Signed, git2::Error> {
    let odb = repo.odb()?;
    let object = odb.read(id)?;
    debug_assert_eq!(object.kind(), ObjectType::Commit);
    Ok(split_commit(object.data()))
}

/// A tag object.
pub(crate) fn tag(repo: &Repository, id: Oid) -> Result<Signed, git2::Error> {
    let odb = repo.odb()?;
    let object = odb.read(id)?;
    debug_assert_eq!(object.kind(), ObjectType::Tag);
    Ok(split_tag(object.data()))
}

/// The first `gpgsig` among the headers is the signature. Another one stays in what is covered, as nobody's signature.
fn split_commit(raw: &[u8]) -> Signed {
    let (mut payload, mut signature) = (Vec::with_capacity(raw.len()), None::<Vec<u8>>);
    let mut lines = raw.split_inclusive(|byte| *byte == b'\n').peekable();
    while let Some(line) = lines.next() {
        match line.strip_prefix(b"gpgsig ") {
            Some(first) if signature.is_none() => {
                let mut armor = first.to_vec();
                while let Some(more) = lines.next_if(|line| line.starts_with(b" ")) {
                    armor.extend_from_slice(&more[1..]);
                }
                signature = Some(armor);
            }
            _ => payload.extend_from_slice(line),
        }
        if line == b"\n" {
            break; // the message follows
        }
    }
    lines.for_each(|line| payload.extend_from_slice(line));
    Signed { payload, signature: signature.map(|armor| String::from_utf8_lossy(&armor).into_owned()) }
}

/// The signature is at the end of a tag's message.
fn split_tag(raw: &[u8]) -> Signed {
    let mut start = None;
    let mut at = 0;
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        if ARMOR.iter().any(|armor| line.starts_with(armor)) {
            start = Some(at);
        }
        at += line.len();
    }
    match start {
        Some(start) => Signed {
            payload: raw[..start].to_vec(),
            signature: Some(String::from_utf8_lossy(&raw[start..]).into_owned()),
        },
        None => Signed { payload: raw.to_vec(), signature: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commits_signature_is_taken_out_and_nothing_else() {
        let raw = b"tree 1\nauthor A\ngpgsig -----BEGIN X-----\n a\n \n -----END X-----\nencoding y\n\ngpgsig in the message\n";
        let signed = split_commit(raw);
        assert_eq!(signed.signature.as_deref(), Some("-----BEGIN X-----\na\n\n-----END X-----\n"));
        assert_eq!(signed.payload, b"tree 1\nauthor A\nencoding y\n\ngpgsig in the message\n");
    }

    #[test]
    fn what_is_in_the_message_is_no_signature_and_a_second_one_is_covered() {
        let raw = b"tree 1\n\ngpgsig -----BEGIN SSH SIGNATURE-----\n x\n";
        assert_eq!(split_commit(raw), Signed { payload: raw.to_vec(), signature: None });
        let two = split_commit(b"tree 1\ngpgsig a\ngpgsig b\n c\n\nm");
        assert_eq!((two.signature.as_deref(), &two.payload[..]), (Some("a\n"), &b"tree 1\ngpgsig b\n c\n\nm"[..]));
    }

    #[test]
    fn a_tags_signature_is_the_last_armor() {
        let raw = b"object 1\ntag v1\n\n-----BEGIN SSH SIGNATURE-----\nquoted\n-----BEGIN PGP SIGNATURE-----\nx\n";
        let signed = split_tag(raw);
        assert_eq!(signed.signature.as_deref(), Some("-----BEGIN PGP SIGNATURE-----\nx\n"));
        assert_eq!(signed.payload, b"object 1\ntag v1\n\n-----BEGIN SSH SIGNATURE-----\nquoted\n");
        assert_eq!(split_tag(b"object 1\n\nplain\n").signature, None);
    }
}
