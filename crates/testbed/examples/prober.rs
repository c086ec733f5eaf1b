//! Asks a member for one key at a constant rate and prints how long those who ask wait, to judge other
//! programs that measure the same.
//!
//! usage: `prober URL REQUESTS_PER_SECOND SECONDS [TRACE_FILE]`; prints requests, failures and quantiles.
//!
//! Shares no code with what it judges: threads of the system, each with a connection of its own, HTTP/1.1
//! to etcd's JSON gateway, and every wait kept and sorted. A request is due at its time on the clock and
//! its wait begins then; there are enough threads that one is free. The trace has a line for each
//! request: when it was due, when it was sent and when its answer was there, in microseconds.
#![expect(clippy::print_stdout, reason = "scripts read what it prints")]
#![expect(clippy::disallowed_methods, reason = "it measures by the real clock, without a runtime")]

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// How long a thread has until its next request is due, at least.
const TURN: Duration = Duration::from_secs(1);
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A read of the key `k` of the asked member alone.
const BODY: &str = r#"{"key":"aw==","serializable":true}"#;

/// One request, in microseconds after the begin.
struct Asked {
    due: u128,
    sent: u128,
    answered: Option<u128>,
}

struct Plan {
    address: String,
    rate: u32,
    requests: u32,
    threads: u32,
    start: Instant,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, rate, seconds, trace @ ..] = &arguments[..] else {
        bail!("usage: prober URL REQUESTS_PER_SECOND SECONDS [TRACE_FILE]");
    };
    let rate: u32 = rate.parse().context("the rate is not a number")?;
    let seconds: u32 = seconds.parse().context("the time is not a number of seconds")?;
    ensure!(rate > 0 && seconds > 0, "rate and time must be more than 0");
    let requests = rate.checked_mul(seconds).context("too many requests")?;
    let plan = Arc::new(Plan {
        address: url.trim_start_matches("http://").to_owned(),
        rate,
        requests,
        threads: (rate * TURN.as_secs() as u32).max(1),
        // Until then all are connected.
        start: Instant::now() + TURN,
    });
    let threads: Vec<_> = (0..plan.threads.min(requests))
        .map(|index| {
            let plan = Arc::clone(&plan);
            thread::spawn(move || ask(&plan, index))
        })
        .collect();
    let mut asked = Vec::new();
    for thread in threads {
        match thread.join() {
            Ok(of_thread) => asked.extend(of_thread.context("cannot connect")?),
            Err(_) => bail!("a thread failed"),
        }
    }
    asked.sort_by_key(|one| one.due);
    if let [path, ..] = trace {
        let line = |one: &Asked| {
            let answered = one.answered.map_or_else(|| "-".to_owned(), |at| at.to_string());
            format!("{} {} {answered}\n", one.due, one.sent)
        };
        std::fs::write(path, asked.iter().map(line).collect::<String>())?;
    }
    report(&asked);
    Ok(())
}

/// Sends every request that falls to one thread.
fn ask(plan: &Plan, index: u32) -> io::Result<Vec<Asked>> {
    let mut connection = connect(&plan.address)?;
    let micros = || plan.start.elapsed().as_micros();
    let mut asked = Vec::new();
    for number in (index..plan.requests).step_by(plan.threads as usize) {
        let due = Duration::from_secs(1) * number / plan.rate;
        thread::sleep((plan.start + due).saturating_duration_since(Instant::now()));
        let sent = micros();
        let is_well = exchange(&mut connection, &plan.address).is_ok();
        asked.push(Asked { due: due.as_micros(), sent, answered: is_well.then(micros) });
        if !is_well {
            connection = connect(&plan.address)?;
        }
    }
    Ok(asked)
}

fn connect(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::new(stream))
}

/// One request and its whole answer, which is to be a success.
fn exchange(connection: &mut BufReader<TcpStream>, address: &str) -> io::Result<()> {
    let length = BODY.len();
    let request = format!(
        "POST /v3/kv/range HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{BODY}"
    );
    connection.get_mut().write_all(request.as_bytes())?;
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let is_well = line.starts_with("HTTP/1.1 200");
    let mut length = 0;
    loop {
        line.clear();
        if connection.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    connection.read_exact(&mut vec![0; length])?;
    if is_well { Ok(()) } else { Err(io::Error::other("no success")) }
}

fn report(asked: &[Asked]) {
    // Nobody saw an answer that did not come: it counts as long as it was waited for.
    let wait = |one: &Asked| one.answered.unwrap_or(one.due + PATIENCE.as_micros()) - one.due;
    let mut waits: Vec<u128> = asked.iter().map(wait).collect();
    waits.sort_unstable();
    let at = |quantile: f64| {
        let rank = (waits.len() as f64 * quantile).ceil() as usize;
        waits.get(rank.saturating_sub(1)).map_or(f64::NAN, |wait| *wait as f64 / 1e3)
    };
    let mut late: Vec<u128> = asked.iter().map(|one| one.sent.saturating_sub(one.due)).collect();
    late.sort_unstable();
    let late = late.get(late.len() * 99 / 100).map_or(f64::NAN, |late| *late as f64 / 1e3);
    println!(
        "requests={} failed={} p50_ms={:.2} p90_ms={:.2} p95_ms={:.2} p99_ms={:.2} max_ms={:.2} late_p99_ms={late:.2}",
        asked.len(),
        asked.iter().filter(|one| one.answered.is_none()).count(),
        at(0.5),
        at(0.9),
        at(0.95),
        at(0.99),
        at(1.0),
    );
}
