//! Links between members that take long, by a proxy of ours in front of each member's peer port.
//!
//! The members advertise their proxies, so all that they exchange passes through one, in
//! connections that either of two may have opened. Whose a connection is, is found out by the
//! process at its other end, which works with TLS too, and for etcd's own probes, which do not say
//! who they are. (Linux could delay packets by itself, by netem, but not every kernel has it.)

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::fault::Fault;
use crate::ports::Port;
use crate::{Error, Member};

/// How many pieces may be under way in one direction of a connection.
const QUEUE: usize = 4096;

/// The most that is read as one piece.
const PIECE_BYTES: usize = 64 << 10;

/// Which links of a cluster are slow, and whose processes are at their ends.
#[derive(Debug, Default)]
pub(crate) struct Delays {
    rules: Mutex<Vec<Rule>>,
    /// The member's name and process ID.
    processes: Mutex<Vec<(String, u32)>>,
}

#[derive(Debug)]
struct Rule {
    number: u64,
    /// The names of one member, or of two.
    of: (String, Option<String>),
    delay: Duration,
}

impl Rule {
    fn is_about(&self, from: Option<&str>, to: &str) -> bool {
        let is = |from: Option<&str>, to: &str| match &self.of {
            (one, None) => to == one || from == Some(one),
            (one, Some(other)) => to == one && from == Some(other),
        };
        is(from, to) || from.is_some_and(|from| is(Some(to), from))
    }
}

impl Delays {
    /// Records that the member runs as process `pid` now.
    pub(crate) fn set_process(&self, member: &str, pid: u32) {
        let mut processes = lock(&self.processes);
        processes.retain(|(name, _)| name != member);
        processes.push((member.to_owned(), pid));
    }

    fn between(&self, from: Option<&str>, to: &str) -> Duration {
        let rules = lock(&self.rules);
        rules.iter().filter(|rule| rule.is_about(from, to)).map(|rule| rule.delay).sum()
    }

    fn add(self: &Arc<Self>, of: (String, Option<String>), delay: Duration) -> Fault {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let what = format!("packets of {of:?} take {delay:?} longer");
        lock(&self.rules).push(Rule { number, of, delay });
        let delays = Arc::clone(self);
        Fault::new(what, move || {
            lock(&delays.rules).retain(|rule| rule.number != number);
            Ok(())
        })
    }

    /// The member whose process opened the connection on loopback from port `from` to port `to`.
    fn opener(&self, from: u16, to: u16) -> io::Result<Option<String>> {
        let (local, remote) = (format!(":{from:04X}"), format!(":{to:04X}"));
        let table = fs::read_to_string("/proc/net/tcp")?;
        let inode = table.lines().find_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            // One port may be the near end of several connections.
            let is_it = words.next()?.ends_with(&local) && words.next()?.ends_with(&remote);
            // Between the addresses and it: state, queues, timer, retransmissions, user, timeout.
            is_it.then(|| words.nth(6)).flatten()
        });
        let Some(socket) = inode.map(|inode| format!("socket:[{inode}]")) else { return Ok(None) };
        let has_it = |pid: u32| {
            let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            let mut links = files.filter_map(|file| fs::read_link(file.path()).ok());
            links.any(|link| link.as_os_str() == socket.as_str())
        };
        let processes = lock(&self.processes);
        Ok(processes.iter().find(|(_, pid)| has_it(*pid)).map(|(name, _)| name.clone()))
    }
}

/// Stands in front of a member's peer port.
#[derive(Debug)]
pub(crate) struct PeerProxy {
    port: Port,
    delays: Arc<Delays>,
    _task: AbortOnDropHandle<()>,
}

