//! A daemon that answers as a test tells it to, over a real socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use taffrail_model::{Actor, Digest, Envelope, Epoch, Event, Fact, ObjectKey, Seq, Subject};

/// One request: its method, target, headers in lower case, and body.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: String,
    pub body: String,
}

/// An answer.
pub enum Answer {
    /// A whole one: status, further headers, body.
    Whole(u16, String, Vec<u8>),
    /// One that promises more and breaks off.
    Cut(String, Vec<u8>),
    /// One that goes on in silence until the client leaves.
    Held(String, Vec<u8>),
}

pub struct Daemon {
    pub url: String,
    /// Every request that came, in order.
    pub requests: Receiver<Request>,
}

impl Daemon {
    /// Gives `answers` in order, one a connection.
    pub fn new(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = channel();
        thread::spawn(move || {
            for (answer, stream) in answers.into_iter().zip(listener.incoming()) {
                let mut stream = stream.unwrap();
                let _ = sender.send(read(&stream));
                give(&mut stream, answer);
            }
        });
        Self { url, requests }
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map(Result::unwrap);
    let start = lines.next().unwrap();
    let headers = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n").to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).unwrap();
    let mut start = start.split(' ').map(str::to_owned);
    let (method, target) = (start.next().unwrap(), start.next().unwrap());
    Request { method, target, headers, body: String::from_utf8(body).unwrap() }
}

fn give(stream: &mut TcpStream, answer: Answer) {
    let close = "connection: close\r\n\r\n";
    match answer {
        Answer::Whole(status, headers, body) => {
            write!(stream, "HTTP/1.1 {status} x\r\n{headers}content-length: {}\r\n{close}", body.len()).unwrap();
            stream.write_all(&body).unwrap();
        }
        Answer::Cut(headers, body) => chunk(stream, &headers, &body),
        Answer::Held(headers, body) => {
            chunk(stream, &headers, &body);
            let _ = stream.read(&mut [0]); // returns when the client is gone
        }
    }
}

fn chunk(stream: &mut TcpStream, headers: &str, body: &[u8]) {
    write!(stream, "HTTP/1.1 200 x\r\n{headers}transfer-encoding: chunked\r\n\r\n{:x}\r\n", body.len()).unwrap();
    stream.write_all(body).unwrap();
    stream.write_all(b"\r\n").unwrap();
}

/// Stored bytes of a chain of `count` events, each with its hash.
pub fn chain(count: u64) -> Vec<(Vec<u8>, Digest)> {
    let mut previous = Digest::ZERO;
    (1..=count)
        .map(|seq| {
            let object: ObjectKey = "apps/Deployment:shop/api".parse().unwrap();
            let envelope = Envelope {
                seq: Seq(seq),
                epoch: Epoch(1),
                id: format!("1-{seq}"),
                time: "2026-11-21T08:00:00.5Z".parse().unwrap(),
                subject: Subject::Application("shop-staging".parse().unwrap()),
                actor: Actor::daemon(),
                cause: None,
                sync: None,
                fact: Fact::ObjectDegraded { object, reason: format!("container api exits {seq}\u{1b}[2J") },
            };
            let (event, bytes) = Event::seal(envelope, previous);
            previous = event.hash;
            (bytes, event.hash)
        })
        .collect()
}

/// The header of an export that ends with the last of `chain`.
pub fn head(chain: &[(Vec<u8>, Digest)]) -> String {
    format!("taffrail-head: {} {}\r\n", chain.len(), chain.last().map_or(Digest::ZERO, |(_, hash)| *hash))
}

/// The lines of an export.
pub fn lines<'e>(events: impl IntoIterator<Item = &'e (Vec<u8>, Digest)>) -> Vec<u8> {
    events.into_iter().flat_map(|(bytes, _)| [bytes.as_slice(), b"\n"].concat()).collect()
}
