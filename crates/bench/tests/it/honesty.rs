//! A cluster that stands still is told as one that stood still.

use std::time::Duration;

use bench::arrivals::{Profile, Spacing};
use bench::spec::{Kind, Length, Pace, Spec};
use testbed::{Cluster, EtcdVersion};
use tokio::time::{Instant, sleep_until};

use crate::make;

/// How often the member stands still, and for how long.
const EVERY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(350);
/// How much longer a machine that does other things too may take to catch up.
const BUSY: Duration = Duration::from_millis(250);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_counts_those_who_came_while_the_cluster_stood_still() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let spec = Spec {
        kind: Kind::Get,
        serializable: true,
        keys: 100,
        pace: Pace::Open { profile: Profile::Steady { rate: 500.0 }, spacing: Spacing::Constant },
        clients: 1_000,
        length: Length::Time(Duration::from_secs(6)),
        warm_up: Duration::from_millis(500),
        ..Spec::default()
    };
    let member = cluster.member(0);
    let freezing = async {
        let start = Instant::now();
        // From the warm-up to after the end.
        for step in 1..8_u32 {
            sleep_until(start + EVERY * step).await;
            let began = Instant::now();
            member.pause().await.unwrap();
            sleep_until(began + PAUSE).await;
            member.resume().unwrap();
        }
    };
    // What users see who ask every 10 ms, with a client of their own, every one of them timed and sorted.
    let trace = async {
        let start = Instant::now() + Duration::from_millis(500);
        let asked = (0..600_u32).map(|number| {
            let member = cluster.client_of(member).clone();
            let due = start + Duration::from_millis(10) * number;
            tokio::spawn(async move {
                sleep_until(due).await;
                member.probe_read(b"k", true, Duration::from_secs(5)).await.unwrap();
                due.elapsed()
            })
        });
        let asked: Vec<_> = asked.collect();
        let mut took = Vec::new();
        for one in asked {
            took.push(one.await.unwrap());
        }
        took.sort_unstable();
        took[593]
    };
    let (outcome, (), truth) = tokio::join!(make(&cluster, spec), freezing, trace);
    let latencies = outcome.latencies();
    let p99 = latencies.quantile(0.99).unwrap();
    // Of all who come evenly 35 % wait, evenly up to 350 ms: 1 % wait for longer than this.
    let least = PAUSE.mul_f64(1.0 - 0.01 / 0.35);
    assert!(p99 >= least.mul_f64(0.9), "{p99:?} instead of {least:?}");
    // A machine that is too busy to make the load is told of in the result, which is then of no use.
    if outcome.generator.limit.is_none() {
        assert!(p99 <= truth.mul_f64(1.1) + BUSY, "{p99:?} instead of {truth:?}");
    }
    let waited = latencies.between(Duration::from_millis(20), Duration::from_mins(1));
    let share = waited as f64 / latencies.count() as f64;
    assert!(share > 0.25, "{share}");
    assert_eq!((latencies.count(), outcome.failed()), (3_000, 0));
}
