//! A result, and a list of results, for a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use ::bench::Outcome;
use ::bench::latency::{Latencies, TOLD};
use ::bench::outcome::{Ended, Member, Operation};
use ::bench::spec::{Kind, Pace};

use crate::query::grid::{Align, Grid};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Width of the longest bar of a histogram.
const BAR_WIDTH: usize = 40;
/// Columns of what is no table.
const PROSE: usize = 80;
/// Most bars of a time line.
const COLUMNS: usize = 60;

/// The result as text.
pub(super) fn render(outcome: &Outcome) -> String {
    let mut text = format!("{} · {}\n", outcome.id, headline(outcome));
    match &outcome.ended {
        Ended::Complete => {}
        Ended::Interrupted => {
            text += "PARTIAL: interrupted; the figures are of the time until then\n";
        }
        Ended::Stopped(reason) => {
            let _ = writeln!(text, "PARTIAL: stopped: {reason}");
        }
    }
    text += "\n";
    let mut grid = Grid::new([vec![Align::Left], vec![Align::Right; 9]].concat());
    let names = TOLD.iter().map(|(name, _)| name.to_uppercase());
    let heads = ["OPERATION", "DONE", "EACH SECOND"].map(str::to_owned).into_iter();
    grid.add(heads.chain(names).chain(["TIMEOUTS".to_owned()]));
    // A replay knows more kinds than were recorded.
    let is_told = |operation: &&Operation| {
        outcome.spec.kind != Kind::Mirror || operation.succeeded + operation.timeouts > 0
    };
    for operation in outcome.operations.iter().filter(is_told) {
        let quantiles = TOLD.iter().map(|(_, quantile)| told(&operation.latencies, *quantile));
        let front = [
            operation.name.clone(),
            operation.succeeded.to_string(),
            format!("{:.1}", operation.throughput),
        ];
        grid.add(front.into_iter().chain(quantiles).chain([operation.timeouts.to_string()]));
    }
    text += &(grid.lines().join("\n") + "\n");
    let how = match outcome.spec.pace {
        Pace::Closed => {
            "closed loop: a client waits for each answer, so that what etcd could not take was not asked"
        }
        Pace::Open { .. } => "open loop: from the moment that an operation was to begin",
    };
    text += &prose(&format!("Latencies are exact to 0.1 %, timeouts included; {how}"));
    errors(&mut text, outcome);
    let rates: Vec<f64> = outcome.points.iter().map(|p| p.succeeded as f64 / p.seconds).collect();
    if rates.len() > 1 {
        let _ = writeln!(text, "\nover time    {}", bars(&thinned(&rates)));
        let highest: Vec<f64> =
            outcome.points.iter().map(|point| point.max_seconds.unwrap_or(0.0)).collect();
        let _ = writeln!(text, "max latency  {}", bars(&thinned(&highest)));
    }
    histogram(&mut text, &outcome.latencies());
    members(&mut text, &outcome.members);
    generator(&mut text, outcome);
    for remark in &outcome.remarks {
        text += &prose(&format!("note: {remark}"));
    }
    text
}

/// What the cluster is called, or else its ID.
fn cluster(outcome: &Outcome) -> Option<&str> {
    outcome.cluster.as_deref().or(outcome.cluster_id.as_deref())
}

fn headline(outcome: &Outcome) -> String {
    let spec = &outcome.spec;
    let pace = match &spec.pace {
        Pace::Closed => format!("{} clients, closed loop", spec.clients),
        Pace::Open { profile, .. } => {
            format!("{}/s, open loop", profile.told())
        }
    };
    let of = cluster(outcome).map(|cluster| format!(" of {cluster}"));
    format!(
        "{}{}, {pace}, {:.1} s, values of {} B: {:.1} operations/s",
        spec.kind.as_str(),
        of.unwrap_or_default(),
        outcome.seconds,
        spec.value_bytes,
        outcome.throughput
    )
}

fn errors(text: &mut String, outcome: &Outcome) {
    if outcome.conflicts > 0 {
        let done: u64 = outcome.primary().map(|operation| operation.succeeded).sum();
        let share = outcome.conflicts as f64 / (outcome.conflicts + done) as f64 * 100.0;
        let _ = writeln!(text, "{} attempts met a conflict ({share:.1} %)", outcome.conflicts);
    }
    if outcome.errors.is_empty() {
        *text += "No operation failed.\n";
        return;
    }
    let share = outcome.error_ratio() * 100.0;
    let _ = writeln!(text, "{} operations failed ({share:.3} %):", outcome.failed());
    for failures in &outcome.errors {
        let _ = writeln!(text, "  {:>8} {}: {}", failures.count, failures.kind, failures.example);
    }
}

/// Bars from 1, 2, 5, 10 … of a unit to the next.
pub(super) fn buckets(latencies: &Latencies) -> Vec<(Duration, Duration, u64)> {
    let mut bounds = vec![Duration::ZERO];
    for power in 1..12 {
        for step in [1, 2, 5] {
            bounds.push(Duration::from_nanos(step * 10_u64.pow(power)));
        }
    }
    let all: Vec<_> = bounds
        .windows(2)
        .map(|pair| (pair[0], pair[1], latencies.between(pair[0], pair[1])))
        .collect();
    let first = all.iter().position(|(_, _, count)| *count > 0).unwrap_or(0);
    let last = all.iter().rposition(|(_, _, count)| *count > 0).map_or(0, |last| last + 1);
    all[first.min(last)..last].to_vec()
}

