//! A result as tables for other programs: the time line, and latencies by percentile.

use std::fmt::Write as _;

use ::bench::Outcome;

/// The time line as comma-separated values.
pub(super) fn time_line(outcome: &Outcome) -> String {
    let mut text =
        "at_seconds,seconds,succeeded,failed,p50_seconds,p99_seconds,max_seconds\n".to_owned();
    for point in &outcome.points {
        let value = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.9}"));
        let _ = writeln!(
            text,
            "{:.3},{:.3},{},{},{},{},{}",
            point.at_seconds,
            point.seconds,
            point.succeeded,
            point.failed,
            value(point.p50_seconds),
            value(point.p99_seconds),
            value(point.max_seconds)
        );
    }
    text
}

/// The latencies in milliseconds by percentile, in the text format of HdrHistogram.
pub(super) fn percentiles(outcome: &Outcome) -> String {
    let latencies = outcome.latencies();
    let total = latencies.count();
    let mut text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n".to_owned();
    let mut seen = 0;
    for (at, count) in latencies.recorded() {
        seen += count;
        let share = seen as f64 / total as f64;
        let _ = write!(text, "{:12.3} {share:2.12} {seen:10}", at.as_secs_f64() * 1e3);
        let _ = if seen == total {
            writeln!(text)
        } else {
            writeln!(text, " {:14.2}", 1.0 / (1.0 - share))
        };
    }
    let millis = |latency: Option<std::time::Duration>| {
        latency.map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    let _ = writeln!(text, "#[Mean    = {:12.3}]", millis(latencies.mean()));
    let _ = writeln!(
        text,
        "#[Max     = {:12.3}, Total count    = {total:12}]",
        millis(latencies.max())
    );
    text
}
