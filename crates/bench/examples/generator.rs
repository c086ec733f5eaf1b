//! Makes one load in a closed loop, without the program around it, and prints what came of it.
//!
//! usage: `generator ENDPOINT,… put|get CLIENTS CONNECTIONS OPERATIONS`; prints operations each second and
//! microseconds of processor time for each.
#![expect(clippy::print_stdout, reason = "scripts read what it prints")]

use bench::spec::{Kind, Length, Spec};
use bench::{Error, Run};
use etcd::{ClientConfig, Endpoint, Scheme};
use model::clock::{Clock as _, SystemClock};
use tokio_util::sync::CancellationToken;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().collect();
    let text = |place: usize| arguments.get(place).map_or("", String::as_str);
    let number = |place: usize| text(place).parse().unwrap_or(1);
    let parsed = text(1).split(',').filter_map(|one| Endpoint::parse(one, Scheme::Http).ok());
    let endpoints: Vec<Endpoint> = parsed.collect();
    let kind = if text(2) == "get" { Kind::Get } else { Kind::Put };
    let spec = Spec {
        kind,
        serializable: true,
        clients: number(3),
        connections: Some(number(4)),
        length: Length::Operations(number(5) as u64),
        warm_up: std::time::Duration::ZERO,
        keys: 1_000,
        ..Spec::default()
    };
    let run = Run::check(spec, ClientConfig::default(), &endpoints, true).await?;
    let interrupt = CancellationToken::new();
    let outcome = run.make(SystemClock.now(), "generator", &interrupt, &mut |_| {}).await?;
    let done: u64 = outcome.primary().map(|operation| operation.succeeded).sum();
    let micros = outcome.generator.cpu_seconds * 1e6 / done.max(1) as f64;
    println!("{:.0} {micros:.1} {}", outcome.throughput, outcome.failed());
    Ok(())
}
