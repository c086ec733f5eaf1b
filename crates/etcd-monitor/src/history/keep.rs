//! Which series of a member's page the history keeps.

use super::config::{self, Config};

/// What becomes of a metric's series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Drop,
    Keep,
    /// From their first event on: etcd writes some 900 counters of calls that nobody makes. Those
    /// that [`is_base`] are kept at zero too.
    KeepWhenNotZero,
}

impl Verdict {
    /// Whether a sample of this value of a series, as the page writes it, is kept.
    pub(super) fn keeps(self, value: f64, series: &str) -> bool {
        match self {
            Self::Drop => false,
            Self::Keep => true,
            Self::KeepWhenNotZero => value != 0.0 || is_base(series),
        }
    }
}

/// Whether a sum of calls, as dashboards make it, would be nothing instead of 0 without this series:
/// streams that are open are those that began less those that ended, and errors are of codes that
/// few calls end with. Some 35 series. The labels stand in the order of their names, as Prometheus' client
/// library writes them.
fn is_base(series: &str) -> bool {
    let is_stream = || series.ends_with(r#",grpc_type="bidi_stream"}"#);
    let Some(rest) = series.strip_prefix("grpc_server_handled_total{grpc_code=\"") else {
        return series.starts_with("grpc_server_started_total{") && is_stream();
    };
    rest.split_once('"').is_some_and(|(code, rest)| {
        rest.starts_with(r#",grpc_method="Range","#) || (code == "OK" && is_stream())
    })
}

/// The choice of metrics that the configuration makes.
#[derive(Debug)]
pub(super) struct Choice {
    is_all: bool,
    /// Names, or their beginnings followed by `*`.
    also: Vec<String>,
}

impl Choice {
    pub(super) fn new(config: &Config) -> Self {
        Self { is_all: config.keep == config::Keep::All, also: config.also_keep.clone() }
    }

    pub(super) fn of(&self, metric: &str) -> Verdict {
        let is_named = |pattern: &String| match pattern.strip_suffix('*') {
            Some(beginning) => metric.starts_with(beginning),
            None => metric == pattern,
        };
        if self.is_all || self.also.iter().any(is_named) { Verdict::Keep } else { usual(metric) }
    }
}

/// What the etcd mixin and the usual dashboards ask for, and what etcd says of itself. The rest is of
/// Go's runtime and of Prometheus' client library.
fn usual(metric: &str) -> Verdict {
    const PREFIXES: [&str; 4] = ["etcd_", "process_", "os_fd_", "go_gc_duration_seconds"];
    const NAMES: [&str; 3] = ["go_goroutines", "go_threads", "go_info"];
    if PREFIXES.iter().any(|prefix| metric.starts_with(prefix)) || NAMES.contains(&metric) {
        Verdict::Keep
    } else if let Some(rest) = metric.strip_prefix("grpc_server_") {
        // The buckets of a histogram belong together, zero or not.
        let is_histogram = rest.starts_with("handling_seconds");
        if is_histogram { Verdict::Keep } else { Verdict::KeepWhenNotZero }
    } else if metric.starts_with("go_memstats_") && metric.contains("_bytes") {
        Verdict::Keep
    } else {
        Verdict::Drop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dashboards_ask_for_is_kept_and_idle_calls_are_not() {
        let usual = Choice::new(&Config::default());
        for (metric, value, is_kept) in [
            ("etcd_disk_wal_fsync_duration_seconds_bucket", 0.0, true),
            ("etcd_debugging_mvcc_keys_total", 0.0, true),
            ("process_resident_memory_bytes", 1.0, true),
            ("go_memstats_alloc_bytes", 1.0, true),
            ("go_memstats_mallocs_total", 1.0, false),
            ("grpc_server_handled_total", 0.0, false),
            ("grpc_server_handled_total", 1.0, true),
            ("grpc_server_handling_seconds_bucket", 0.0, true),
            ("promhttp_metric_handler_requests_total", 9.0, false),
        ] {
            assert_eq!(usual.of(metric).keeps(value, metric), is_kept, "{metric} {value}");
        }
    }

    #[test]
    fn sums_of_calls_have_something_to_begin_with() {
        let usual = Choice::new(&Config::default());
        for (name, code, method, kind, is_kept) in [
            ("handled", "grpc_code=\"OK\",", "Watch", "bidi_stream", true),
            ("handled", "grpc_code=\"Internal\",", "Watch", "bidi_stream", false),
            ("handled", "grpc_code=\"Internal\",", "Range", "unary", true),
            ("handled", "grpc_code=\"Internal\",", "RangeStream", "server_stream", false),
            ("handled", "grpc_code=\"OK\",", "Put", "unary", false),
            ("started", "", "LeaseKeepAlive", "bidi_stream", true),
            ("started", "", "Put", "unary", false),
            ("msg_sent", "", "Watch", "bidi_stream", false),
        ] {
            let name = format!("grpc_server_{name}_total");
            let series = format!(
                "{name}{{{code}grpc_method=\"{method}\",grpc_service=\"s\",grpc_type=\"{kind}\"}}"
            );
            assert_eq!(usual.of(&name).keeps(0.0, &series), is_kept, "{series}");
        }
    }

    #[test]
    fn what_is_configured_is_kept_too() {
        let also_keep = vec!["go_memstats_m*".to_owned(), "promhttp_metric".to_owned()];
        let some = Choice::new(&Config { also_keep, ..Config::default() });
        assert_eq!(some.of("go_memstats_mallocs_total"), Verdict::Keep);
        assert_eq!(some.of("promhttp_metric_handler_requests_total"), Verdict::Drop);
        let all = Choice::new(&Config { keep: config::Keep::All, ..Config::default() });
        assert_eq!(all.of("grpc_server_handled_total"), Verdict::Keep);
    }
}
