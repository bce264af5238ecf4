//! A road to a server on which everything can happen to what is sent.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;

/// Never cuts.
const NEVER: i64 = i64::MAX / 2;

/// Carries what goes between a port of its own and a server. It ends with the process.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    way: Arc<Way>,
}

#[derive(Debug)]
struct Way {
    is_closed: AtomicBool,
    /// Takes all that is sent, and delivers nothing.
    is_silent: AtomicBool,
    /// After so many more bytes, in both directions together, the connection that carries them is cut.
    left: AtomicI64,
    /// The next connection that sends COMMIT is cut when the server has answered.
    takes_answer: AtomicBool,
    answers_taken: AtomicU64,
    /// Milliseconds by which each piece is late, at most.
    delay: AtomicU64,
    /// Both ends of each connection that is carried, by its number: thousands come and go.
    ends: Mutex<HashMap<u64, [TcpStream; 2]>>,
}

impl Proxy {
    pub(crate) fn to(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let way = Arc::new(Way {
            is_closed: AtomicBool::new(false),
            is_silent: AtomicBool::new(false),
            left: AtomicI64::new(NEVER),
            takes_answer: AtomicBool::new(false),
            answers_taken: AtomicU64::new(0),
            delay: AtomicU64::new(0),
            ends: Mutex::default(),
        });
        let carried = Arc::clone(&way);
        std::thread::spawn(move || {
            for (number, client) in (0..).zip(listener.incoming()) {
                let Ok(client) = client else {
                    // It went away before it was let in, or there are too many: others will come.
                    std::thread::sleep(Duration::from_millis(10));
                    continue;
                };
                // Who is not carried is turned away.
                if !carried.is_closed.load(Ordering::Relaxed) {
                    let _ = carry(number, client, server, &carried);
                }
            }
        });
        Ok(Self { address, way })
    }

    /// Cuts all connections and turns new ones away, or takes them again.
    pub(crate) fn close(&self, is_closed: bool) {
        self.way.is_closed.store(is_closed, Ordering::Relaxed);
        if is_closed {
            self.way.ends().drain().for_each(|(_, ends)| ends.iter().for_each(cut));
        }
    }

    pub(crate) fn be_silent(&self, is_silent: bool) {
        self.way.is_silent.store(is_silent, Ordering::Relaxed);
    }

    pub(crate) fn delay(&self, delay: Duration) {
        self.way.delay.store(u64::try_from(delay.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn cut_after(&self, bytes: i64) {
        self.way.left.store(bytes, Ordering::Relaxed);
    }

    /// Whether the cut has come; it comes no more.
    pub(crate) fn was_cut(&self) -> bool {
        self.way.left.swap(NEVER, Ordering::Relaxed) > NEVER / 2
    }

    /// Takes the answer to the next COMMIT, and the connection with it.
    pub(crate) fn take_answer(&self) {
        self.way.takes_answer.store(true, Ordering::Relaxed);
    }

    pub(crate) fn answers_taken(&self) -> u64 {
        self.way.answers_taken.load(Ordering::Relaxed)
    }
}

impl Way {
    fn ends(&self) -> MutexGuard<'_, HashMap<u64, [TcpStream; 2]>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn carry(number: u64, client: TcpStream, server: SocketAddr, way: &Arc<Way>) -> Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    way.ends().insert(number, [client.try_clone()?, server.try_clone()?]);
    // Closed meanwhile: then nobody else cuts it.
    if way.is_closed.load(Ordering::Relaxed) {
        way.ends().remove(&number).iter().flatten().for_each(cut);
    }
    let has_committed = Arc::new(AtomicBool::new(false));
    for (from, to, is_client) in [(&client, &server, true), (&server, &client, false)] {
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let (way, has_committed) = (Arc::clone(way), Arc::clone(&has_committed));
        std::thread::spawn(move || {
            pass(&from, &to, &way, |piece| {
                if is_client {
                    let commits = piece.windows(6).any(|word| word.eq_ignore_ascii_case(b"COMMIT"));
                    if commits && way.takes_answer.swap(false, Ordering::Relaxed) {
                        has_committed.store(true, Ordering::Relaxed);
                    }
                    true
                } else if has_committed.load(Ordering::Relaxed) {
                    way.answers_taken.fetch_add(1, Ordering::Relaxed);
                    false
                } else {
                    true
                }
            });
            cut(&from);
            cut(&to);
            way.ends().remove(&number);
        });
    }
    Ok(())
}

/// One direction of a connection, until somebody ends it.
fn pass(mut from: &TcpStream, mut to: &TcpStream, way: &Way, mut goes_on: impl FnMut(&[u8]) -> bool) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let Some(piece) = piece.get(..length) else { return };
        while way.is_silent.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(2));
        }
        let delay = way.delay.load(Ordering::Relaxed);
        if delay > 0 {
            std::thread::sleep(Duration::from_millis(fastrand::u64(0..=delay)));
        }
        if !goes_on(piece) {
            return;
        }
        let length = i64::try_from(piece.len()).unwrap_or(i64::MAX);
        let left = way.left.fetch_sub(length, Ordering::Relaxed);
        if (0..length).contains(&left) {
            // From here on the road is as good as ever, for those who come anew.
            way.left.store(i64::MAX, Ordering::Relaxed);
            let _ = to.write_all(usize::try_from(left).ok().and_then(|left| piece.get(..left)).unwrap_or_default());
            return;
        }
        if to.write_all(piece).is_err() {
            return;
        }
    }
}

fn cut(end: &TcpStream) {
    // One that is already cut cannot be cut again.
    let _ = end.shutdown(Shutdown::Both);
}
