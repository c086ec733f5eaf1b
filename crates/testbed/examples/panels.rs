//! Asks two servers of Prometheus' API the same range queries by turns, and prints how long each answer took.
//!
//! usage: `panels SECONDS END REPEATS kept|new URL URL <QUERIES`; a query a line, each over the `SECONDS`
//! before `END` (Unix time) with 240 points, on a `kept` connection or on a `new` one each time. Prints a line
//! for each server: its URL, then milliseconds of all answers, the first turn left out.
#![expect(clippy::print_stdout, reason = "scripts read what it prints")]
#![expect(clippy::disallowed_methods, reason = "it measures by the real clock, without a runtime")]

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

const POINTS: u64 = 240;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server, and how it is asked.
struct Side {
    url: String,
    address: String,
    path: String,
    kept: Option<BufReader<TcpStream>>,
    millis: Vec<f64>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, end, repeats, connections, urls @ ..] = &arguments[..] else {
        bail!("usage: panels SECONDS END REPEATS kept|new URL URL <QUERIES");
    };
    let seconds: u64 = seconds.parse().context("SECONDS is not a number")?;
    let end: u64 = end.parse().context("END is not a number of seconds")?;
    let repeats: u32 = repeats.parse().context("REPEATS is not a number")?;
    let is_kept = match connections.as_str() {
        "kept" => true,
        "new" => false,
        other => bail!("connections are kept or new, not {other}"),
    };
    let queries: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let mut sides: Vec<Side> = urls.iter().map(|url| Side::new(url)).collect();
    for turn in 0..=repeats {
        for side in &mut sides {
            for query in &queries {
                let took = side.ask(query, seconds, end, is_kept)?;
                // The first turn warms up.
                if turn > 0 {
                    side.millis.push(took.as_secs_f64() * 1000.0);
                }
            }
        }
    }
    for Side { url, millis, .. } in &sides {
        let millis: Vec<String> = millis.iter().map(|took| format!("{took:.3}")).collect();
        println!("{url} {}", millis.join(" "));
    }
    Ok(())
}

impl Side {
    fn new(url: &str) -> Self {
        let rest = url.trim_start_matches("http://");
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = format!("/{path}/api/v1/query_range").replace("//", "/");
        let address = address.to_owned();
        Self { url: url.to_owned(), address, path, kept: None, millis: Vec::new() }
    }

    /// Asks one query; how long that took, with the connection where it is new.
    fn ask(&mut self, query: &str, seconds: u64, end: u64, is_kept: bool) -> Result<Duration> {
        let escaped: Vec<String> = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let escaped = escaped.concat();
        let (start, step) = (end - seconds, seconds / POINTS);
        let body = format!("query={escaped}&start={start}&end={end}&step={step}");
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.path,
            self.address,
            body.len()
        );
        let begun = Instant::now();
        let mut connection = match self.kept.take() {
            Some(kept) => kept,
            None => connect(&self.address)?,
        };
        connection.get_mut().write_all(request.as_bytes())?;
        read_answer(&mut connection).with_context(|| format!("{} on {query}", self.url))?;
        let took = begun.elapsed();
        if is_kept {
            self.kept = Some(connection);
        }
        Ok(took)
    }
}

fn connect(address: &str) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(BufReader::with_capacity(1 << 18, stream))
}

/// Reads an answer to its end; an error when it is none of success.
fn read_answer(from: &mut impl BufRead) -> Result<()> {
    let status = read_line(from)?;
    ensure!(status.contains(" 200 "), "answered {}", status.trim());
    let mut length = None;
    loop {
        let line = read_line(from)?.to_ascii_lowercase();
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = Some(value.trim().parse()?);
        }
    }
    if let Some(length) = length {
        return skip(from, length);
    }
    loop {
        let size = u64::from_str_radix(read_line(from)?.trim(), 16)?;
        // A chunk ends in a new line.
        skip(from, size + 2)?;
        if size == 0 {
            return Ok(());
        }
    }
}

fn read_line(from: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    ensure!(from.read_line(&mut line)? > 0, "closed the connection");
    Ok(line)
}

fn skip(from: &mut impl BufRead, bytes: u64) -> Result<()> {
    let read = io::copy(&mut from.take(bytes), &mut io::sink())?;
    ensure!(read == bytes, "closed the connection within an answer");
    Ok(())
}
