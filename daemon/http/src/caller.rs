//! Who asks: by a token, or, on a loopback listener that is open, by nothing but their word.
//!
//! Always: a name that only a token gives never looks like one that was merely said.

use axum::http::{HeaderMap, StatusCode, header};
use taffrail_model::Actor;

use crate::keys::{self, Keys};
use crate::problem::Problem;

/// What a caller of a loopback listener says that they are called, when they show no token.
const USER: &str = "taffrail-user";

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody with a token of this name.
    Known(String),
    /// Somebody on this machine, who may say what they are called.
    Local(Option<String>),
}

impl Caller {
    /// Who asks with these headers; `must_show` is whether nobody may ask without a token.
    pub(crate) fn of(headers: &HeaderMap, keys: &Keys, must_show: bool) -> Result<Self, Problem> {
        let refused = |why: &str| Err(Problem::new(StatusCode::UNAUTHORIZED, why));
        let mut shown = headers.get_all(header::AUTHORIZATION).iter();
        match (shown.next(), shown.next()) {
            (Some(one), None) => {
                let Some((scheme, token)) = one.to_str().ok().and_then(|value| value.split_once(' ')) else {
                    return refused("write `Authorization: Bearer TOKEN`");
                };
                if !scheme.eq_ignore_ascii_case("bearer") {
                    return refused("write `Authorization: Bearer TOKEN`");
                }
                match keys.tokens.owner(token.trim().as_bytes()) {
                    Some(name) => Ok(Self::Known(name.to_owned())),
                    None => refused("this token is not known here"),
                }
            }
            (Some(_), Some(_)) => refused("there is more than one `Authorization`"),
            (None, _) if must_show => refused("a token is needed: `Authorization: Bearer TOKEN`"),
            (None, _) => match headers.get(USER).map(|name| name.to_str().ok().filter(|name| keys::is_name(name))) {
                None => Ok(Self::Local(None)),
                Some(Some(name)) => Ok(Self::Local(Some(name.to_owned()))),
                Some(None) => Err(Problem::bad(
                    "`Taffrail-User`: a name is 1 to 63 of the letters a-z and A-Z, digits, and . - _ @",
                )),
            },
        }
    }

    /// How the log calls them.
    pub(crate) fn actor(&self) -> Actor {
        match self {
            Self::Known(name) => Actor::person(name),
            Self::Local(Some(name)) => Actor::person(&format!("{name} (unauthenticated, on loopback)")),
            Self::Local(None) => Actor::person("somebody (unauthenticated, on loopback)"),
        }
    }
}
