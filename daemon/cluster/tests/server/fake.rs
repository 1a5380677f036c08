//! An API server of a few scripted answers.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use taffrail_cluster::{KubeCluster, Options};
use taffrail_ports::metrics::Metrics;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::world::connect;

/// What it answers: code, headers, body. A body that is `None` keeps the connection open and says nothing.
pub type Reply = (u16, &'static str, Option<String>);

/// Request lines and bodies.
type Log = Arc<Mutex<Vec<(String, String)>>>;

pub struct Fake {
    pub cluster: KubeCluster,
    pub metrics: Metrics,
    asked: Log,
}

impl Fake {
    /// Answers each request line with what `script` says.
    pub async fn start(name: &str, script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, script) = (Log::default(), Arc::new(script));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(client, Arc::clone(&script), Arc::clone(&log)));
            }
        });
        let kubeconfig = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "fake",
            "clusters": [{ "name": "fake", "cluster": { "server": url } }],
            "contexts": [{ "name": "fake", "context": { "cluster": "fake", "user": "fake" } }],
            "users": [{ "name": "fake", "user": {} }],
        });
        let name = format!("fake-{name}-{}", std::process::id());
        let (cluster, metrics) = connect(&name, &kubeconfig.to_string(), Options::default()).await;
        Self { cluster, metrics, asked }
    }

    /// The request lines so far that hold `part`.
    pub fn asked(&self, part: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|(line, _)| line.contains(part)).map(|(line, _)| line.clone()).collect()
    }

    /// What came with them.
    pub fn bodies(&self, part: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|(line, _)| line.contains(part)).map(|(_, body)| body.clone()).collect()
    }
}

/// A reply that is a JSON document.
pub fn json(code: u16, body: &Value) -> Reply {
    (code, "", Some(body.to_string()))
}

async fn answer(client: TcpStream, script: Arc<impl Fn(&str) -> Reply>, log: Log) -> Option<()> {
    let mut client = BufReader::new(client);
    let (mut first, mut length) = (String::new(), 0);
    client.read_line(&mut first).await.ok()?;
    loop {
        let mut header = String::new();
        client.read_line(&mut header).await.ok()?;
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
        if header.trim().is_empty() {
            break;
        }
    }
    let mut sent = vec![0; length];
    client.read_exact(&mut sent).await.ok()?;
    let line = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
    let (code, headers, body) = script(&line);
    log.lock().unwrap_or_else(PoisonError::into_inner).push((line, String::from_utf8_lossy(&sent).into_owned()));
    let head = format!("HTTP/1.1 {code} X\r\ncontent-type: application/json\r\nconnection: close\r\n{headers}\r\n");
    client.write_all(head.as_bytes()).await.ok()?;
    match body {
        Some(body) => client.write_all(body.as_bytes()).await.ok()?,
        None => {
            // Until the other side leaves.
            client.read_u8().await.ok()?;
        }
    }
    client.shutdown().await.ok()
}
