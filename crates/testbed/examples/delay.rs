//! Stands before a server and hands its answers on later than they come, for measurements by scripts.
//!
//! usage: `delay ADDRESS MICROSECONDS…`; prints the URLs, comma separated, one for each delay.
//!
//! Threads sleep by the system's own clock here: a runtime's timers tick in milliseconds, which is as
//! much as the differences that are to be found.
#![expect(clippy::print_stdout, reason = "scripts read what it prints")]
#![expect(clippy::disallowed_methods, reason = "it measures by the real clock, without a runtime")]

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// The most that is handed on as one piece.
const PIECE_BYTES: usize = 64 << 10;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, delays @ ..] = &arguments[..] else {
        bail!("usage: delay ADDRESS MICROSECONDS…")
    };
    let server: SocketAddr =
        server.trim_start_matches("http://").parse().context("give an address and a port")?;
    let mut urls = Vec::new();
    let mut listening = Vec::new();
    for delay in delays {
        let delay = Duration::from_micros(delay.parse().context("a delay is no number")?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
        urls.push(format!("http://{}", listener.local_addr()?));
        listening.push(thread::spawn(move || accept(&listener, server, delay)));
    }
    println!("{}", urls.join(","));
    for thread in listening {
        // It goes on until this program is ended.
        let _ = thread.join();
    }
    Ok(())
}

fn accept(listener: &TcpListener, server: SocketAddr, delay: Duration) {
    for inbound in listener.incoming().flatten() {
        // Where one connection fails, its client is told by its end.
        thread::spawn(move || pass(&inbound, server, delay));
    }
}

/// Passes requests on at once, and answers later.
fn pass(client: &TcpStream, server: SocketAddr, delay: Duration) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut requests, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut requests, &mut to_server);
        to_server.shutdown(Shutdown::Write)
    });
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    let mut to_client = client.try_clone()?;
    thread::spawn(move || -> io::Result<()> {
        for (due, piece) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            to_client.write_all(&piece)?;
        }
        to_client.shutdown(Shutdown::Both)
    });
    let mut answers = server;
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let read = answers.read(&mut buffer)?;
        if read == 0 || sender.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
            return Ok(());
        }
    }
}
