//! Every kind of load on every version: it works, it is counted right, and it leaves nothing.

use std::time::Duration;

use bench::arrivals::{Profile, Spacing};
use bench::outcome::Ended;
use bench::pattern::{Bucket, FORMAT, Pattern, Rank, Rates, Shape, Watchers};
use bench::spec::{Distribution, Kind, Length, Pace, Sizes, Spec, Target};
use testbed::{Cluster, EtcdVersion, on_every_version};

use crate::{keys_left, make};

/// What a replay does here: a little of everything.
fn pattern() -> Pattern {
    let shape = |hash: &str, share, write_share| Shape {
        hash: hash.to_owned(),
        depth: 4,
        bytes: 40,
        share,
        write_share,
        writes: vec![Rank { keys: 1, share: 0.4 }, Rank { keys: 99, share: 0.6 }],
    };
    Pattern {
        format: FORMAT,
        recorded_at: jiff::Timestamp::UNIX_EPOCH,
        seconds: 10.0,
        rates: Rates {
            range: 50.0,
            put: 20.0,
            delete: 5.0,
            txn: 20.0,
            lease_grant: 3.0,
            lease_keep_alive: 2.0,
        },
        keys: 500,
        shapes: vec![shape("a", 0.6, 0.2), shape("b", 0.4, 0.8)],
        value_bytes: vec![Bucket { up_to: 100, share: 0.5 }, Bucket { up_to: 200, share: 0.5 }],
        keys_per_read: 2.5,
        txn_write_ratio: 0.5,
        distinct_ratio: 0.4,
        watchers: Some(Watchers { count: 12, events_per_change: 2.5 }),
        remarks: Vec::new(),
    }
}

fn small(kind: Kind) -> Spec {
    Spec {
        kind,
        pattern: (kind == Kind::Mirror).then(pattern),
        key_bytes: if kind == Kind::Mirror { 64 } else { Spec::default().key_bytes },
        clients: 20,
        connections: Some(3),
        threads: Some(2),
        length: Length::Operations(1_500),
        warm_up: Duration::from_millis(50),
        keys: if matches!(kind, Kind::Watch | Kind::WatchLatency) { 5 } else { 500 },
        watchers: 20,
        txn_operations: 3,
        value_bytes: Sizes { min_bytes: 20, max_bytes: 200 },
        timeout: Duration::from_secs(20),
        ..Spec::default()
    }
}

async fn every_kind_of_load_is_counted_as_the_members_count_it(version: EtcdVersion) {
    let cluster = Cluster::builder(version).members(3).start().await.unwrap();
    for kind in Kind::ALL.into_iter().chain([Kind::Mirror]) {
        let outcome = make(&cluster, small(kind)).await;
        let context = format!("{kind:?} {:?} {:?}", outcome.errors, outcome.calls);
        assert_eq!(outcome.ended, Ended::Complete, "{context}");
        assert_eq!(outcome.failed(), 0, "{context}");
        // Giving a lock back is told beside taking it, and is no operation of its own.
        let done = outcome.primary().filter(|operation| operation.name != "release");
        assert_eq!(done.map(|operation| operation.succeeded).sum::<u64>(), 1_500, "{context}");
        assert!(outcome.throughput > 0.0 && outcome.latencies().max().is_some(), "{context}");
        assert!(!outcome.calls.is_empty(), "{context}");
        for (method, calls) in &outcome.calls {
            let counted = calls.counted.expect("metrics are readable");
            let difference = counted.abs_diff(calls.sent) as f64 / calls.sent as f64;
            assert!(difference <= 0.001, "{method}: {context}");
        }
        let has_watchers =
            matches!(kind, Kind::Watch | Kind::WatchLatency | Kind::LeaseExpiry | Kind::Mirror);
        assert_eq!(outcome.events.is_some(), has_watchers, "{context}");
        if let Some(events) = outcome.events {
            let counted = events.counted.expect("metrics are readable");
            let difference = counted.abs_diff(events.received) as f64 / events.received as f64;
            assert!(difference <= 0.001, "{events:?}: {context}");
        }
        if kind == Kind::Watch || kind == Kind::WatchLatency {
            let events = &outcome.operations[1];
            assert_eq!(events.succeeded, 1_500 * 4, "each key has four watchers: {context}");
            let median = events.latencies.quantile(0.5).unwrap();
            assert!(median > Duration::from_micros(20), "{median:?}");
        }
        if kind == Kind::LeaseExpiry {
            let expiries = &outcome.operations[1];
            // Those that were granted while it warmed up end too.
            assert!(expiries.succeeded >= 1_500, "{context}");
            let median = expiries.latencies.quantile(0.5).unwrap();
            assert!(median < Duration::from_secs(10), "{median:?}");
        }
        assert_eq!(keys_left(&cluster).await, 0, "{context}");
        // A replay says what was not recorded.
        assert_eq!(outcome.remarks.is_empty(), kind != Kind::Mirror, "{:?}", outcome.remarks);
    }

    // An open loop, at a rate, on the leader alone.
    let spec = Spec {
        pace: Pace::Open { profile: Profile::Steady { rate: 300.0 }, spacing: Spacing::Poisson },
        clients: 200,
        length: Length::Time(Duration::from_secs(2)),
        target: Target::Leader,
        distribution: Distribution::Zipf,
        ..small(Kind::Mixed)
    };
    let outcome = make(&cluster, spec).await;
    let done: u64 = outcome.primary().map(|operation| operation.succeeded).sum();
    // Four standard deviations of a Poisson count of 600.
    assert!(done.abs_diff(600) < 100, "{done}");
    let leader = cluster.leader().await.unwrap().name().to_owned();
    for member in &outcome.members {
        let reads = member.counted.get("Range").copied().unwrap_or(0);
        assert_eq!(reads > 0, member.name == leader, "{}: {reads}", member.name);
    }
    let (reads, writes) = (&outcome.operations[0], &outcome.operations[1]);
    let share = reads.succeeded as f64 / done as f64;
    assert!((0.6..0.8).contains(&share), "{share} of {} and {}", reads.name, writes.name);
}

mod tests {
    super::on_every_version!(every_kind_of_load_is_counted_as_the_members_count_it);
}
