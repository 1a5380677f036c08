//! One object's place in the cluster, and as whom it is asked for.
//!
//! Always: every request about an object that is written goes out as the same identity, look-ups too.

use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Builder;
use http::{Method, Request};
use taffrail_model::configuration::ServiceAccount;
use taffrail_model::{Manifest, ObjectKey, Uid};
use taffrail_ports::cluster::WriteError;

use crate::address::Resource;
use crate::kube_cluster::Inner;
use crate::look::Looked;
use crate::refusal::{Refusal, unreachable};
use crate::server::{Answer, METADATA, NoAnswer};

/// The server adds a service account's groups by itself when none are named, which spares the right to impersonate
/// groups.
const IMPERSONATE_USER: HeaderName = HeaderName::from_static("impersonate-user");

/// A resourceVersion that no object has. The server takes one that is given for an object that is not there yet as no
/// reason not to create it, and refuses it for any that is.
const OF_NOTHING: &str = "1";

/// Where an object is, or is to be.
#[derive(Clone)]
pub(crate) struct Place {
    pub inner: Arc<Inner>,
    /// How its kind is served.
    pub resource: Resource,
    /// What it is, as the cluster sees it: without a namespace if the kind has none.
    pub object: ObjectKey,
    /// As whom; the daemon itself without one.
    pub identity: Option<ServiceAccount>,
}

/// What must be so for an apply to be carried out.
#[derive(Clone, Copy)]
pub(crate) enum Precondition<'a> {
    /// The object is not there.
    Absent,
    /// It has this uid.
    Uid(&'a Uid),
    /// It is as it was looked at.
    Unchanged(&'a Looked),
}

impl Place {
    /// The start of a request for the object.
    pub fn request(&self, method: Method, query: &str) -> Builder {
        let path = self.resource.object_path(self.object.namespace.as_deref(), &self.object.name);
        Request::builder().method(method).uri(format!("{path}{query}"))
    }

    /// Sends what `request` builds, with `body`.
    pub async fn ask(&self, verb: &str, request: Builder, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        let mut request = request.body(body).expect("paths are encoded");
        if let Some(ServiceAccount { namespace, name }) = &self.identity {
            let user = HeaderValue::from_str(&format!("system:serviceaccount:{namespace}:{name}"));
            let user = user.map_err(|_| NoAnswer::Failed("the service account's name is none".to_owned()))?;
            request.headers_mut().insert(IMPERSONATE_USER, user);
        }
        self.inner.server.ask(verb, request).await
    }

    /// The metadata of what is there.
    pub async fn look(&self) -> Result<Option<Looked>, WriteError> {
        let Some(answer) = self.get(METADATA).await? else { return Ok(None) };
        Looked::read(&answer).map(Some).map_err(|e| unreachable(&e))
    }

    /// What is there, in the form that `accept` names.
    pub async fn get(&self, accept: &str) -> Result<Option<Answer>, WriteError> {
        let request = self.request(Method::GET, "").header(ACCEPT, accept);
        let answer = self.ask("get", request, Vec::new()).await.map_err(|e| unreachable(&e))?;
        if answer.is_success() {
            return Ok(Some(answer));
        }
        let refusal = self.refusal(&answer);
        if refusal.is_absence_of(&self.object) { Ok(None) } else { Err(refusal.of_write(&self.object)) }
    }

    /// One server-side apply of `body` by `manager`. The answer is metadata.
    pub async fn apply(
        &self,
        body: &Manifest,
        manager: &str,
        precondition: Precondition<'_>,
        force: bool,
    ) -> Result<Answer, NoAnswer> {
        let query = format!("?fieldManager={manager}&force={force}&fieldValidation=Strict");
        let request = self
            .request(Method::PATCH, &query)
            .header(CONTENT_TYPE, "application/apply-patch+yaml") // JSON is YAML
            .header(ACCEPT, METADATA);
        let _timer = self.inner.server.metrics.apply_seconds.with_label_values(&["apply"]).start_timer();
        self.ask("apply", request, precondition.on(body)).await
    }

    /// What the server refused. A kind that it says it does not serve is forgotten, so that discovery looks again.
    pub fn refusal(&self, answer: &Answer) -> Refusal {
        let refusal = Refusal::read(answer);
        if refusal.is_unknown_kind() {
            self.inner.discovery.forget(&self.resource.api_version, &self.object.kind);
        }
        refusal
    }
}

impl Precondition<'_> {
    /// The bytes of `body` with it.
    fn on(self, body: &Manifest) -> Vec<u8> {
        let (uid, version) = match self {
            Self::Absent => (None, Some(OF_NOTHING.to_owned())),
            Self::Uid(uid) => (Some(uid.clone()), None),
            Self::Unchanged(looked) => (Some(looked.uid()), Some(looked.resource_version())),
        };
        let mut body = body.clone();
        for (field, value) in [("uid", uid.map(|uid| uid.0)), ("resourceVersion", version)] {
            if let Some(value) = value {
                body.metadata_mut().insert(field.to_owned(), value.into());
            }
        }
        body.to_bytes()
    }
}
