//! A TCP proxy that can be cut, closed and frozen: the network between a daemon and its API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub struct Proxy {
    pub address: String,
    state: watch::Sender<State>,
    opened: Arc<AtomicUsize>,
    held: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// New connections are dropped.
    closed: bool,
    /// Connections before this one are dropped.
    cut: usize,
    /// Connections before this one carry nothing to the server.
    deaf: usize,
    /// Connections before this one carry nothing from the server.
    mute: usize,
}

impl Proxy {
    pub async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = watch::Sender::new(State::default());
        let (opened, held) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let holding = Arc::clone(&held);
        let (server, seen, count) = (server.to_owned(), state.subscribe(), Arc::clone(&opened));
        tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if !seen.borrow().closed {
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(carry(client, server.clone(), number, seen.clone(), Arc::clone(&holding)));
                }
            }
        });
        Self { address, state, opened, held }
    }

    /// Ends all connections.
    pub fn cut(&self) {
        let before = self.opened.load(Ordering::SeqCst);
        self.state.send_modify(|state| state.cut = before);
    }

    /// Ends all connections and takes no new one.
    pub fn close(&self) {
        self.state.send_modify(|state| state.closed = true);
        self.cut();
    }

    pub fn open(&self) {
        self.state.send_modify(|state| state.closed = false);
    }

    /// Connections that are open now stay open and carry nothing more to the server.
    pub fn hold_requests(&self) {
        let before = self.opened.load(Ordering::SeqCst);
        self.state.send_modify(|state| state.deaf = before);
    }

    /// Connections that are open now stay open and carry nothing more from the server.
    pub fn hold_answers(&self) {
        let before = self.opened.load(Ordering::SeqCst);
        self.state.send_modify(|state| state.mute = before);
    }

    /// Whether something for the server is held.
    pub fn holds_a_request(&self) -> bool {
        self.held.load(Ordering::SeqCst) > 0
    }

    /// What was held goes on.
    pub fn release(&self) {
        self.state.send_modify(|state| (state.deaf, state.mute) = (0, 0));
    }
}

async fn carry(
    client: TcpStream,
    server: String,
    number: usize,
    state: watch::Receiver<State>,
    held: Arc<AtomicUsize>,
) {
    let server = TcpStream::connect(server).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut up, mut down, mut cut) = (state.clone(), state.clone(), state);
    let upwards = async {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
            if number < up.borrow().deaf {
                held.fetch_add(1, Ordering::SeqCst);
            }
            up.wait_for(|state| number >= state.deaf).await.map(drop).ok()?;
            to_server.write_all(&buffer[..read]).await.ok()?;
        }
        Some(())
    };
    let downwards = async {
        let mut buffer = [0; 8192];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            down.wait_for(|state| number >= state.mute).await.map(drop).ok()?;
            to_client.write_all(&buffer[..read]).await.ok()?;
        }
        Some(())
    };
    tokio::select! {
        _ = upwards => {}
        _ = downwards => {}
        _ = cut.wait_for(|state| number < state.cut) => {}
    }
}
