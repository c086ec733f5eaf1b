//! TLS: a private CA, names, client certificates.

use std::sync::Arc;

use notify::FailureClass;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use tokio_rustls::TlsAcceptor;

use crate::notification::{channel, firing};
use crate::server::{Mood, Server};

/// A CA of its own, and what it signs.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
    der: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn sign(&self, name: &str) -> Identity {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let cert = params.signed_by(&key, &self.0).unwrap();
        let der = (cert.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap());
        Identity { cert: cert.pem(), key: key.serialize_pem(), der }
    }
}

fn acceptor(identity: Identity, clients: Option<&Authority>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.0.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let (cert, key) = identity.der;
    TlsAcceptor::from(Arc::new(builder.with_single_cert(vec![cert], key).unwrap()))
}

#[tokio::test]
async fn a_private_ca_is_trusted_where_it_is_configured_and_names_count() {
    let authority = Authority::new();
    let server =
        Server::start_tls(vec![Mood::ok()], acceptor(authority.sign("hooks.example"), None)).await;
    let url = format!("https://127.0.0.1:{}/s3cret-hook", server.port);
    let deliver = async |tls: serde_json::Value| {
        let config = json!({"url": url, "http_config": {"tls_config": tls}});
        channel("webhook", &config).deliver(&firing(), None).await
    };
    let ca = authority.pem();
    for tls in [
        json!({}),
        json!({"ca": ca}),
        json!({"ca": Authority::new().pem(), "server_name": "hooks.example"}),
    ] {
        let failure = deliver(tls).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::Tls, "{failure}");
        assert!(!failure.message.contains("s3cret"), "{failure}");
        assert!(!failure.class.is_permanent());
    }
    deliver(json!({"ca": ca, "server_name": "hooks.example"})).await.unwrap();
    deliver(json!({"ca": ca, "server_name": "hooks.example", "min_version": "TLS13"}))
        .await
        .unwrap();
    deliver(json!({"insecure_skip_verify": true})).await.unwrap();
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_read_anew_when_its_file_changes() {
    let authority = Authority::new();
    let strangers = Authority::new();
    let identity = authority.sign("127.0.0.1");
    let server = Server::start_tls(vec![Mood::ok()], acceptor(identity, Some(&authority))).await;
    let dir = tempfile::tempdir().unwrap();
    let write = |client: Identity| {
        std::fs::write(dir.path().join("cert.pem"), client.cert).unwrap();
        std::fs::write(dir.path().join("key.pem"), client.key).unwrap();
    };
    write(strangers.sign("client"));
    std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let channel = channel(
        "webhook",
        &json!({
            "url": format!("https://127.0.0.1:{}/", server.port),
            "http_config": {"tls_config": {
                "ca_file": file("ca.pem"), "cert_file": file("cert.pem"), "key_file": file("key.pem"),
            }},
        }),
    );
    let failure = channel.deliver(&firing(), None).await.unwrap_err();
    assert!(matches!(failure.class, FailureClass::Tls | FailureClass::Unreachable), "{failure}");
    write(authority.sign("client"));
    channel.deliver(&firing(), None).await.unwrap();
    std::fs::remove_file(dir.path().join("key.pem")).unwrap();
    let failure = channel.deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Unprepared, "{failure}");
}

#[tokio::test]
async fn plain_http_behind_https_is_a_failure_of_tls() {
    let server = Server::start(vec![Mood::Garbage]).await;
    let config = json!({"url": format!("https://127.0.0.1:{}/", server.port)});
    let failure = channel("webhook", &config).deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Tls, "{failure}");
}

/// A proxy that connects whoever asks with the right password to `port`, whatever name is asked for.
async fn proxy(port: u16) -> u16 {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.unwrap() > 0 {}
            let is_right = head.starts_with("CONNECT hooks.example:443 HTTP/1.1\r\n")
                && head.contains("Proxy-Authorization: Basic YW5uOnB3\r\n");
            if !is_right {
                let _ = stream.write_all(b"HTTP/1.1 407 No\r\n\r\n").await;
                continue;
            }
            let mut server = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 Connected\r\nx: y\r\n\r\n").await.unwrap();
            tokio::spawn(async move {
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    own
}

#[tokio::test]
async fn a_proxy_connects_to_a_server_that_speaks_tls_and_hears_nothing() {
    let authority = Authority::new();
    let identity = authority.sign("hooks.example");
    let server = Server::start_tls(vec![Mood::ok()], acceptor(identity, None)).await;
    let port = proxy(server.port).await;
    let deliver = async |password: &str| {
        let config = json!({"url": "https://hooks.example/s3cret", "http_config": {
            "proxy_url": format!("http://ann:{password}@127.0.0.1:{port}"),
            "tls_config": {"ca": authority.pem()},
        }});
        channel("webhook", &config).deliver(&firing(), None).await
    };
    deliver("pw").await.unwrap();
    assert_eq!(server.received()[0].uri, "/s3cret");
    let failure = deliver("wrong-pw").await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.message.contains("answered 407 to CONNECT"), "{failure}");
    assert!(!failure.message.contains("wrong-pw"), "{failure}");
}