fn histogram(text: &mut String, latencies: &Latencies) {
    let buckets = buckets(latencies);
    let Some(most) = buckets.iter().map(|(_, _, count)| *count).max().filter(|most| *most > 0)
    else {
        return;
    };
    *text += "\n";
    for (_, to, count) in buckets {
        // What is there is seen, however little.
        let width = (count as f64 / most as f64 * BAR_WIDTH as f64).ceil() as usize;
        let _ = writeln!(
            text,
            "{:>10}  {:<BAR_WIDTH$}  {count}",
            format!("< {}", short(to.as_secs_f64())),
            "█".repeat(width)
        );
    }
}

fn members(text: &mut String, members: &[Member]) {
    *text += "\nThe members' own view of the same time (percentiles: up to this bucket's end):\n";
    let mut grid = Grid::new([vec![Align::Left; 3], vec![Align::Right; 7]].concat());
    let heads = [
        "MEMBER",
        "VERSION",
        "ROLE",
        "FSYNC P99",
        "COMMIT P99",
        "PEER P99",
        "APPLIED",
        "LEADER CHANGES",
        "DB GROWTH",
        "CPU",
    ];
    grid.add(heads.map(str::to_owned));
    for member in members {
        let latency = |seconds: Option<f64>| seconds.map_or("–".to_owned(), short);
        let count = |count: Option<u64>| count.map_or("–".to_owned(), |count| count.to_string());
        let growth = member.db_bytes.map(|(before, after)| after as f64 - before as f64);
        grid.add([
            member.name.clone(),
            member.version.clone(),
            if member.was_leader { "leader" } else { "follower" }.to_owned(),
            latency(member.fsync_p99_seconds),
            latency(member.commit_p99_seconds),
            latency(member.peer_round_trip_p99_seconds),
            count(member.applied),
            count(member.leader_changes),
            growth.map_or("–".to_owned(), |bytes| format!("{:+.1} MB", bytes / 1e6)),
            member.cpu_seconds.map_or("–".to_owned(), |seconds| format!("{seconds:.1} s")),
        ]);
    }
    *text += &(grid.lines().join("\n") + "\n");
}

fn generator(text: &mut String, outcome: &Outcome) {
    for (method, calls) in &outcome.calls {
        let counted = calls.counted.map_or("unknown, no metrics".to_owned(), |n| n.to_string());
        let _ = writeln!(text, "{method}: sent {}, counted by the members {counted}", calls.sent);
    }
    if let Some(events) = outcome.events {
        let counted = events.counted.map_or("unknown, no metrics".to_owned(), |n| n.to_string());
        let _ = writeln!(
            text,
            "Events of watches: received {}, sent by the members {counted}",
            events.received
        );
    }
    let generator = &outcome.generator;
    let done: u64 = outcome.primary().map(|operation| operation.succeeded).sum();
    let micros = generator.cpu_seconds * 1e6 / done.max(1) as f64;
    let client = format!(
        "client: {} threads, {micros:.0} µs of processor time for each operation; {} on {}, {} cores{}",
        generator.threads,
        outcome.environment.program,
        outcome.environment.processor.as_deref().unwrap_or("an unknown processor"),
        outcome.environment.cores,
        outcome
            .environment
            .load
            .map_or(String::new(), |load| format!(", load {load} at the start")),
    );
    *text += "\n";
    *text += &prose(&client);
    if let Some(late) = generator.lateness.quantile(0.99) {
        let _ = writeln!(
            text,
            "Operations began up to {} late (p99); {} waited for a free client.",
            short(late.as_secs_f64()),
            generator.held
        );
    }
    if let Some(limit) = &generator.limit {
        *text += &prose(&format!("WARNING: {limit}"));
    }
}

/// A sentence, in lines that a terminal need not wrap, with an end.
fn prose(text: &str) -> String {
    textwrap::fill(text, PROSE) + "\n"
}

/// Results as a table, one line each.
pub(super) fn list(outcomes: &[Outcome]) -> String {
    if outcomes.is_empty() {
        return "no results\n".to_owned();
    }
    let mut grid =
        Grid::new([vec![Align::Left; 2], vec![Align::Right; 4], vec![Align::Left]].concat());
    grid.add(
        ["RESULT", "CLUSTER", "EACH SECOND", "P50", "P99", "FAILED", "ENDED"].map(str::to_owned),
    );
    for outcome in outcomes {
        let latencies = outcome.latencies();
        let ended = match &outcome.ended {
            Ended::Complete => "as planned",
            Ended::Interrupted => "interrupted",
            Ended::Stopped(_) => "stopped",
        };
        grid.add([
            outcome.id.clone(),
            cluster(outcome).unwrap_or("–").to_owned(),
            format!("{:.1}", outcome.throughput),
            told(&latencies, 0.5),
            told(&latencies, 0.99),
            outcome.failed().to_string(),
            ended.to_owned(),
        ]);
    }
    grid.lines().join("\n") + "\n"
}

fn told(latencies: &Latencies, quantile: f64) -> String {
    latencies.quantile(quantile).map_or("–".to_owned(), |latency| short(latency.as_secs_f64()))
}

/// Seconds with the unit that leaves three digits: `1.23 ms`.
pub(crate) fn short(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    match value {
        value if value >= 100.0 => format!("{value:.0} {unit}"),
        value if value >= 10.0 => format!("{value:.1} {unit}"),
        value => format!("{value:.2} {unit}"),
    }
}

/// Values as bars, from 0 to the highest.
pub(super) fn bars(values: &[f64]) -> String {
    let highest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    values.iter().map(|value| BARS[((value / highest * 7.0).round() as usize).min(7)]).collect()
}

/// At most [`COLUMNS`] values: of each part the mean.
fn thinned(values: &[f64]) -> Vec<f64> {
    let part = values.len().div_ceil(COLUMNS).max(1);
    values.chunks(part).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect()
}
