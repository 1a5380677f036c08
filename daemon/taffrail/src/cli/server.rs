//! `--server`, which several commands have.

use clap::Args;
use reqwest::Url;

use crate::client::Client;
use crate::failure::Failure;

/// Which daemon is asked.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The daemon that is asked.
    #[arg(long, value_name = "URL", env = "TAFFRAIL_SERVER", default_value = "http://127.0.0.1:8420", value_parser = url)]
    server: Url,
}

impl Server {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.server)
    }
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}: write it as http://127.0.0.1:8420"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("it should start with http:// or https://".to_owned()),
    }
}
