//! A road to a server that can be closed, or swallow what is sent: the server is then away or frozen, for whoever takes this road.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Carries what goes between a port of its own and a server.
pub(crate) struct Road {
    listener: TcpListener,
    server: SocketAddr,
    state: Mutex<State>,
    is_silent: Arc<AtomicBool>,
}

enum State {
    /// With both ends of each connection.
    Open(Vec<TcpStream>),
    /// Whoever connects is turned away at once.
    Closed,
    Over,
}

impl Road {
    /// An open road. It carries while [`carry`](Self::carry) runs.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        Self { listener, server, state: Mutex::new(State::Open(Vec::new())), is_silent: Arc::default() }
    }

    /// Where the road begins.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Takes connections until the road's [end](Self::end).
    pub(crate) fn carry(&self) {
        for client in self.listener.incoming() {
            match &mut *self.state() {
                State::Open(ends) => ends.extend(carried(client.unwrap(), self.server, &self.is_silent)),
                State::Closed => {}
                State::Over => return,
            }
        }
    }

    /// Cuts all connections, and turns new ones away.
    pub(crate) fn close(&self) {
        self.set(State::Closed);
    }

    /// Takes connections again.
    pub(crate) fn open(&self) {
        self.set(State::Open(Vec::new()));
    }

    /// Takes all that is sent and connects whoever comes, and delivers nothing until it is told to again.
    pub(crate) fn be_silent(&self, is_silent: bool) {
        self.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// Cuts all connections for good.
    pub(crate) fn end(&self) {
        self.be_silent(false);
        self.set(State::Over);
        // Wakes who waits for connections.
        let _ = TcpStream::connect(self.address());
    }

    fn set(&self, next: State) {
        if let State::Open(ends) = std::mem::replace(&mut *self.state(), next) {
            ends.iter().for_each(cut);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries between a client and the server until one of them, or the road, ends the connection.
fn carried(client: TcpStream, server: SocketAddr, is_silent: &Arc<AtomicBool>) -> [TcpStream; 2] {
    let ends = [client, TcpStream::connect(server).unwrap()];
    for [from, to] in [[0, 1], [1, 0]] {
        let (mut from, mut to) = (ends[from].try_clone().unwrap(), ends[to].try_clone().unwrap());
        let is_silent = Arc::clone(is_silent);
        std::thread::spawn(move || {
            let mut piece = [0; 16 * 1024];
            while let Ok(length @ 1..) = from.read(&mut piece) {
                while is_silent.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                if to.write_all(&piece[..length]).is_err() {
                    break;
                }
            }
            cut(&from);
            cut(&to);
        });
    }
    ends
}

fn cut(end: &TcpStream) {
    // One that is already cut cannot be cut again.
    let _ = end.shutdown(Shutdown::Both);
}
