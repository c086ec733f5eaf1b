//! Benchmarks of real clusters: what is told is what the members counted.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fio;
mod honesty;
mod mirror;
mod safety;
mod workloads;

use std::time::Duration;

use bench::{Error, Outcome, Run, Spec};
use etcd::{Endpoint, Scheme};
use model::clock::{Clock as _, SystemClock};
use testbed::{Cluster, Login};
use tokio_util::sync::CancellationToken;

fn endpoints(cluster: &Cluster) -> Vec<Endpoint> {
    let parse = |url: String| Endpoint::parse(&url, Scheme::Http).unwrap();
    cluster.members().iter().map(|member| parse(member.client_url())).collect()
}

async fn check(cluster: &Cluster, spec: Spec) -> Result<Run, Error> {
    assert!(spec.validate().is_empty(), "{:?}", spec.validate());
    Run::check(spec, cluster.client_config(Login::Root), &endpoints(cluster), false).await
}

async fn make(cluster: &Cluster, spec: Spec) -> Outcome {
    let run = check(cluster, spec).await.unwrap();
    run.make(SystemClock.now(), "test", &CancellationToken::new(), &mut |_| {}).await.unwrap()
}

async fn keys_left(cluster: &Cluster) -> i64 {
    let all = etcd::GetRequest { count_only: true, ..etcd::GetRequest::prefix("") };
    cluster.client().get(all, Duration::from_secs(10)).await.unwrap().count
}
