//! What clients do to a cluster is recorded without what they say, and can be done again.

use std::time::Duration;

use bench::arrivals::{Profile, Spacing};
use bench::outcome::Ended;
use bench::spec::{Kind, Length, Pace, Sizes, Spec};
use etcd::wire::etcdserverpb::WatchCreateRequest;
use model::clock::{Clock as _, SystemClock};
use testbed::{Cluster, EtcdVersion, Login};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::{endpoints, keys_left, make};

const AMPLE: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_clients_do_is_recorded_without_keys_and_done_again() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let client = cluster.client();
    for number in 0..40 {
        let key = format!("/registry/secrets/team-{}/s{number:03}", number % 2);
        client.put(key, vec![b'x'; 100 + number], None, AMPLE).await.unwrap();
    }
    // Three watch what is written, two what is not.
    let mut watching = Vec::new();
    for key in ["team-0/", "team-0/", "team-0/", "team-1/", "other/"] {
        let key = format!("/registry/secrets/{key}");
        let range_end = etcd::prefix_end(key.as_bytes());
        let request = WatchCreateRequest { key: key.into(), range_end, ..Default::default() };
        let mut watch = client.watch(request);
        watch.next().await.unwrap();
        watching.push(AbortOnDropHandle::new(tokio::spawn(async move {
            while watch.next().await.is_ok_and(|answer| answer.is_some()) {}
        })));
    }
    let over = CancellationToken::new();
    let working = async {
        let mut done = (0_u64, 0_u64);
        while !over.is_cancelled() {
            let key = format!("/registry/secrets/team-0/s{:03}", done.0 % 20);
            client.put(key, vec![b'y'; 1_000], None, AMPLE).await.unwrap();
            for _ in 0..3 {
                let one = etcd::GetRequest { key: "/registry/x".into(), ..Default::default() };
                client.get(one, AMPLE).await.unwrap();
                done.1 += 1;
            }
            done.0 += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        done
    };
    let recording = async {
        let config = cluster.client_config(Login::Root);
        let time = Duration::from_secs(2);
        let now = SystemClock.now();
        let stop = CancellationToken::new();
        let pattern = bench::record(config, &endpoints(&cluster), "", time, now, &stop).await;
        over.cancel();
        pattern.unwrap()
    };
    let ((puts, _), pattern) = tokio::join!(working, recording);
    let told = serde_json::to_string(&pattern).unwrap();
    for secret in ["registry", "team", "xxx", "yyy"] {
        assert!(!told.contains(secret), "{told}");
    }
    assert_eq!(pattern.trouble(), None, "{told}");
    assert_eq!((pattern.keys, pattern.shapes.len()), (40, 2), "{told}");
    assert!(pattern.shapes.iter().all(|shape| shape.depth == 4 && shape.bytes == 29), "{told}");
    let writes: f64 = pattern.shapes.iter().map(|shape| shape.write_share).fold(0.0, f64::max);
    assert!(writes > 0.99, "all went to one of the two: {told}");
    let rates = pattern.rates;
    assert!(rates.put > 5.0 && rates.put * pattern.seconds <= puts as f64 + 1.0, "{told}");
    assert!((2.5..3.5).contains(&(rates.range / rates.put)), "{told}");
    assert_eq!((rates.txn, rates.delete), (0.0, 0.0), "{told}");
    assert_eq!(pattern.max_value_bytes(), 1_000, "{told}");
    let written = pattern.shapes.iter().max_by(|a, b| a.write_share.total_cmp(&b.write_share));
    let keys: u64 = written.unwrap().writes.iter().map(|rank| rank.keys).sum();
    assert!((5..=20).contains(&keys), "{told}");
    let watchers = pattern.watchers.expect("metrics are readable");
    assert_eq!(watchers.count, 5, "{told}");
    // What is under way at the ends is counted on one side only.
    assert!((watchers.events_per_change - 3.0).abs() < 0.3, "{told}");
    assert!(pattern.unknown().iter().any(|what| what.contains("which keys are read")));
    drop(watching);

    client.delete("/registry/", etcd::prefix_end(b"/registry/"), AMPLE).await.unwrap();
    let profile = Profile::Steady { rate: 400.0 };
    let spec = Spec {
        kind: Kind::Mirror,
        clients: 200,
        pace: Pace::Open { profile, spacing: Spacing::Constant },
        length: Length::Operations(800),
        warm_up: Duration::from_millis(100),
        timeout: Duration::from_secs(20),
        keys: pattern.keys,
        key_bytes: 64,
        value_bytes: Sizes { min_bytes: 0, max_bytes: pattern.max_value_bytes() },
        pattern: Some(pattern),
        ..Spec::default()
    };
    let outcome = make(&cluster, spec).await;
    assert_eq!((&outcome.ended, outcome.failed()), (&Ended::Complete, 0), "{:?}", outcome.errors);
    let done: Vec<u64> = outcome.operations.iter().map(|operation| operation.succeeded).collect();
    assert_eq!(done.iter().sum::<u64>(), 800);
    // A quarter writes: four standard deviations of a binomial count, and what recording left open.
    assert!(done[1].abs_diff(200) < 75, "{done:?}");
    let events = outcome.events.expect("somebody watches");
    let share = events.received as f64 / outcome.calls["Put"].sent as f64;
    assert!((share / watchers.events_per_change - 1.0).abs() < 0.15, "{events:?} {share}");
    assert_eq!(events.counted, Some(events.received));
    assert_eq!(keys_left(&cluster).await, 0);
}
