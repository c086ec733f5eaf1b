//! `check disk`: whether a disk is fit for etcd.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use ::bench::disk::{self, Report, Verdict};
use ::bench::latency::TOLD;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::error::Error;
use super::live::Live;
use super::text::short;
use super::write;

/// Tries the disk and writes the report to `out`; an error when the disk is not fit.
pub(super) fn run(directory: &Path, is_json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let live = Live::new(false);
    live.say(&format!(
        "writing {} MB to a file without a name in {}",
        disk::SIZE_BYTES >> 20,
        directory.display()
    ));
    // The file has no name: whoever ends the program ends the file too.
    let report = disk::check(directory, &CancellationToken::new(), &mut |_| {})?;
    let (verdict, advice) = report.verdict();
    let text = if is_json {
        format!("{:#}\n", as_json(&report, verdict, &advice))
    } else {
        as_text(&report, verdict, &advice)
    };
    write(out, &text)?;
    match verdict {
        Verdict::Ready | Verdict::Warning => Ok(()),
        Verdict::Unfit | Verdict::Memory => Err(Error::Unwell("the disk is not fit for etcd")),
    }
}

fn as_text(report: &Report, verdict: Verdict, advice: &[String]) -> String {
    let facts = &report.facts;
    let mut text = String::new();
    let mut line = |name: &str, value: Option<String>| {
        let _ = writeln!(text, "{name:<12} {}", value.unwrap_or_else(|| "not known".to_owned()));
    };
    let word = match verdict {
        Verdict::Ready => "READY: fit for etcd",
        Verdict::Warning => "WARNING: fit for a small or quiet cluster only",
        Verdict::Unfit => "NOT FIT for etcd",
        Verdict::Memory => "NO DISK",
    };
    line(
        "verdict",
        Some(format!("{word} (p99 of fdatasync: up to 10 ms is ready, over 20 ms not fit)")),
    );
    let quantiles: Vec<String> = TOLD
        .iter()
        .filter_map(|(name, quantile)| {
            let latency = report.syncs.quantile(*quantile)?;
            Some(format!("{name} {}", short(latency.as_secs_f64())))
        })
        .collect();
    line("fdatasync", Some(quantiles.join("  ")));
    let megabytes = report.bytes as f64 / 1e6 / report.took.as_secs_f64();
    let speed = format!(
        "{:.0} writes of {} bytes each second, {megabytes:.2} MB/s, one after the other",
        report.writes_per_second(),
        disk::BLOCK_BYTES
    );
    line("speed", Some(speed));
    let told = |latencies: &::bench::latency::Latencies| {
        let quantiles = TOLD.iter().filter_map(|(name, quantile)| {
            let latency = latencies.quantile(*quantile)?;
            Some(format!("{name} {}", short(latency.as_secs_f64())))
        });
        quantiles.collect::<Vec<_>>().join("  ")
    };
    if let Some(mix) = &report.mix {
        let what = format!(
            "({} commits of {} pages; up to 25 ms is fit)",
            mix.commits.count(),
            disk::PAGES
        );
        line("commit", Some(format!("{}  {what}", told(&mix.commits))));
        line("log beside", Some(told(&mix.log_syncs)));
    }
    let mount = facts.file_system.as_ref().map(|kind| {
        let or = |value: &Option<String>| value.clone().unwrap_or_default();
        format!(
            "{kind} at {} on {} ({})",
            or(&facts.mount_point),
            or(&facts.source),
            or(&facts.options)
        )
    });
    line("file system", mount);
    let device = facts.is_rotational.map(|rotates| {
        let kind = if rotates { "rotates, or says so" } else { "solid state, or says so" };
        let model = facts.model.clone().unwrap_or_else(|| "no model told".to_owned());
        let scheduler = facts.scheduler.clone().unwrap_or_else(|| "unknown".to_owned());
        format!("{model}; {kind}; scheduler {scheduler}")
    });
    line("device", device);
    for advice in advice {
        line("advice", Some(advice.clone()));
    }
    text
}

fn as_json(report: &Report, verdict: Verdict, advice: &[String]) -> Value {
    let quantiles = |latencies: &::bench::latency::Latencies| {
        let each = TOLD.iter().map(|(name, quantile)| {
            let latency = latencies.quantile(*quantile).map(|latency| latency.as_secs_f64());
            ((*name).to_owned(), json!(latency))
        });
        each.collect::<serde_json::Map<_, _>>()
    };
    let facts = &report.facts;
    json!({
        "verdict": match verdict {
            Verdict::Ready => "ready",
            Verdict::Warning => "warning",
            Verdict::Unfit => "unfit",
            Verdict::Memory => "memory",
        },
        "directory": report.directory.display().to_string(),
        "fdatasync_seconds": quantiles(&report.syncs),
        "commit_seconds": report.mix.as_ref().map(|mix| quantiles(&mix.commits)),
        "commits": report.mix.as_ref().map(|mix| mix.commits.count()),
        "fdatasync_beside_commits_seconds": report.mix.as_ref().map(|mix| quantiles(&mix.log_syncs)),
        "writes_per_second": report.writes_per_second(),
        "bytes": report.bytes,
        "seconds": report.took.as_secs_f64(),
        "file_system": facts.file_system,
        "mount_point": facts.mount_point,
        "source": facts.source,
        "options": facts.options,
        "is_rotational": facts.is_rotational,
        "scheduler": facts.scheduler,
        "model": facts.model,
        "advice": advice,
    })
}
