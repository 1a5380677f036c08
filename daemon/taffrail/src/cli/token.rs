//! `taffrail token NAME`.

use clap::Args;
use serde_json::json;
use taffrail_http::{NewToken, Tokens};

use super::format::{self, Format};
use crate::failure::Failure;
use crate::output::Output;

/// Make a new token for the API.
///
/// Nothing is kept: the token is shown this once, and its line goes into the file that `api.tokensFile` names.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// Whose it is: what the log will call them.
    name: String,
    /// How the answer is written.
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

impl Token {
    pub(super) fn run(self, output: &mut Output) -> Result<(), Failure> {
        let NewToken { token, line } = Tokens::generate(&self.name).map_err(Failure::usage)?;
        let answer = json!({ "name": self.name, "token": token, "line": line });
        match self.output {
            Format::Json => format::json(&answer, output),
            Format::Yaml => format::yaml(&answer, output),
            Format::Text => {
                output.line(&format!("the token of {}, which is not shown again:", self.name))?;
                output.line(&format!("  {token}"))?;
                output.line("its line in the file of api.tokensFile:")?;
                Ok(output.line(&format!("  {line}"))?)
            }
        }
    }
}
