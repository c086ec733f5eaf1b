//! Measures how long after a fault a webhook is told of it, and of its end: real etcd, the program as
//! users run it, everything at its defaults; on request beside Prometheus and Alertmanager.
//!
//! usage: told PROGRAM [--beside MIXIN] [REPETITIONS] [FAULT…]
//!
//! MIXIN is a file with the rules of the etcd mixin, as JSON. Prints a table, and exits with 1 when
//! somebody is told too late.

#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use futures::future::join_all;
use testbed::{Cluster, EtcdVersion};
use tokio::time::{Instant, sleep};

use chain::{Chain, Settings};
use fault::Fault;

mod chain;
mod fault;
mod receiver;

/// Longest wait for our program.
const WITHIN: Duration = Duration::from_mins(2);
/// Longest wait when others are measured too: the mixin's `for` goes up to 20 minutes.
const WITHIN_BESIDE: Duration = Duration::from_mins(30);

struct Arguments {
    program: PathBuf,
    mixin: Option<PathBuf>,
    repetitions: usize,
    faults: Vec<Fault>,
}

impl Arguments {
    fn parse(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let program = arguments.next()?.into();
        let mixin = match arguments.next_if(|argument| argument == "--beside") {
            Some(_) => Some(arguments.next()?.into()),
            None => None,
        };
        let repetitions = match arguments.next() {
            Some(text) => text.parse().ok().filter(|count| *count > 0)?,
            None => 20,
        };
        let named = |name: String| Fault::ALL.into_iter().find(|fault| fault.name() == name);
        let mut faults = arguments.map(named).collect::<Option<Vec<_>>>()?;
        if faults.is_empty() {
            faults = Fault::ALL.to_vec();
        }
        Some(Self { program, mixin, repetitions, faults })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let Some(arguments) = Arguments::parse(std::env::args().skip(1)) else {
        println!("usage: told PROGRAM [--beside MIXIN] [REPETITIONS] [FAULT…]");
        return ExitCode::from(128);
    };
    println!(
        "{:<14} {:<8} {:>3}  {:>8} {:>8} {:>8}  {:>5}  {:<5} {:>12}",
        "fault", "by", "n", "min s", "median", "p99", "limit", "", "end, median"
    );
    let mut is_well = true;
    for fault in &arguments.faults {
        is_well &= measure(*fault, &arguments).await;
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What one chain took, once for each repetition.
#[derive(Default)]
struct Times {
    began: Vec<Duration>,
    ended: Vec<Duration>,
}

async fn measure(fault: Fault, arguments: &Arguments) -> bool {
    let cluster = Cluster::builder(EtcdVersion::V3_5).start().await.expect("a cluster");
    let endpoints = cluster.endpoints();
    let mut chains = vec![chain::ours(&arguments.program, &endpoints).await];
    if let Some(mixin) = &arguments.mixin {
        chains.extend(beside(fault, mixin, &endpoints).await);
    }
    let limit = if chains.len() > 1 { WITHIN_BESIDE } else { WITHIN };
    let mut times: Vec<Times> = chains.iter().map(|_| Times::default()).collect();
    sleep(Duration::from_secs(if chains.len() > 1 { 40 } else { 10 })).await;
    for _ in 0..arguments.repetitions {
        for chain in &mut chains {
            chain.receiver.clear();
        }
        let (at, victims) = fault.make(&cluster).await;
        for (told, times) in told(&mut chains, fault, "firing", limit).await.zip(&mut times) {
            times.began.push(told.saturating_duration_since(at));
        }
        let at = Instant::now();
        fault.mend(&cluster, victims).await;
        for (told, times) in told(&mut chains, fault, "resolved", limit).await.zip(&mut times) {
            times.ended.push(told.saturating_duration_since(at));
        }
        // Somewhere within the period of the sweeps, as faults come; and the group of alerts is gone.
        sleep(Duration::from_millis(36_000 + fastrand::u64(0..2_000))).await;
    }
    let ours = report(fault, &chains[0], &mut times[0], Some(fault.limit()));
    for (chain, times) in chains.iter().zip(&mut times).skip(1) {
        report(fault, chain, times, None);
    }
    if arguments.mixin.is_some() && fault.mixin_alerts().is_empty() {
        println!("{:<14} the mixin has no rule for it", fault.name());
    }
    ours
}

/// Prometheus and Alertmanager as the fault's rules are to be tried, if there are any.
async fn beside(fault: Fault, mixin: &Path, endpoints: &[String]) -> Vec<Chain> {
    if fault.mixin_alerts().is_empty() {
        return Vec::new();
    }
    join_all(Settings::ALL.map(|settings| chain::theirs(settings, mixin, endpoints))).await
}

/// When each chain was told, in their order.
async fn told<'a>(
    chains: &'a mut [Chain],
    fault: Fault,
    status: &'a str,
    limit: Duration,
) -> impl Iterator<Item = Instant> + use<> {
    let waiting = chains.iter_mut().map(async |chain| {
        let own = [fault.alert()];
        let names = if chain.is_mixin { fault.mixin_alerts() } else { own.as_slice() };
        let at = chain.receiver.next(names, status, limit).await;
        at.unwrap_or_else(|| panic!("{}: not told that {} is {status}", chain.name, fault.name()))
    });
    join_all(waiting).await.into_iter()
}

/// Prints one chain's times; whether they are within the limit, if there is one.
fn report(fault: Fault, chain: &Chain, times: &mut Times, limit: Option<Duration>) -> bool {
    let Times { began, ended } = times;
    began.sort();
    ended.sort();
    let at = |all: &[Duration], part: f64| {
        all[((all.len() as f64 * part).ceil() as usize).clamp(1, all.len()) - 1].as_secs_f64()
    };
    let p99 = at(began, 0.99);
    let is_well = limit.is_none_or(|limit| p99 <= limit.as_secs_f64());
    let verdict = match (limit, is_well) {
        (None, _) => "",
        (_, true) => "ok",
        (_, false) => "FAIL",
    };
    println!(
        "{:<14} {:<8} {:>3}  {:>8.2} {:>8.2} {p99:>8.2}  {:>5}  {verdict:<5} {:>12.2}",
        fault.name(),
        chain.name,
        began.len(),
        at(began, 0.0),
        at(began, 0.5),
        limit.map_or_else(String::new, |limit| limit.as_secs().to_string()),
        at(ended, 0.5),
    );
    is_well
}
