//! Where a fetch gets its commits from: a repository's configuration, checked, with its credentials read.
//!
//! Always: every error that is made here is free of credentials, also when the server repeats them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use git2::{ErrorClass, Reference};
use reqwest::Url;
use taffrail_model::configuration::Repository;
use taffrail_ports::repositories::RepositoryError;

use crate::login::Login;
use crate::session::Session;
use crate::{text, transport};

/// Longest time for one fetch, whatever trickles in.
const LONGEST_FETCH: Duration = Duration::from_secs(3600);

/// A repository, ready to be fetched from for as long as one fetch may take.
pub(crate) struct Source<'a> {
    repository: &'a Repository,
    /// The URL without what it should not hold.
    shown: String,
    /// None for a file URL.
    session: Option<Arc<Session>>,
    deadline: Instant,
}

impl<'a> Source<'a> {
    pub(crate) fn open(repository: &'a Repository) -> Result<Self, RepositoryError> {
        let refused =
            |url: &str, reason: &str| RepositoryError::Fetch { url: url.to_owned(), reason: reason.to_owned() };
        // What cannot be read is not shown either: it may hold a password.
        let mut url = Url::parse(&repository.url).map_err(|e| refused("the repository", &format!("its url: {e}")))?;
        let login = !url.username().is_empty() || url.password().is_some();
        let more = url.query().is_some() || url.fragment().is_some();
        if login {
            let _ = (url.set_username(""), url.set_password(None)); // fails only for a URL that can have neither
        }
        url.set_query(None);
        url.set_fragment(None);
        if login {
            return Err(refused(url.as_str(), "a url holds no user or password: set `credentials`"));
        }
        if more {
            return Err(refused(url.as_str(), "a url of a repository has no ? or #"));
        }
        let mut source =
            Self { repository, shown: url.to_string(), session: None, deadline: Instant::now() + LONGEST_FETCH };
        match url.scheme() {
            "file" => {}
            "https" => {
                let login = repository.credentials.as_ref().map(Login::read).transpose()?;
                source.session = Some(Arc::new(Session::new(repository, url, login, source.deadline)?));
            }
            _ => return Err(refused(&source.shown, "only https:// and file:// can be fetched")),
        }
        if !Reference::is_valid_name(&source.reference()) {
            return Err(source.no_branch());
        }
        Ok(source)
    }

    /// What libgit2 is to connect to, next and on this thread.
    pub(crate) fn address(&self) -> &str {
        match &self.session {
            Some(session) => {
                transport::lend(session.clone());
                transport::ADDRESS
            }
            None => &self.repository.url,
        }
    }

    /// The branch's full name.
    pub(crate) fn reference(&self) -> String {
        format!("refs/heads/{}", self.repository.branch)
    }

    /// Whether this fetch must end now.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    pub(crate) fn no_branch(&self) -> RepositoryError {
        RepositoryError::NoBranch { url: self.shown.clone(), branch: self.repository.branch.clone() }
    }

    /// The fetch failed, on the other side.
    pub(crate) fn failed(&self, error: &git2::Error) -> RepositoryError {
        let mut reason = text::reason(error.message());
        if self.is_over() {
            reason = format!("the whole fetch took longer than {LONGEST_FETCH:?}");
        } else if error.code() == git2::ErrorCode::Owner {
            reason.push_str(": list it as `safe.directory` in the gitconfig of the user this runs as");
        } else if matches!(
            error.class(),
            ErrorClass::Odb | ErrorClass::Indexer | ErrorClass::Zlib | ErrorClass::Invalid | ErrorClass::Object
        ) {
            reason.push_str(": what it has is damaged or malformed; `git fsck` there tells more");
        }
        if let Some(login) = self.session.as_ref().and_then(|session| session.login()) {
            reason = login.scrub(&reason);
        }
        RepositoryError::Fetch { url: self.shown.clone(), reason }
    }
}
