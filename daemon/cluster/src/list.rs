//! Lists in pages.

use serde::Deserialize;
use serde_json::Value;

use crate::address::encoded;
use crate::server::{Answer, NoAnswer, Server, get};

/// Asks for lists of metadata only.
pub(crate) const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

/// Objects a page, as client-go asks for.
const PAGE: usize = 500;
/// Most pages of one list: a bound, far beyond what an API server lists in good time.
const MOST_PAGES: usize = 2_000;

/// Why there is no list.
pub(crate) enum NoList {
    /// There was no answer, or one that is none.
    NoAnswer(NoAnswer),
    /// The server refused.
    Refused(Answer),
}

#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    #[serde(default)]
    items: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: String,
}

/// Gives each page of the list at `path` to `take`; returns the resourceVersion of the whole.
pub(crate) async fn list(
    server: &Server,
    path: &str,
    selector: &str,
    accept: &str,
    mut take: impl FnMut(Vec<Value>),
) -> Result<String, NoList> {
    let mut next = String::new();
    for _ in 0..MOST_PAGES {
        let request = get(format!("{path}?limit={PAGE}&continue={}{selector}", encoded(&next)), accept);
        let answer = server.ask("list", request).await.map_err(NoList::NoAnswer)?;
        if !answer.is_success() {
            return Err(NoList::Refused(answer));
        }
        let page: List = answer.json().map_err(NoList::NoAnswer)?;
        take(page.items);
        if page.metadata.next.is_empty() {
            return Ok(page.metadata.resource_version);
        }
        next = page.metadata.next;
    }
    Err(NoList::NoAnswer(NoAnswer::Failed(format!("a list has more than {MOST_PAGES} pages"))))
}
