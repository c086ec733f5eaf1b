//! Which series of a member's page the history keeps.

/// What becomes of a metric's series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    No,
    Yes,
    /// From their first event on: etcd writes some 900 counters of calls that nobody makes.
    WhenNotZero,
}

impl Keep {
    /// What the etcd mixin and the usual dashboards ask for, and what etcd says of itself. The rest
    /// is of Go's runtime and of Prometheus' client library.
    pub(super) fn of(metric: &str) -> Self {
        const PREFIXES: [&str; 4] = ["etcd_", "process_", "os_fd_", "go_gc_duration_seconds"];
        const NAMES: [&str; 3] = ["go_goroutines", "go_threads", "go_info"];
        if PREFIXES.iter().any(|prefix| metric.starts_with(prefix)) || NAMES.contains(&metric) {
            Self::Yes
        } else if let Some(rest) = metric.strip_prefix("grpc_server_") {
            // The buckets of a histogram belong together, zero or not.
            if rest.starts_with("handling_seconds") { Self::Yes } else { Self::WhenNotZero }
        } else if metric.starts_with("go_memstats_") && metric.contains("_bytes") {
            Self::Yes
        } else {
            Self::No
        }
    }

    /// Whether a sample of this value is kept.
    pub(super) fn accepts(self, value: f64) -> bool {
        match self {
            Self::No => false,
            Self::Yes => true,
            Self::WhenNotZero => value != 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dashboards_ask_for_is_kept_and_idle_calls_are_not() {
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
            assert_eq!(Keep::of(metric).accepts(value), is_kept, "{metric} {value}");
        }
    }
}
