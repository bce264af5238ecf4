//! A road to a server that can be closed: the server is then away, for whoever takes this road.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Carries what goes between a port of its own and a server.
pub(crate) struct Road {
    listener: TcpListener,
    server: SocketAddr,
    state: Mutex<State>,
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
        Self { listener, server, state: Mutex::new(State::Open(Vec::new())) }
    }

    /// Where the road begins.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Takes connections until the road's [end](Self::end).
    pub(crate) fn carry(&self) {
        for client in self.listener.incoming() {
            match &mut *self.state() {
                State::Open(ends) => ends.extend(carried(client.unwrap(), self.server)),
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

    /// Cuts all connections for good.
    pub(crate) fn end(&self) {
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
fn carried(client: TcpStream, server: SocketAddr) -> [TcpStream; 2] {
    let ends = [client, TcpStream::connect(server).unwrap()];
    for [from, to] in [[0, 1], [1, 0]] {
        let (mut from, mut to) = (ends[from].try_clone().unwrap(), ends[to].try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
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
