//! E-mail by a real SMTP server (Debian's python3-aiosmtpd): STARTTLS, implicit TLS, AUTH, refusals.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel as queue};
use std::time::Duration;

use notify::FailureClass;
use serde_json::{Value, json};

use crate::notification::{channel, firing, resolved};
use crate::tls::Authority;

/// A server in a process of its own; stopped when dropped.
struct Mailbox {
    child: Child,
    port: u64,
    lines: Receiver<Value>,
    ca: String,
    _dir: tempfile::TempDir,
}

impl Mailbox {
    /// None, loudly, where Python has no aiosmtpd; with `CI=true` that fails.
    fn start(mode: &str) -> Option<Self> {
        let python = "/usr/bin/python3";
        let found =
            Command::new(python).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            let reason = "no aiosmtpd; run apt-get install python3-aiosmtpd";
            assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED, but CI=true: {reason}");
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
            return None;
        }
        let authority = Authority::new();
        let identity = authority.sign("mail.example");
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cert.pem"), identity.cert).unwrap();
        std::fs::write(dir.path().join("key.pem"), identity.key).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/mail_server.py");
        let mut child = Command::new(python)
            .arg(script)
            .arg(mode)
            .arg(dir.path())
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = queue();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mut mailbox = Self { child, port: 0, lines, ca: authority.pem(), _dir: dir };
        mailbox.port = mailbox.next()["port"].as_u64().unwrap();
        Some(mailbox)
    }

    fn next(&self) -> Value {
        self.lines.recv_timeout(Duration::from_secs(20)).expect("a word of the mail server")
    }

    fn config(&self) -> Value {
        json!({
            "from": "etcd-monitor <monitor@example.com>",
            "to": "ann@example.com, Bob <bob@example.com>",
            "smarthost": format!("127.0.0.1:{}", self.port),
            "auth_username": "monitor",
            "auth_password": "smtp-s3cret",
            "tls_config": {"ca": self.ca, "server_name": "mail.example"},
        })
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn with(mut config: Value, more: &Value) -> Value {
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_goes_by_starttls_with_a_password_to_everybody_in_one_thread() {
    let Some(mailbox) = Mailbox::start("starttls") else { return };
    let email = channel("email", &mailbox.config());
    let mut mails = Vec::new();
    for notification in [firing(), resolved()] {
        let receipt = email.deliver(&notification, None).await.unwrap();
        assert_eq!(receipt.remark, None);
        mails.push(mailbox.next());
    }
    let [first, second] = &mails[..] else { panic!("two mails") };
    assert_eq!(first["tls"], true);
    assert_eq!(first["user"], "monitor");
    assert_eq!(first["mechanism"], "PLAIN");
    assert_eq!(first["from"], "monitor@example.com");
    assert_eq!(first["to"], json!(["ann@example.com", "bob@example.com"]));
    assert_eq!(first["headers"]["Subject"], "Critical: prod has no leader");
    assert_eq!(second["headers"]["Subject"], "Resolved after 55 s: prod has no leader");
    assert_eq!(first["headers"]["In-Reply-To"], second["headers"]["In-Reply-To"]);
    assert_ne!(first["headers"]["Message-ID"], second["headers"]["Message-ID"]);
    assert_eq!(first["parts"].as_array().unwrap().len(), 2);
    assert!(first["parts"][0].as_str().unwrap().contains("prod has no leader"));
    assert!(first["parts"][1].as_str().unwrap().starts_with("<!DOCTYPE html>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_from_the_first_byte_and_auth_login_work_too() {
    let Some(mailbox) = Mailbox::start("implicit") else { return };
    let config = with(mailbox.config(), &json!({"force_implicit_tls": true}));
    channel("email", &config).deliver(&firing(), None).await.unwrap();
    let mail = mailbox.next();
    assert_eq!((&mail["user"], &mail["mechanism"]), (&json!("monitor"), &json!("LOGIN")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mail_server_refuses_is_told_by_class() {
    let Some(mailbox) = Mailbox::start("starttls") else { return };
    let deliver = async |more: Value| {
        let config = with(mailbox.config(), &more);
        let result = channel("email", &config).deliver(&firing(), None).await;
        if let Err(failure) = &result {
            assert!(!failure.message.contains("s3cret"), "{failure}");
            assert!(failure.message.contains("127.0.0.1"), "{failure}");
        }
        result
    };
    for (more, class, text) in [
        (json!({"auth_password": "wrong-s3cret"}), FailureClass::Refused, "535"),
        (json!({"to": "refused@example.com"}), FailureClass::Refused, "550"),
        (json!({"to": "later@example.com"}), FailureClass::TryLater, "451"),
        (json!({"to": "later@example.com, refused@example.com"}), FailureClass::TryLater, "451"),
        (json!({"tls_config": {}}), FailureClass::Tls, "certificate"),
        (json!({"auth_username": ""}), FailureClass::Refused, "530"),
    ] {
        let failure = deliver(more).await.unwrap_err();
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.message.contains(text), "{failure}");
    }
    let receipt = deliver(json!({"to": "ann@example.com, refused@example.com"})).await.unwrap();
    let remark = receipt.remark.unwrap();
    assert!(remark.contains("refused@example.com: answered 550"), "{remark}");
    assert_eq!(mailbox.next()["to"], json!(["ann@example.com"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_in_the_clear_unless_it_is_allowed() {
    let Some(mailbox) = Mailbox::start("plain") else { return };
    let failure = channel("email", &mailbox.config()).deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Tls);
    assert!(failure.message.contains("require_tls"), "{failure}");
    let config = with(mailbox.config(), &json!({"require_tls": false, "auth_username": ""}));
    channel("email", &config).deliver(&firing(), None).await.unwrap();
    assert_eq!(mailbox.next()["tls"], false);
}
