//! The whole chain by mail on a live cluster: a member is killed, the mail comes beside the webhook,
//! somebody takes care of it, and its end comes in the same thread.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use testbed::version::skip;
use testbed::{Cluster, EtcdVersion};

use crate::hook::Hook;
use crate::program::{self, Program};

const TOLD_WITHIN: Duration = Duration::from_mins(1);

/// Where the mails' HTML is put for people to look at it.
const KEEP_IN: &str = "MAIL_TEST_DIRECTORY";

/// Debian's python3-aiosmtpd in a process of its own; stopped when dropped.
struct Mailbox {
    child: Child,
    mails: Receiver<Value>,
}

impl Mailbox {
    /// With its port; none, loudly, where Python has no aiosmtpd.
    fn start() -> Option<(Self, u64)> {
        let python = "/usr/bin/python3";
        let found =
            Command::new(python).args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            skip(&"no aiosmtpd; run apt-get install python3-aiosmtpd");
            return None;
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../notify/tests/it/mail_server.py");
        let mut child = Command::new(python)
            .args([script, "plain", "."])
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (sender, mails) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        let mailbox = Self { child, mails };
        let port = mailbox.mails.recv_timeout(TOLD_WITHIN).unwrap()["port"].as_u64().unwrap();
        Some((mailbox, port))
    }

    /// The next mail of which the subject says all of `words`.
    async fn until(&self, words: &[&str]) -> Value {
        let (mut found, mut subjects) = (None, Vec::new());
        let is_there = async || {
            let mut mails = self.mails.try_iter();
            found = mails.find(|mail| {
                let subject = mail["headers"]["Subject"].as_str().unwrap_or_default();
                subjects.push(subject.to_owned());
                words.iter().all(|word| subject.contains(word))
            });
            found.is_some()
        };
        let outcome = testbed::wait_until("a mail", TOLD_WITHIN, is_there).await;
        assert!(outcome.is_ok(), "{words:?} in {subjects:?}");
        found.unwrap()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Both forms of a mail, and its HTML where people look for it.
fn parts<'m>(mail: &'m Value, name: &str) -> (&'m str, &'m str) {
    let (text, html) = (&mail["parts"][0], &mail["parts"][1]);
    let (text, html) = (text.as_str().unwrap(), html.as_str().unwrap());
    if let Some(directory) = std::env::var_os(KEEP_IN) {
        fs::write(Path::new(&directory).join(name).with_extension("html"), html).unwrap();
    }
    (text, html)
}

#[tokio::test]
async fn a_killed_member_is_told_by_mail_and_its_end_in_the_same_thread() {
    let Some((mailbox, port)) = Mailbox::start() else { return };
    let Some(version) = EtcdVersion::available().pop() else { return };
    let cluster = Cluster::builder(version).start().await.unwrap();
    let hook = Hook::start().await;
    let directory = tempfile::tempdir().unwrap();
    let config = json!({
        "clusters": [{"name": "test", "endpoints": cluster.endpoints()}],
        "data_dir": directory.path().join("data"),
        "alerts": {
            "webhook": {"url": format!("http://{}/", hook.address())},
            "email": {
                "from": "etcd-monitor <monitor@example.com>",
                "to": "ann@example.com",
                "smarthost": format!("127.0.0.1:{port}"),
                "require_tls": false,
            },
        },
    });
    let file = directory.path().join("config.yaml");
    fs::write(&file, config.to_string()).unwrap();
    let mut command = program::command();
    command.arg("--config").arg(file);
    let program = Program::start(command).await;
    program.until_healthy().await;

    let victim = cluster.follower().await.unwrap();
    victim.kill().await.unwrap();
    let of = |status: &'static str| {
        move |one: &Value| {
            one["status"] == status && one["commonLabels"]["alertname"] == "EtcdMemberDown"
        }
    };
    let told = mailbox.until(&["Critical", victim.name()]).await;
    hook.until("the webhook", TOLD_WITHIN, |all| all.iter().any(of("firing"))).await;
    let (text, html) = parts(&told, "firing");
    for part in [text, html] {
        let has = |text: &str| part.contains(text);
        assert!(has(victim.name()) && has("/runbooks/member_down"), "{part}");
    }

    let by_webhook = hook.taken().into_iter().find(of("firing")).unwrap();
    let fingerprint = by_webhook["alerts"][0]["fingerprint"].as_str().unwrap();
    let mut ack = program::command();
    ack.args(["alert", "ack", fingerprint, "--by", "ada", "--note", "on it"]);
    ack.args(["--url", &format!("http://{}", program.authority())]);
    let ack = ack.output().await.unwrap();
    assert!(ack.status.success(), "{ack:?}");

    victim.restart().await.unwrap();
    let over = mailbox.until(&["Resolved", victim.name()]).await;
    hook.until("its end", TOLD_WITHIN, |all| all.iter().any(of("resolved"))).await;
    assert_eq!(over["headers"]["In-Reply-To"], told["headers"]["In-Reply-To"]);
    assert_ne!(over["headers"]["Message-ID"], told["headers"]["Message-ID"]);
    let (text, _) = parts(&over, "resolved");
    assert!(text.contains(victim.name()), "{text}");
}