impl PeerProxy {
    /// Stands in front of the peer port `behind` of the member named `name`.
    pub(crate) fn start(name: &str, behind: u16, delays: Arc<Delays>) -> Result<Self, Error> {
        let port = Port::reserve()?;
        let listen = || {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port.number()))?;
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        };
        let what = || format!("cannot stand in front of member {name}");
        let listener = listen().map_err(|source| Error::Io { what: what(), source })?;
        let task = tokio::spawn(accept(listener, name.to_owned(), behind, Arc::clone(&delays)));
        Ok(Self { port, delays, _task: AbortOnDropHandle::new(task) })
    }

    /// Where it listens, on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// Those of the whole cluster.
    pub(crate) fn delays(&self) -> &Arc<Delays> {
        &self.delays
    }
}

async fn accept(listener: TcpListener, to: String, behind: u16, delays: Arc<Delays>) {
    // Dropped with this task, it ends the connections.
    let mut connections = JoinSet::new();
    loop {
        let Ok((inbound, address)) = listener.accept().await else { continue };
        while connections.try_join_next().is_some() {}
        let (to, delays) = (to.clone(), Arc::clone(&delays));
        let proxy = inbound.local_addr().map_or(0, |address| address.port());
        connections.spawn(async move {
            let from = delays.opener(address.port(), proxy).ok().flatten();
            let Ok(outbound) = TcpStream::connect((Ipv4Addr::LOCALHOST, behind)).await else {
                return;
            };
            let _ = (inbound.set_nodelay(true), outbound.set_nodelay(true));
            let delay = || delays.between(from.as_deref(), &to);
            let (inbound, outbound) = (inbound.into_split(), outbound.into_split());
            tokio::join!(
                carry(inbound.0, outbound.1, &delay),
                carry(outbound.0, inbound.1, &delay)
            );
        });
    }
}

/// Passes on what comes, each piece as late as `delay` says when it comes.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: &impl Fn() -> Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Bytes)>(QUEUE);
    let read = async move {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(PIECE_BYTES);
            match from.read_buf(&mut buffer).await {
                Ok(1..) => {
                    let due = Instant::now() + delay();
                    if sender.send((due, buffer.split().freeze())).await.is_err() {
                        return;
                    }
                }
                Ok(0) | Err(_) => return,
            }
        }
    };
    let write = async move {
        while let Some((due, piece)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}

impl Member {
    /// Delays all that it and its peers exchange by `delay` in each direction.
    ///
    /// # Errors
    /// [`Error::Fault`] unless the cluster was built
    /// [`with_peer_proxies`](crate::ClusterBuilder::with_peer_proxies).
    pub fn delay_peers(&self, delay: Duration) -> Result<Fault, Error> {
        Ok(self.delays()?.add((self.name().to_owned(), None), delay))
    }

    /// Delays all that it and `other` exchange by `delay` in each direction.
    ///
    /// # Errors
    /// As [`Self::delay_peers`].
    pub fn delay_to(&self, other: &Member, delay: Duration) -> Result<Fault, Error> {
        let names = (self.name().to_owned(), Some(other.name().to_owned()));
        Ok(self.delays()?.add(names, delay))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("invariant: no holder of this lock panics")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_of_the_links_it_names_and_delays_add_up() {
        let delays = Arc::new(Delays::default());
        let millis = |from, to| delays.between(from, to).as_millis();
        let one = delays.add(("m1".to_owned(), None), Duration::from_millis(1));
        let pair = delays.add(("m1".into(), Some("m2".into())), Duration::from_millis(10));
        assert_eq!(millis(Some("m1"), "m2"), 11);
        assert_eq!(millis(Some("m2"), "m1"), 11);
        assert_eq!(millis(Some("m3"), "m1"), 1);
        assert_eq!(millis(Some("m1"), "m3"), 1);
        assert_eq!(millis(None, "m1"), 1);
        assert_eq!(millis(None, "m2"), 0);
        assert_eq!(millis(Some("m2"), "m3"), 0);
        drop((one, pair));
        assert_eq!(millis(Some("m1"), "m2"), 0);
    }
}
