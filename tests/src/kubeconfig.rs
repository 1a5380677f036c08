//! An administrator's way to an API server, as the control plane writes it down.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Certificate, Client, Identity};

/// Where an API server is, and what proves who asks.
#[derive(Clone, Debug)]
pub struct Access {
    /// Its URL.
    pub server: String,
    authority: Vec<u8>,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Access {
    /// Reads the kubeconfig of a control plane, which has one cluster and one user.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
            value.unwrap_or_else(|| panic!("{} has no {name}", path.display())).to_owned()
        };
        let data = |name: &str| STANDARD.decode(field(name)).expect("a kubeconfig holds base64");
        Self {
            server: field("server"),
            authority: data("certificate-authority-data"),
            certificate: data("client-certificate-data"),
            key: data("client-key-data"),
        }
    }

    /// A client of that server.
    pub fn client(&self) -> Client {
        let identity = [self.certificate.as_slice(), b"\n", &self.key].concat();
        Client::builder()
            .no_proxy()
            .tls_certs_only([Certificate::from_pem(&self.authority).expect("a certificate")])
            .identity(Identity::from_pem(&identity).expect("a certificate and its key"))
            .build()
            .expect("the TLS backend that is built in starts")
    }
}

/// A kubeconfig whose user has nothing but the token in a file, as a pod has.
pub fn with_token(access: &Access, token: &Path) -> String {
    let (server, authority, token) = (&access.server, STANDARD.encode(&access.authority), token.display());
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: pod\n\
         clusters: [{{ name: pod, cluster: {{ server: \"{server}\", certificate-authority-data: {authority} }} }}]\n\
         contexts: [{{ name: pod, context: {{ cluster: pod, user: pod }} }}]\n\
         users: [{{ name: pod, user: {{ tokenFile: \"{token}\" }} }}]\n"
    )
}

/// A kubeconfig for a server without TLS and users: a proxy.
pub fn plain(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: proxy\n\
         clusters: [{{ name: proxy, cluster: {{ server: \"{server}\" }} }}]\n\
         contexts: [{{ name: proxy, context: {{ cluster: proxy, user: proxy }} }}]\n\
         users: [{{ name: proxy, user: {{}} }}]\n"
    )
}
