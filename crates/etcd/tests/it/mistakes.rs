//! What people configure wrongly, and what real members say to it.

use etcd::{
    AuthConfig, ClientConfig, Connector, Endpoint, Error, ErrorClass, HttpTarget, Scheme, TlsConfig,
};
use testbed::{Cluster, Login, Security};

use crate::{AMPLE, endpoint, newest, single};

async fn status(config: ClientConfig, endpoint: Endpoint) -> Result<(), Error> {
    Connector::new(config)?.member(endpoint).status(AMPLE).await.map(|_| ())
}

#[track_caller]
fn check(outcome: Result<(), Error>, class: ErrorClass, parts: &[&str]) {
    let error = outcome.unwrap_err();
    let text = error.to_string();
    assert_eq!(error.class(), class, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text:?}");
    }
}

#[tokio::test]
async fn the_wrong_scheme_is_told_with_the_right_one() {
    let Some(version) = newest() else { return };
    let (plain, secure) =
        tokio::join!(single(version, Security::Plain), single(version, Security::Tls));
    let port = endpoint(&plain, 0).port();
    let outcome =
        status(ClientConfig::default(), Endpoint::new(Scheme::Https, "127.0.0.1", port)).await;
    check(outcome, ErrorClass::Transport, &["does not use TLS, give the endpoint as http://"]);

    let port = endpoint(&secure, 0).port();
    let as_http = Endpoint::new(Scheme::Http, "127.0.0.1", port);
    let outcome = status(ClientConfig::default(), as_http.clone()).await;
    check(outcome, ErrorClass::Transport, &["if it uses TLS, give the endpoint as https://"]);
    let member = Connector::new(ClientConfig::default()).unwrap().member(as_http);
    let page = HttpTarget::of_member("/metrics");
    let outcome = member.http_get(&page, AMPLE, 1 << 20).await.map(|_| ());
    check(outcome, ErrorClass::Transport, &["if the server uses TLS, give the URL as https://"]);
}

/// The client's TLS settings, changed.
fn with(cluster: &Cluster, change: impl FnOnce(&mut TlsConfig)) -> ClientConfig {
    let mut config = cluster.client_config(Login::Nobody);
    change(config.tls.as_mut().unwrap());
    config
}

#[tokio::test]
async fn tls_mistakes_are_told_apart() {
    let Some(version) = newest() else { return };
    let cluster = single(version, Security::Tls).await;
    let certs = cluster.certs().unwrap();
    let at = || endpoint(&cluster, 0);

    let other = certs.other_ca().unwrap();
    let config = with(&cluster, |tls| tls.ca_file = Some(other));
    let unknown = "certificate is signed by an unknown authority; give the CA that signed it as tls.ca_file (--cacert)";
    check(status(config, at()).await, ErrorClass::Tls, &[unknown]);
    let config = with(&cluster, |tls| tls.ca_file = None);
    check(status(config, at()).await, ErrorClass::Tls, &[unknown]);

    let config = with(&cluster, |tls| (tls.cert_file, tls.key_file) = (None, None));
    check(status(config, at()).await, ErrorClass::Tls, &["client certificate", "(--cert, --key)"]);

    let expired = certs.issue_expired_client().unwrap();
    let config = with(&cluster, |tls| {
        tls.cert_file = Some(expired.cert_file);
        tls.key_file = Some(expired.key_file);
    });
    check(status(config, at()).await, ErrorClass::Tls, &["client certificate", "(--cert, --key)"]);

    let config = with(&cluster, |tls| tls.server_name = Some("etcd.example.com".into()));
    let names = ["is for other names (", "localhost", "tls.server_name"];
    check(status(config, at()).await, ErrorClass::Tls, &names);

    let config = with(&cluster, |tls| tls.server_name = Some("localhost".into()));
    status(config, at()).await.unwrap();
    let config = with(&cluster, |tls| {
        tls.ca_file = None;
        tls.insecure_skip_verify = true;
    });
    status(config, at()).await.unwrap();
}

#[tokio::test]
async fn authentication_mistakes_are_told_apart() {
    let Some(version) = newest() else { return };
    let cluster = single(version, Security::TlsAuth).await;
    let at = || endpoint(&cluster, 0);
    let as_user = |auth| ClientConfig { auth, ..cluster.client_config(Login::Nobody) };

    let login = Login::Monitor.auth();
    let wrong = AuthConfig { password: Some("hunter2".to_owned().into()), ..login.clone() };
    let outcome = status(as_user(wrong), at()).await;
    check(outcome, ErrorClass::Auth, &["cannot authenticate as monitor: authentication failed"]);
    let stranger = AuthConfig { user: Some("stranger".into()), ..login };
    let outcome = status(as_user(stranger), at()).await;
    check(outcome, ErrorClass::Auth, &["cannot authenticate as stranger: authentication failed"]);
    let token =
        AuthConfig { token: Some("no.such.token".to_owned().into()), ..AuthConfig::default() };
    let outcome = status(as_user(token), at()).await;
    check(outcome, ErrorClass::Auth, &["invalid auth token"]);

    let member = Connector::new(cluster.client_config(Login::Monitor)).unwrap().member(at());
    let outcome = member.hash_kv(0, AMPLE).await.map(|_| ());
    check(outcome, ErrorClass::PermissionDenied, &["HashKV: permission denied"]);
}
