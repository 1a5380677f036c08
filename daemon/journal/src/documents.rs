//! The stored form of a document: a byte for how it is stored, the length of the content, then zstd, encrypted when the
//! document is confidential. Compression comes first: ciphertext does not compress.

use taffrail_model::Digest;
use taffrail_ports::journal::Document;

use crate::key::Keys;

/// Largest document.
pub(crate) const LARGEST: usize = 256 << 20;

const PLAIN: u8 = 0;
const CONFIDENTIAL: u8 = 1;
const HEADER: usize = 5;

/// The stored form. The caller has checked the name and the size.
pub(crate) fn encode(document: &Document, keys: &Keys) -> Result<Vec<u8>, String> {
    let length = u32::try_from(document.bytes.len()).map_err(|e| e.to_string())?;
    let packed = zstd::bulk::compress(&document.bytes, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(|e| e.to_string())?;
    let (form, body) = match document.confidential {
        true => (CONFIDENTIAL, keys.encrypt(document.digest, packed)),
        false => (PLAIN, packed),
    };
    Ok([&[form], length.to_be_bytes().as_slice(), &body].concat())
}

/// The content, checked against its name; or how it is bad.
pub(crate) fn decode(digest: Digest, stored: &[u8], keys: &Keys) -> Result<Vec<u8>, &'static str> {
    let (header, body) = stored.split_first_chunk::<HEADER>().ok_or("is cut short")?;
    let [form, length @ ..] = *header;
    let length = u32::from_be_bytes(length) as usize;
    if length > LARGEST {
        return Err("has a damaged length");
    }
    let confidential = match form {
        PLAIN => false,
        CONFIDENTIAL => true,
        _ => return Err("has a damaged form"),
    };
    let bytes = if confidential {
        let packed = keys.decrypt(digest, body).ok_or("does not decrypt: it is damaged")?;
        zstd::bulk::decompress(&packed, length)
    } else {
        zstd::bulk::decompress(body, length)
    };
    let bytes = bytes.map_err(|_| "does not unpack: it is damaged")?;
    if bytes.len() != length || keys.digest(&bytes, confidential) != digest {
        return Err("is not what its name says: it is damaged");
    }
    Ok(bytes)
}
