//! Asks an HTTP server at a constant rate, whether it keeps up or not, and prints the latencies.
//!
//! usage: `load URL REQUESTS_PER_SECOND SECONDS`
//!
//! The load is open: a request is due at its time on the clock. One that has to wait for the
//! answer before it is counted from when it was due, so a server that stalls is charged for all
//! that it held up. Sent over a fixed number of kept-alive connections.
#![expect(clippy::print_stdout, reason = "scripts read what it prints")]

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use http::{Request, Uri, header};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Enough that a connection is free when a request is due, unless the server is in trouble.
const CONNECTIONS: u32 = 32;

struct Plan {
    uri: Uri,
    rate: u32,
    requests: u32,
    started: Instant,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, rate, seconds] = &arguments[..] else {
        bail!("usage: load URL REQUESTS_PER_SECOND SECONDS");
    };
    let rate: u32 = rate.parse().context("the rate is not a number")?;
    let seconds: u32 = seconds.parse().context("the time is not a number of seconds")?;
    ensure!(rate > 0 && seconds > 0, "rate and time must be more than 0");
    let requests = rate.checked_mul(seconds).context("too many requests")?;
    let plan = Plan { uri: url.parse()?, rate, requests, started: Instant::now() };
    let plan = Arc::new(plan);
    let mut connections = JoinSet::new();
    for index in 0..CONNECTIONS {
        connections.spawn(ask(Arc::clone(&plan), index));
    }
    let (mut latencies, mut errors) = (Vec::new(), 0);
    while let Some(answers) = connections.join_next().await {
        for answer in answers?? {
            match answer {
                Some(latency) => latencies.push(latency),
                None => errors += 1,
            }
        }
    }
    report(&plan, latencies, errors);
    Ok(())
}

/// Sends every request that falls to one connection; none for an answer other than 200.
async fn ask(plan: Arc<Plan>, index: u32) -> Result<Vec<Option<Duration>>> {
    let authority = plan.uri.authority().context("the URL has no host")?.as_str();
    let stream = TcpStream::connect(authority).await.context("cannot connect")?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut answers = Vec::new();
    for number in (index..plan.requests).step_by(CONNECTIONS as usize) {
        let due = plan.started + Duration::from_secs(1) * number / plan.rate;
        let is_late = Instant::now() > due;
        // The timer wakes up to a millisecond late, which is not the server's.
        sleep_until(due).await;
        let counted_from = if is_late { due } else { Instant::now() };
        let request = Request::get(plan.uri.path())
            .header(header::HOST, authority)
            .body(Empty::<Bytes>::new())?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let is_well = answer.status().is_success();
        answer.into_body().collect().await?;
        answers.push(is_well.then(|| counted_from.elapsed()));
    }
    Ok(answers)
}

fn report(plan: &Plan, mut latencies: Vec<Duration>, errors: usize) {
    latencies.sort_unstable();
    let at = |quantile: f64| {
        let rank = (latencies.len() as f64 * quantile).ceil() as usize;
        latencies.get(rank.saturating_sub(1)).map_or(f64::NAN, Duration::as_secs_f64) * 1000.0
    };
    let achieved = latencies.len() as f64 / plan.started.elapsed().as_secs_f64();
    println!(
        "requests={} errors={errors} rate={achieved:.0} p50_ms={:.2} p90_ms={:.2} p99_ms={:.2} max_ms={:.2}",
        latencies.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
    );
}
