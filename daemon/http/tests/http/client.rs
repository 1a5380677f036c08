//! Two clients: hyper's for whole answers, and a bare socket for what a client should not do.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::server::within;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The numbers of a page's events.
    pub fn seqs(&self) -> Vec<u64> {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["events"].as_array().unwrap().iter().map(|event| event["seq"].as_u64().unwrap()).collect()
    }

    /// The detail of a refusal with this status.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

pub async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Answer {
    call(address, Method::GET, path, headers).await
}

pub async fn call(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(address, method, path, headers, "").await
}

/// A POST of JSON.
pub async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = [&[("content-type", "application/json")], headers].concat();
    send(address, Method::POST, path, &headers, body).await
}

pub async fn send(address: SocketAddr, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    within(async {
        let stream = TcpStream::connect(address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", address.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = sender
            .send_request(request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap())
            .await
            .unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        connection.abort();
        Answer { status, headers, body }
    })
    .await
}

/// A connection without a client behind it. It speaks HTTP/1.0, so that a body is just bytes until the end.
pub struct Raw {
    stream: TcpStream,
    /// What came and was not yet looked at.
    pub received: Vec<u8>,
}

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), received: Vec::new() }
    }

    /// Asks for `path`.
    pub async fn get(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(&format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n")).await;
        raw
    }

    /// Asks for `path` and takes the headers of an answer that is there.
    pub async fn open(address: SocketAddr, path: &str, headers: &str) -> Self {
        let mut raw = Self::get(address, path, headers).await;
        let head = raw.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.0 200"), "{head}");
        raw
    }

    pub async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Takes everything up to and with `end`.
    pub async fn until(&mut self, end: &str) -> String {
        loop {
            let at = self.received.windows(end.len()).position(|window| window == end.as_bytes());
            if let Some(at) = at {
                let rest = self.received.split_off(at + end.len());
                return String::from_utf8(std::mem::replace(&mut self.received, rest)).unwrap();
            }
            assert_ne!(self.more(usize::MAX).await, 0, "it ended before {end:?}: {:?}", self.received);
        }
    }

    /// Receives what is there, at most `most` bytes of it; 0 at the end, however that came.
    pub async fn more(&mut self, most: usize) -> usize {
        let mut buffer = vec![0; most.min(16 * 1024)];
        let count = within(self.stream.read(&mut buffer)).await.unwrap_or(0);
        self.received.extend_from_slice(&buffer[..count]);
        count
    }

    /// Everything until the end.
    pub async fn rest(&mut self) -> String {
        while self.more(usize::MAX).await > 0 {}
        String::from_utf8_lossy(&self.received).into_owned()
    }
}
