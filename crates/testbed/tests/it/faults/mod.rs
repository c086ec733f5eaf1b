//! Each fault has its effect on real etcd, and heals.

mod certificate;
mod clock;
mod corruption;
mod delay;
mod full_disk;
mod membership;
mod partition;
mod poor_link;
mod slow_disk;
mod watchers;

use std::time::Duration;

use testbed::faults::{Part, lab};
use testbed::version::skip;
use testbed::{Cluster, Member};

/// How long a call may take that nothing hinders.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a call is waited for that is expected to fail.
const SHORTLY: Duration = Duration::from_millis(500);

/// How long it may take until the cluster shows an effect, or has recovered.
const SOON: Duration = Duration::from_secs(30);

/// Whether this machine can make faults that take `parts`; says why not.
fn can(parts: &[Part]) -> bool {
    lab(parts).inspect_err(|reason| skip(reason)).is_ok()
}

/// Whether `member` answers a client.
async fn answers(cluster: &Cluster, member: &Member) -> bool {
    cluster.client_of(member).status(SHORTLY).await.is_ok()
}

/// The sum of the samples of `name` on the member's own page of metrics.
async fn metric(cluster: &Cluster, member: &Member, name: &str) -> f64 {
    let page = etcd::HttpTarget::of_member("/metrics");
    let page = cluster.client_of(member).http_get(&page, DEADLINE, 1 << 22).await.unwrap();
    let text = String::from_utf8(page.body.to_vec()).unwrap();
    let lines = text.lines().filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        (series.split('{').next() == Some(name)).then(|| value.parse::<f64>().unwrap())
    });
    lines.sum()
}
