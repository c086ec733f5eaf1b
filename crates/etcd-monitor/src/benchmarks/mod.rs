//! Benchmarks that a running monitor makes of the clusters that it watches: by a schedule, and on
//! request; one at a time, never while something is wrong, and within a budget.

mod config;
mod gate;
mod made;
mod service;
mod told;

pub use config::{Config, Load, MIN_INTERVAL};
pub(crate) use service::Service;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bench::latency::Latencies;
    use bench::outcome::{Ended, Environment, Generator, Member, Operation, Origin, Outcome};
    use bench::summary::Summary;
    use jiff::Timestamp;

    use super::Config;

    /// A moment, seconds after a beginning.
    pub(super) fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// A run of a thousand operations of so many milliseconds, or a little more.
    pub(super) fn outcome(
        cluster: &str,
        origin: Origin,
        started_at: Timestamp,
        millis: f64,
    ) -> Outcome {
        let mut latencies = Latencies::default();
        let spread = 1.0 + 0.002 * (started_at.as_second() / 60 * 7 % 11) as f64;
        for _ in 0..1_000 {
            latencies.record(Duration::from_secs_f64(millis * spread / 1e3));
        }
        let name = "get".to_owned();
        let member = Member { version: "3.5.1".to_owned(), ..Member::default() };
        Outcome {
            format: 1,
            id: format!("{}-mixed", started_at.strftime("%Y%m%dT%H%M%SZ")),
            started_at,
            origin,
            cluster: Some(cluster.to_owned()),
            cluster_id: None,
            spec: Config::default().spec(),
            ended: Ended::Complete,
            seconds: 10.0,
            throughput: 100.0,
            operations: vec![Operation {
                name,
                succeeded: 1_000,
                timeouts: 0,
                throughput: 100.0,
                latencies,
            }],
            errors: Vec::new(),
            conflicts: 0,
            points: Vec::new(),
            members: vec![member],
            events: None,
            calls: std::collections::BTreeMap::new(),
            generator: Generator {
                threads: 1,
                cpu_seconds: 0.1,
                lateness: Latencies::default(),
                held: 0,
                limit: None,
            },
            environment: Environment::default(),
            remarks: Vec::new(),
        }
    }

    pub(super) fn run(
        cluster: &str,
        origin: Origin,
        started_at: Timestamp,
        millis: f64,
    ) -> Arc<Summary> {
        Arc::new(Summary::of(&outcome(cluster, origin, started_at, millis)))
    }
}
