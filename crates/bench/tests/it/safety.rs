//! What speaks against a run keeps it from starting, and nothing of others is touched.

use std::time::Duration;

use bench::outcome::Ended;
use bench::spec::{Kind, Length, Spec};
use bench::{Error, clean};
use model::clock::{Clock as _, SystemClock};
use testbed::{Cluster, EtcdVersion, Login};
use tokio_util::sync::CancellationToken;

use crate::{check, endpoints, keys_left, make};

const AMPLE: Duration = Duration::from_secs(10);

async fn objections(cluster: &Cluster) -> String {
    match check(cluster, Spec::default()).await {
        Err(error @ Error::Unsafe(_)) => error.line(),
        Err(other) => panic!("{other}"),
        Ok(_) => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_does_not_start_where_it_could_do_harm() {
    for version in EtcdVersion::available().into_iter().rev().take(1) {
        let cluster =
            Cluster::builder(version).members(1).quota_bytes(20 << 20).start().await.unwrap();
        let client = cluster.client();
        let prefix = Spec::default().prefix;
        assert_eq!(objections(&cluster).await, "");

        client.put(format!("{prefix}config"), "mine", None, AMPLE).await.unwrap();
        let told = objections(&cluster).await;
        assert!(told.contains("config\" under the prefix is not a benchmark's"), "{told}");
        client.put(format!("{prefix}k0000001"), "left", None, AMPLE).await.unwrap();
        let config = cluster.client_config(Login::Root);
        let cleaned = clean(config, endpoints(&cluster), &prefix).await.unwrap();
        assert_eq!(cleaned, (1, 1), "the stranger's key stays");
        client.delete(format!("{prefix}config"), "", AMPLE).await.unwrap();

        client.put(format!("{prefix}lock/01/7f"), "left", None, AMPLE).await.unwrap();
        let told = objections(&cluster).await;
        assert!(told.contains("1 keys of another benchmark"), "{told}");
        let refused = check(&cluster, Spec::default()).await.err();
        assert!(refused.is_some_and(|error| error.is_of_leftovers()));
        client.delete(format!("{prefix}lock/01/7f"), "", AMPLE).await.unwrap();

        cluster.fill(15 << 20).await.unwrap();
        let told = objections(&cluster).await;
        assert!(told.contains("of its quota"), "{told}");
        cluster.fill(20 << 20).await.unwrap();
        let told = objections(&cluster).await;
        assert!(told.contains("alarm NOSPACE"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_run_keeps_its_results_and_removes_its_keys() {
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let length = Length::Time(Duration::from_mins(10));
    let run = check(&cluster, Spec { kind: Kind::Put, length, ..Spec::default() }).await.unwrap();
    let interrupt = CancellationToken::new();
    let mut seen = 0;
    let outcome = run
        .make(SystemClock.now(), "test", &interrupt, &mut |progress| {
            seen += u64::from(progress.is_measured);
            if seen == 2 {
                interrupt.cancel();
            }
        })
        .await
        .unwrap();
    assert_eq!(outcome.ended, Ended::Interrupted);
    assert!(outcome.throughput > 0.0 && outcome.seconds < 60.0, "{}", outcome.seconds);
    assert_eq!(keys_left(&cluster).await, 0);

    // A run that fills the file stops by itself.
    let cluster = Cluster::builder(version).members(1).quota_bytes(16 << 20).start().await.unwrap();
    let value_bytes = bench::spec::Sizes::fixed(200_000);
    let spec = Spec { keys: 50, value_bytes, length, ..Spec::default() };
    let outcome = make(&cluster, spec).await;
    let Ended::Stopped(reason) = &outcome.ended else { panic!("{:?}", outcome.ended) };
    assert!(reason.contains("quota") || reason.contains("space"), "{reason}");
}
