//! A server of HTTPS that answers whatever a test wants.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, mpsc};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Ends with the test's process.
pub struct Evil {
    pub url: String,
    /// The head of each request.
    pub requests: mpsc::Receiver<String>,
}

impl Evil {
    /// With the certificate that a test server left in `folder`.
    pub fn start(folder: &Path, answer: impl Fn(&str) -> String + Send + 'static) -> Self {
        let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), connection);
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    head.extend(byte);
                }
                let head = String::from_utf8(head).unwrap();
                let _ = stream.write_all(answer(&head).as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
                if sender.send(head).is_err() {
                    return;
                }
            }
        });
        Self { url, requests }
    }
}
