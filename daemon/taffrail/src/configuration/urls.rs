//! URLs of the configuration.
//!
//! Always: what passes holds no user (but of ssh), password or (for a repository) query, since it is recorded; what does not pass is
//! not repeated in the error.

use reqwest::Url;
use taffrail_model::ssh::{InvalidSshAddress, SshAddress};

/// A repository's URL: `https://HOST/PATH`, `ssh://USER@HOST/PATH`, `USER@HOST:PATH` or `file:///PATH`.
pub(super) fn repository(text: &str) -> Result<String, String> {
    if SshAddress::is_meant(text) {
        return text.parse().map(|_: SshAddress| text.to_owned()).map_err(|error: InvalidSshAddress| error.to_string());
    }
    let url =
        Url::parse(text).map_err(|_| "is no URL: write https://HOST/PATH, ssh://git@HOST/PATH or file:///PATH")?;
    match url.scheme() {
        "https" | "file" => {}
        "http" => {
            return Err("is not encrypted, so anyone on the way could change what is applied: use https://".into());
        }
        "git+ssh" | "ssh+git" => return Err("has an old name of ssh: use ssh://".into()),
        _ => return Err("has a scheme that cannot be fetched: use https://, ssh:// or file://".into()),
    }
    no_user(&url, "it would be recorded; use \"credentials\"")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("has a ? or #, which the URL of a repository never has".into());
    }
    if url.scheme() == "file" && url.host().is_some() {
        return Err("names a host: a file:// URL has three slashes, as in file:///srv/shop.git".into());
    }
    if url.scheme() == "file" && !text.starts_with("file:///") {
        return Err("should start with file:///".into());
    }
    Ok(text.to_owned())
}

/// The URL of a check: `http://` or `https://`.
pub(super) fn check(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|_| "is no URL: write http://HOST/PATH or https://HOST/PATH")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("should start with http:// or https://".into());
    }
    no_user(&url, "it would be recorded")?;
    Ok(text.to_owned())
}

/// The path of a check of a Service: it stays below the Service, whatever the API server's proxy makes of it.
pub(super) fn path(text: &str) -> Result<String, String> {
    if !text.starts_with('/') {
        return Err("should start with /".into());
    }
    let sound = |b: u8| b.is_ascii_graphic() && !matches!(b, b'#' | b'\\');
    let encoded = text.to_ascii_lowercase();
    if !text.bytes().all(sound) || ["/..", "/./", "%2e", "%2f", "%5c"].iter().any(|part| encoded.contains(part)) {
        return Err("should be a plain path, without \"..\", spaces, fragments or encoded dots and slashes".into());
    }
    Ok(text.to_owned())
}

fn no_user(url: &Url, why: &str) -> Result<(), String> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(());
    }
    Err(format!("holds a user or password: {why}"))
}
