//! TLS and credential files: every mistake told with key and path, and rotation followed.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::secret::Secret;
use rcgen::{CertificateParams, DnType, KeyPair};
use tempfile::TempDir;

use crate::config::{AuthConfig, ClientConfig, TlsConfig};
use crate::connector::Connector;
use crate::error::ErrorClass;
use crate::tls::TlsSource;

/// A directory with a certificate and key that belong together, and all sorts of wrong files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        files.issue("good", 2020, 2040);
        files.issue("other", 2020, 2040);
        files.issue("expired", 2020, 2021);
        files.issue("future", 2039, 2040);
        fs::write(files.path("text.pem"), "certainly not PEM").unwrap();
        let broken = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        fs::write(files.path("broken.pem"), broken).unwrap();
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        fs::write(files.path("garbage.pem"), empty).unwrap();
        let locked =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        fs::write(files.path("locked.key"), locked).unwrap();
        files
    }

    fn issue(&self, name: &str, from: i32, to: i32) {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        fs::write(self.path(&format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn pair(&self, cert: &str, key: &str) -> TlsConfig {
        let file = |name: &str| (!name.is_empty()).then(|| self.path(name));
        TlsConfig { cert_file: file(cert), key_file: file(key), ..TlsConfig::default() }
    }

    fn ca(&self, name: &str) -> TlsConfig {
        TlsConfig { ca_file: Some(self.path(name)), ..TlsConfig::default() }
    }

    /// The mistakes, one a line, with `DIR` for the directory.
    #[track_caller]
    fn check(&self, config: &TlsConfig, expect: &str) {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let errors: Vec<_> = config.validate(now).iter().map(ToString::to_string).collect();
        let dir = self.0.path().display().to_string();
        assert_eq!(errors.join("\n").replace(&dir, "DIR"), expect);
    }
}

#[test]
fn sound_files_have_no_mistakes() {
    let files = Files::new();
    files.check(&TlsConfig::default(), "");
    files.check(&files.pair("good.pem", "good.key"), "");
    files.check(&files.ca("good.pem"), "");
}

#[test]
fn every_mistake_in_tls_files_names_key_and_path() {
    let files = Files::new();
    let pair = |cert, key, expect| files.check(&files.pair(cert, key), expect);
    pair("good.pem", "", "key_file: is missing; a client certificate (cert_file) needs its key");
    pair("", "good.key", "cert_file: is missing; a client key (key_file) needs its certificate");
    pair(
        "none.pem",
        "good.key",
        "cert_file: cannot read DIR/none.pem: No such file or directory (os error 2)",
    );
    pair(
        "text.pem",
        "good.key",
        "cert_file: DIR/text.pem holds no certificate in PEM form (BEGIN CERTIFICATE)",
    );
    pair("good.key", "good.key", "cert_file: DIR/good.key holds a private key and no certificate");
    pair(
        "good.pem",
        "good.pem",
        "key_file: DIR/good.pem holds no private key in PEM form (BEGIN PRIVATE KEY)",
    );
    pair(
        "good.pem",
        "locked.key",
        "key_file: DIR/locked.key is protected by a passphrase; give a key without one",
    );
    pair(
        "good.pem",
        "other.key",
        "key_file: DIR/other.key is not the key of the certificate in DIR/good.pem",
    );
    pair(
        "expired.pem",
        "expired.key",
        "cert_file: the certificate in DIR/expired.pem expired at 2021-01-01T00:00:00Z",
    );
    pair(
        "future.pem",
        "future.key",
        "cert_file: the certificate in DIR/future.pem is not valid before 2039-01-01T00:00:00Z",
    );
    let ca = |name, expect| files.check(&files.ca(name), expect);
    ca("", "ca_file: cannot read DIR/: Is a directory (os error 21)");
    ca(
        "broken.pem",
        "ca_file: DIR/broken.pem is not PEM; it must hold a certificate between BEGIN and END lines",
    );
    ca("garbage.pem", "ca_file: DIR/garbage.pem holds a certificate that cannot be parsed");
    ca(
        "expired.pem",
        "ca_file: the certificate in DIR/expired.pem expired at 2021-01-01T00:00:00Z",
    );
    let named = TlsConfig { server_name: Some("not a name".into()), ..TlsConfig::default() };
    files.check(&named, "server_name: \"not a name\" is no host name and no IP address");
}

#[test]
fn all_mistakes_come_at_once() {
    let files = Files::new();
    let config = TlsConfig { ca_file: Some(files.path("text.pem")), ..files.pair("", "good.key") };
    let expect = "ca_file: DIR/text.pem holds no certificate in PEM form (BEGIN CERTIFICATE)
cert_file: is missing; a client key (key_file) needs its certificate";
    files.check(&config, expect);
}

#[test]
fn a_connector_refuses_unusable_files() {
    let files = Files::new();
    let tls = Some(files.pair("good.pem", "other.key"));
    let error = Connector::new(ClientConfig { tls, ..ClientConfig::default() }).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Tls);
    assert!(error.to_string().starts_with("configure TLS: tls.key_file: "), "{error}");
}

#[test]
fn half_a_rotation_is_waited_out() {
    let files = Files::new();
    let source = TlsSource::new(files.pair("good.pem", "good.key")).unwrap();
    assert_eq!(source.client().unwrap().1, 0);
    fs::copy(files.path("other.pem"), files.path("good.pem")).unwrap();
    assert_eq!(source.client().unwrap().1, 0, "the certificate does not fit the key yet");
    fs::copy(files.path("other.key"), files.path("good.key")).unwrap();
    assert_eq!(source.client().unwrap().1, 1);
    fs::remove_file(files.path("good.key")).unwrap();
    assert_eq!(source.client().unwrap().1, 1, "a lost file is not a reason to forget what it held");
}

#[track_caller]
fn check_auth(auth: &AuthConfig, dir: &Path, expect: &str) {
    let errors: Vec<_> = auth.validate().iter().map(ToString::to_string).collect();
    assert_eq!(errors.join("\n").replace(&dir.display().to_string(), "DIR"), expect);
}

#[test]
fn every_mistake_in_credentials_names_its_key_and_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let file = |name: &str, text: &str| {
        fs::write(dir.join(name), text).unwrap();
        Some(dir.join(name))
    };
    let user = Some("monitor".to_owned());
    let secret = || Some(Secret::new("hunter2".to_owned()));
    let none = AuthConfig::default;
    check_auth(&none(), dir, "");
    check_auth(&AuthConfig { user: user.clone(), password: secret(), ..none() }, dir, "");
    let password_file = file("password", "hunter2\n");
    check_auth(&AuthConfig { user: user.clone(), password_file, ..none() }, dir, "");
    check_auth(&AuthConfig { token: secret(), ..none() }, dir, "");

    let auth = AuthConfig { user: user.clone(), ..none() };
    check_auth(&auth, dir, "user: has no password; give password or password_file");
    let auth = AuthConfig { password: secret(), ..none() };
    check_auth(&auth, dir, "password: has no user; give user");
    let auth = AuthConfig { user: Some(String::new()), password: secret(), ..none() };
    check_auth(&auth, dir, "user: is empty; give a user name");
    let both = file("password", "hunter2");
    let auth = AuthConfig { user: user.clone(), password: secret(), password_file: both, ..none() };
    check_auth(&auth, dir, "password_file: is given together with password; keep one of them");
    let auth = AuthConfig { user, password: secret(), token: secret(), ..none() };
    check_auth(&auth, dir, "token: is given together with a user or password; keep one way");
    let auth = AuthConfig { token: Some(Secret::new("a b".to_owned())), ..none() };
    check_auth(&auth, dir, "token: has characters that no token has");
    let auth = AuthConfig { token_file: file("token", ""), ..none() };
    check_auth(&auth, dir, "token_file: DIR/token is empty");
    let auth = AuthConfig { token_file: Some(dir.join("none")), ..none() };
    let expect = "token_file: cannot read DIR/none: No such file or directory (os error 2)";
    check_auth(&auth, dir, expect);
}
