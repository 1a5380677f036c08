//! `--server`, which several commands have.

use clap::Args;
use reqwest::Url;

use crate::client::Client;
use crate::failure::Failure;

/// Which daemon is asked.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The daemon that is asked [default: http://127.0.0.1:8420].
    #[arg(long, value_name = "URL", env = "TAFFRAIL_SERVER", value_parser = url)]
    server: Option<Url>,
}

const USUAL: &str = "http://127.0.0.1:8420";

impl Server {
    pub(super) fn client(&self) -> Result<Client, Failure> {
        self.client_or(&Url::parse(USUAL).expect("it is a URL"))
    }

    /// Of the daemon at `usual` when none is named.
    pub(super) fn client_or(&self, usual: &Url) -> Result<Client, Failure> {
        Client::new(self.server.as_ref().unwrap_or(usual))
    }
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}: write it as http://127.0.0.1:8420"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("it should start with http:// or https://".to_owned()),
    }
}
