//! `--server` and the token for it, which several commands have.

use std::path::PathBuf;

use clap::Args;
use reqwest::Url;

use crate::client::{Client, is_loopback};
use crate::failure::Failure;
use crate::output::Output;

/// Which daemon is asked.
#[derive(Debug, Args)]
pub(super) struct Server {
    /// The daemon that is asked [default: http://127.0.0.1:8420].
    #[arg(long, value_name = "URL", env = "TAFFRAIL_SERVER", value_parser = url)]
    server: Option<Url>,
    /// The file of the token to show; TAFFRAIL_TOKEN holds the token itself.
    #[arg(long, value_name = "FILE", env = "TAFFRAIL_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

const USUAL: &str = "http://127.0.0.1:8420";

impl Server {
    pub(super) fn client(&self, output: &mut Output) -> Result<Client, Failure> {
        self.client_or(&Url::parse(USUAL).expect("it is a URL"), output)
    }

    /// Of the daemon at `usual` when none is named.
    pub(super) fn client_or(&self, usual: &Url, output: &mut Output) -> Result<Client, Failure> {
        let (server, token) = (self.server.as_ref().unwrap_or(usual), self.token()?);
        if token.is_some() && server.scheme() == "http" && !is_loopback(server) {
            output.warning("the token is sent in plain HTTP: whoever listens on the way has it. Use https://");
        }
        Client::new(server, token.as_deref())
    }

    /// The token to show. It is no argument: those are seen by every user of the machine.
    fn token(&self) -> Result<Option<String>, Failure> {
        let token = match &self.token_file {
            Some(path) => {
                let read = std::fs::read_to_string(path);
                Some(read.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?)
            }
            None => std::env::var("TAFFRAIL_TOKEN").ok(),
        };
        Ok(token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()))
    }
}

fn url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{error}: write it as http://127.0.0.1:8420"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err("it should start with http:// or https://".to_owned()),
    }
}
