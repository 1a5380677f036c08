//! What is wrong with a file, where, and what to do about it.

use std::fmt;

use crate::node::Location;

/// One fault of one file. Displays as `file:line:column: what (hint)`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The file as the caller named it.
    pub file: String,
    /// Where in the file, when it is one place.
    pub location: Option<Location>,
    /// What is wrong. Names keys, never values.
    pub what: String,
    /// What to do, when that is known.
    pub hint: Option<String>,
}

/// All independent faults that were found, never empty when returned as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Errors(pub Vec<Error>);

impl Error {
    /// A fault at a place of a file.
    pub fn at(file: &str, location: Location, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), location: Some(location), what: what.into(), hint: None }
    }

    /// A fault of a file as a whole.
    pub fn of(file: &str, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), location: None, what: what.into(), hint: None }
    }

    /// The same fault with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Errors {
    /// Adds a fault.
    pub fn push(&mut self, error: Error) {
        self.0.push(error);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value` when nothing is wrong, otherwise the faults.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(location) = self.location {
            write!(f, ":{}:{}", location.line, location.column)?;
        }
        write!(f, ": {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}
