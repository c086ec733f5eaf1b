//! A client certificate that is replaced on disk is soon the one in use, without a restart.

use std::fs;
use std::time::Duration;

use etcd::{ErrorClass, Permission, PermissionType};
use testbed::certs::Pair;
use testbed::{EtcdVersion, Login, Security, wait_until};

use crate::{AMPLE, member, single};

#[tokio::test]
async fn the_new_certificate_is_used_on_connections_that_were_open() {
    // What rotates is the client, so the ends of the range will do.
    let versions = EtcdVersion::available();
    let Some((oldest, newest)) = versions.first().zip(versions.last()) else { return };
    tokio::join!(check(*oldest), check(*newest));
}

/// The members tell which certificate they saw: its name is a user, and users differ in rights.
async fn check(version: EtcdVersion) {
    let cluster = single(version, Security::TlsAuth).await;
    let root = cluster.client();
    root.role_add("reader", AMPLE).await.unwrap();
    let key = |key: &'static str| bytes::Bytes::from(key);
    let read = Permission {
        perm_type: PermissionType::Read.into(),
        key: key("read/"),
        range_end: key("read0"),
    };
    root.role_grant("reader", read, AMPLE).await.unwrap();
    for user in ["old", "new"] {
        root.user_add(user, None, AMPLE).await.unwrap();
    }
    root.user_grant_role("new", "reader", AMPLE).await.unwrap();

    let certs = cluster.certs().unwrap();
    let not_after = "2035-01-01T00:00:00Z".parse().unwrap();
    let [old, new] = ["old", "new"].map(|user| certs.issue_client(user, not_after).unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = (dir.path().join("client.pem"), dir.path().join("client.key"));
    let install = |pair: &Pair| {
        fs::copy(&pair.cert_file, &cert_file).unwrap();
        fs::copy(&pair.key_file, &key_file).unwrap();
    };
    install(&old);
    let mut config = cluster.client_config(Login::Nobody);
    let tls = config.tls.as_mut().unwrap();
    tls.cert_file = Some(cert_file.clone());
    tls.key_file = Some(key_file.clone());
    let member = member(&cluster, 0, config);
    let read = async || member.probe_read(b"read/absent", true, AMPLE).await;

    assert_eq!(read().await.unwrap_err().class(), ErrorClass::PermissionDenied);
    install(&new);
    let soon = Duration::from_secs(10);
    wait_until("the new certificate is in use", soon, async || match read().await {
        Ok(_) => true,
        Err(error) => {
            // Meanwhile nothing fails but the old user's lack of rights.
            assert_eq!(error.class(), ErrorClass::PermissionDenied, "{error}");
            false
        }
    })
    .await
    .unwrap();
}
