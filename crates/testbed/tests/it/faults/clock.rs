//! Clocks that seem wrong.

use etcd::{Connector, Endpoint, HttpTarget, Scheme};
use jiff::SignedDuration;
use testbed::faults::ClockProxy;
use testbed::{Cluster, EtcdVersion, Login, Security};

use super::DEADLINE;

async fn a_shifted_clock_is_told_over_http_and_grpc_passes(version: EtcdVersion) {
    let cluster = Cluster::builder(version).members(1).start().await.unwrap();
    let proxy = ClockProxy::start(cluster.member(0)).await.unwrap();
    let endpoint = Endpoint::parse(proxy.endpoint(), Scheme::Http).unwrap();
    let connector = Connector::new(cluster.client_config(Login::Root)).unwrap();
    let through = connector.member(endpoint);
    through.put("key", "value", None, DEADLINE).await.unwrap();

    let direct = cluster.client_of(cluster.member(0));
    for seconds in [0, 3600, -90, 0] {
        proxy.set_offset(SignedDuration::from_secs(seconds));
        let page = HttpTarget::of_member("/version");
        let told = through.http_get(&page, DEADLINE, 1 << 16).await.unwrap();
        assert!(told.status == 200 && told.body.starts_with(b"{\"etcdserver\""));
        let real = direct.http_get(&page, DEADLINE, 1 << 16).await.unwrap();
        let ahead = told.date.unwrap().duration_since(real.date.unwrap()).as_secs() - seconds;
        assert!(ahead.abs() <= 2, "{ahead} s off");
    }
}

async fn tls_passes(version: EtcdVersion) {
    let cluster =
        Cluster::builder(version).members(1).security(Security::Tls).start().await.unwrap();
    let proxy = ClockProxy::start(cluster.member(0)).await.unwrap();
    let endpoint = Endpoint::parse(proxy.endpoint(), Scheme::Https).unwrap();
    let connector = Connector::new(cluster.client_config(Login::Root)).unwrap();
    connector.member(endpoint).status(DEADLINE).await.unwrap();
}

mod tests {
    use testbed::{EtcdVersion, on};

    testbed::on_every_version!(a_shifted_clock_is_told_over_http_and_grpc_passes);

    #[tokio::test]
    async fn tls_passes() {
        on(EtcdVersion::V3_5, super::tls_passes).await;
    }
}
