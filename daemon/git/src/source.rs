//! Where a fetch gets its commits from: a repository's configuration, checked, with its credentials read.
//!
//! Always: every error that is made here is free of credentials, also when the server repeats them.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use git2::{ErrorClass, Repository, RepositoryOpenFlags};
use reqwest::Url;
use taffrail_model::Reference;
use taffrail_model::configuration::{self, Credentials};
use taffrail_model::ssh::SshAddress;
use taffrail_ports::repositories::RepositoryError;

use crate::advertisement::{MOST_TAGS, Tag, tag};
use crate::https::Https;
use crate::login::Login;
use crate::ssh::Ssh;
use crate::transport::{Line, Session};
use crate::verify::Verifier;
use crate::{text, transport};

/// Longest time for one fetch, whatever trickles in.
const LONGEST_FETCH: Duration = Duration::from_secs(3600);

/// A repository, ready to be fetched from for as long as one fetch may take.
pub(crate) struct Source<'a> {
    repository: &'a configuration::Repository,
    /// The URL without what it should not hold.
    shown: String,
    /// None for a file URL.
    session: Option<Arc<Session>>,
    verifier: Option<Verifier>,
    deadline: Instant,
}

impl<'a> Source<'a> {
    pub(crate) fn open(repository: &'a configuration::Repository) -> Result<Self, RepositoryError> {
        let refused =
            |url: &str, reason: &str| RepositoryError::Fetch { url: url.to_owned(), reason: reason.to_owned() };
        let deadline = Instant::now() + LONGEST_FETCH;
        let verifier = repository.verify.as_ref().map(Verifier::read).transpose()?;
        let source = |shown: String, line: Option<Line>| Self {
            repository,
            shown,
            verifier,
            session: line.map(|line| Arc::new(Session::new(line))),
            deadline,
        };
        let source = if SshAddress::is_meant(&repository.url) {
            let address: SshAddress =
                repository.url.parse().map_err(|error| refused("the repository", &format!("its url {error}")))?;
            let Some(Credentials::Ssh(files)) = &repository.credentials else {
                return Err(refused(&repository.url, "ssh needs `credentials` with a key and known hosts"));
            };
            let ssh = Ssh::new(address, files, repository.timeout, deadline)?;
            source(repository.url.clone(), Some(Line::Ssh(ssh)))
        } else {
            let url = plain(&repository.url).map_err(|(url, reason)| refused(&url, &reason))?;
            let shown = url.to_string();
            let line = match url.scheme() {
                "file" => None,
                "https" => {
                    let login = repository.credentials.as_ref().map(Login::read).transpose()?.flatten();
                    Some(Line::Https(Https::new(repository, url, login, deadline)?))
                }
                _ => return Err(refused(&shown, "only https://, ssh:// and file:// can be fetched")),
            };
            source(shown, line)
        };
        match &repository.reference {
            Reference::Branch(branch) if !git2::Reference::is_valid_name(&format!("refs/heads/{branch}")) => {
                Err(source.no_reference())
            }
            _ => Ok(source),
        }
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

    /// What is followed.
    pub(crate) fn reference(&self) -> &Reference {
        &self.repository.reference
    }

    /// Who must have signed, if anybody must.
    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// The tags that the server named when it was connected to.
    pub(crate) fn tags(&self) -> Result<Vec<Tag>, RepositoryError> {
        match &self.session {
            Some(session) => session.tags().map_err(|reason| self.refused(&reason)),
            None => self.local_tags().map_err(|error| self.failed(&error)),
        }
    }

    /// The tags of a repository on this machine: libgit2's own transport has no list to read along.
    fn local_tags(&self) -> Result<Vec<Tag>, git2::Error> {
        let path = Url::parse(&self.repository.url).ok().and_then(|url| url.to_file_path().ok());
        let path = path.ok_or_else(|| git2::Error::from_str("its url names no folder"))?;
        let repo = Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, &[] as &[&OsStr])?;
        let mut tags = Vec::new();
        for reference in repo.references_glob("refs/tags/*")? {
            let reference = reference?;
            if let Some(id) = reference.target() {
                tags.extend(tag(reference.name_bytes(), id));
            }
            if tags.len() > MOST_TAGS {
                return Err(git2::Error::from_str(&format!("it has more than {MOST_TAGS} tags")));
            }
        }
        Ok(tags)
    }

    /// Whether this fetch must end now.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    pub(crate) fn no_reference(&self) -> RepositoryError {
        RepositoryError::NoReference { url: self.shown.clone(), reference: self.repository.reference.clone() }
    }

    /// What the other side has cannot be taken.
    pub(crate) fn refused(&self, reason: &str) -> RepositoryError {
        RepositoryError::Fetch { url: self.shown.clone(), reason: text::reason(reason) }
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
        if let Some(session) = &self.session {
            reason = session.scrub(reason);
        }
        RepositoryError::Fetch { url: self.shown.clone(), reason }
    }
}

/// A URL, or what of it can be shown and why it is not taken.
fn plain(text: &str) -> Result<Url, (String, String)> {
    // What cannot be read is not shown either: it may hold a password.
    let mut url = Url::parse(text).map_err(|e| ("the repository".to_owned(), format!("its url: {e}")))?;
    let login = !url.username().is_empty() || url.password().is_some();
    let more = url.query().is_some() || url.fragment().is_some();
    if login {
        let _ = (url.set_username(""), url.set_password(None)); // fails only for a URL that can have neither
    }
    url.set_query(None);
    url.set_fragment(None);
    if login {
        return Err((url.into(), "a url holds no user or password: set `credentials`".to_owned()));
    }
    if more {
        return Err((url.into(), "a url of a repository has no ? or #".to_owned()));
    }
    Ok(url)
}
