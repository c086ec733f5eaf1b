//! Measures how long after a fault its finding is open, on real etcd at default intervals.
//!
//! usage: detect [--repetitions N] [--etcd 3.5,3.7] [FAULT…]
//!
//! Each fault is made, told, and repaired N times on one cluster of each version; the versions are
//! measured at the same time. Prints a table, and exits with 1 when one is told too late.

#![expect(clippy::print_stdout, reason = "it prints a table")]

mod faults;
mod rig;

use std::process::ExitCode;
use std::time::Duration;

use testbed::EtcdVersion;

use crate::faults::Fault;
use crate::rig::Rig;

/// No finding takes longer, unless it does not come.
const TOLD_WITHIN: Duration = Duration::from_secs(150);

/// The metrics of the last minute tell of a slow disk for as long.
const OVER_WITHIN: Duration = Duration::from_mins(4);

struct Plan {
    repetitions: usize,
    versions: Vec<EtcdVersion>,
    faults: Vec<Fault>,
}

/// How long it took in each repetition.
struct Times {
    fault: Fault,
    version: EtcdVersion,
    opened: Vec<Duration>,
    closed: Vec<Duration>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let plan = match plan(std::env::args().skip(1)) {
        Ok(plan) => plan,
        Err(why) => {
            say(&why);
            return ExitCode::from(128);
        }
    };
    println!(
        "{:<18} {:<5} {:>3}  {:>7} {:>7} {:>7}  {:>7}  {:<6}  {:>7}",
        "fault", "etcd", "n", "min s", "median", "p99", "limit", "", "closed"
    );
    let mut is_well = true;
    for fault in &plan.faults {
        let measured = plan.versions.iter().map(|version| measure(*fault, *version, &plan));
        for times in futures::future::join_all(measured).await {
            is_well &= report(&times);
        }
    }
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

fn plan(arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
    let mut plan = Plan {
        repetitions: 20,
        versions: vec![EtcdVersion::V3_5, EtcdVersion::V3_7],
        faults: Vec::new(),
    };
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--repetitions" => {
                let value = value()?;
                plan.repetitions = value.parse().map_err(|_| format!("{value:?} is no number"))?;
            }
            "--etcd" => {
                let version = |text: &str| {
                    let mut all = EtcdVersion::ALL.into_iter();
                    all.find(|version| version.as_str() == text)
                        .ok_or_else(|| format!("no etcd {text}; there are 3.4 to 3.7"))
                };
                plan.versions = value()?.split(',').map(version).collect::<Result<_, _>>()?;
            }
            name => plan.faults.push(
                Fault::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| {
                    let names: Vec<&str> = Fault::ALL.iter().map(|fault| fault.name()).collect();
                    format!("no fault {name:?}; there are: {}", names.join(" "))
                })?,
            ),
        }
    }
    if plan.faults.is_empty() {
        plan.faults = Fault::ALL.to_vec();
    }
    Ok(plan)
}

async fn measure(fault: Fault, version: EtcdVersion, plan: &Plan) -> Times {
    let mut times = Times { fault, version, opened: Vec::new(), closed: Vec::new() };
    if let Some(why) = fault.impossible() {
        say(&format!("SKIPPED: {}: {why}", fault.name()));
        return times;
    }
    let mut rig = Rig::start(fault, version).await;
    for number in 1..=plan.repetitions {
        rig.well(OVER_WITHIN).await;
        let made = fault.make(&mut rig).await;
        let Some(opened) = rig.told(fault, &made, TOLD_WITHIN).await else {
            say(&format!("etcd {version}: {} was not told ({number})", fault.name()));
            fault.repair(&mut rig, made).await;
            continue;
        };
        times.opened.push(opened);
        let subject = made.subject;
        let closed = fault.repair(&mut rig, made).await;
        times.closed.extend(rig.over(fault, subject, closed, OVER_WITHIN).await);
    }
    rig.end().await;
    times
}

fn report(times: &Times) -> bool {
    let Times { fault, version, opened, closed } = times;
    let (mut opened, mut closed) = (opened.clone(), closed.clone());
    opened.sort();
    closed.sort();
    let (Some(first), Some(last)) = (opened.first(), opened.last()) else { return false };
    let limit = fault.limit();
    let is_well = *last <= limit;
    println!(
        "{:<18} {:<5} {:>3}  {:>7.2} {:>7.2} {:>7.2}  {:>7.0}  {:<6}  {:>7.2}",
        fault.name(),
        version.as_str(),
        opened.len(),
        first.as_secs_f64(),
        opened[opened.len() / 2].as_secs_f64(),
        // Of twenty or so the p99 is the last.
        last.as_secs_f64(),
        limit.as_secs_f64(),
        if is_well { "PASS" } else { "FAIL" },
        closed.get(closed.len() / 2).copied().unwrap_or_default().as_secs_f64(),
    );
    is_well
}
