//! Measures how long after a fault its finding is open, on real etcd at default intervals.
//!
//! usage: detect [--repetitions N] [--parallel N] [--etcd 3.5,3.7] [--trace] [FAULT…]
//!
//! Each fault is made, told, and repaired N times on one cluster of each version, or on so many of each
//! as `--parallel` says; the versions are measured at the same time. Prints a table, and exits with 1
//! when one is told too late. With `--trace`, writes to standard error what was read and decided.

#![expect(clippy::print_stdout, reason = "it prints a table")]

mod faults;
mod rig;
mod trace;

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
    /// Clusters of each version at once.
    parallel: usize,
    is_traced: bool,
    versions: Vec<EtcdVersion>,
    faults: Vec<Fault>,
}

/// How long it took in each repetition.
struct Times {
    fault: Fault,
    version: EtcdVersion,
    opened: Vec<Duration>,
    closed: Vec<Duration>,
    /// Repetitions in which it was not told.
    untold: usize,
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
        let measured = plan.versions.iter().map(|version| measure_all(*fault, *version, &plan));
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
        parallel: 1,
        is_traced: false,
        versions: vec![EtcdVersion::V3_5, EtcdVersion::V3_7],
        faults: Vec::new(),
    };
    let mut arguments = arguments.filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--repetitions" => plan.repetitions = number(&value()?)?,
            "--parallel" => plan.parallel = number(&value()?)?.max(1),
            "--trace" => plan.is_traced = true,
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

fn number(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text:?} is no number"))
}

/// Measures on several clusters at once, each of which takes its share of the repetitions.
async fn measure_all(fault: Fault, version: EtcdVersion, plan: &Plan) -> Times {
    let mut all = Times { fault, version, opened: Vec::new(), closed: Vec::new(), untold: 0 };
    if let Some(why) = fault.impossible() {
        say(&format!("SKIPPED: {}: {why}", fault.name()));
        return all;
    }
    let shares = (0..plan.parallel).map(|place| {
        let more = usize::from(place < plan.repetitions % plan.parallel);
        measure(fault, version, plan.repetitions / plan.parallel + more, plan.is_traced)
    });
    for times in futures::future::join_all(shares).await {
        all.opened.extend(times.opened);
        all.closed.extend(times.closed);
        all.untold += times.untold;
    }
    all
}

async fn measure(fault: Fault, version: EtcdVersion, repetitions: usize, is_traced: bool) -> Times {
    let mut times = Times { fault, version, opened: Vec::new(), closed: Vec::new(), untold: 0 };
    if repetitions == 0 {
        return times;
    }
    let mut rig = Rig::start(fault, version, is_traced).await;
    for number in 1..=repetitions {
        // On a machine with too much other work what was measured so far is better than nothing.
        if let Err(reasons) = rig.well(OVER_WITHIN).await {
            let (name, reasons) = (fault.name(), reasons.join("; "));
            say(&format!("etcd {version}: {name} ends before ({number}), not well: {reasons}"));
            break;
        }
        let made = fault.make(&mut rig).await;
        rig.say(&format!("{} was made ({number})", fault.name()));
        let Some(opened) = rig.told(fault, &made, TOLD_WITHIN).await else {
            say(&format!("etcd {version}: {} was not told ({number})", fault.name()));
            times.untold += 1;
            fault.repair(&mut rig, made).await;
            continue;
        };
        rig.say(&format!("told after {:.2} s", opened.as_secs_f64()));
        times.opened.push(opened);
        let subject = made.subject;
        let closed = fault.repair(&mut rig, made).await;
        if let Some(over) = rig.over(fault, subject, closed, OVER_WITHIN).await {
            rig.say(&format!("over after {:.1} s", over.as_secs_f64()));
            times.closed.push(over);
        }
    }
    rig.end().await;
    times
}

fn report(times: &Times) -> bool {
    let Times { fault, version, opened, closed, untold } = times;
    let (mut opened, mut closed) = (opened.clone(), closed.clone());
    opened.sort();
    closed.sort();
    let (Some(first), Some(last)) = (opened.first(), opened.last()) else { return false };
    let limit = fault.limit();
    let is_well = *last <= limit && *untold == 0;
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
