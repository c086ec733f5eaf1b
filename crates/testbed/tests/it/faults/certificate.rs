//! Certificates that have ended.

use jiff::Timestamp;
use testbed::{Cluster, EtcdVersion, Security};

use super::{DEADLINE, SOON};

async fn an_expired_certificate_keeps_new_clients_out_until_it_is_renewed(version: EtcdVersion) {
    let builder = Cluster::builder(version).members(1).security(Security::Tls);
    let cluster = builder.start().await.unwrap();
    let answers = async || {
        // Anew each time: what is connected stays so.
        let connector = etcd::Connector::new(cluster.client_config(testbed::Login::Root)).unwrap();
        let endpoint = cluster.client().each()[0].endpoint().clone();
        connector.member(endpoint).status(DEADLINE).await.is_ok()
    };
    assert!(answers().await);
    let certs = cluster.certs().unwrap();
    certs.rotate_server("2001-01-01T00:00:00Z".parse::<Timestamp>().unwrap()).unwrap();
    assert!(!answers().await);
    certs.rotate_server("2200-01-01T00:00:00Z".parse::<Timestamp>().unwrap()).unwrap();
    cluster.wait_until("an answer", SOON, answers).await.unwrap();
}

mod tests {
    testbed::on_every_version!(an_expired_certificate_keeps_new_clients_out_until_it_is_renewed);
}
