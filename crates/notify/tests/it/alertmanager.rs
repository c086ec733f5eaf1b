//! A real Alertmanager takes our alerts, and what it then posts to a webhook is what ours posts.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use jiff::SignedDuration;
use model::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::notification::{channel, firing};
use crate::server::{Mood, Received, Server};

const PROGRAM: &str = "prometheus-alertmanager";

struct Alertmanager {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Alertmanager {
    /// None, loudly, where there is none; with `CI=true` that fails.
    fn start(webhook: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let config = json!({
            "route": {"receiver": "oncall", "group_by": ["cluster"], "group_wait": "1ms",
                "group_interval": "1s", "repeat_interval": "1h"},
            "receivers": [{"name": "oncall", "webhook_configs": [{"url": webhook}]}],
        });
        std::fs::write(dir.path().join("config.yml"), config.to_string()).unwrap();
        let spawned = Command::new(PROGRAM)
            .arg(format!("--config.file={}", dir.path().join("config.yml").display()))
            .arg(format!("--storage.path={}", dir.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
            .args(["--web.external-url=http://127.0.0.1:8080"])
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            let reason = format!("no {PROGRAM}; install Debian's package of that name");
            assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED, but CI=true: {reason}");
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
            return None;
        };
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, rest) = line.split_once("address=127.0.0.1:")?;
            rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok().filter(|port| *port != 0)
        });
        // Read on, or a full pipe stops it.
        std::thread::spawn(move || lines.for_each(drop));
        let port = port.expect("Alertmanager tells its port");
        Some(Self { child, port, _dir: dir })
    }
}

impl Drop for Alertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn wait_for(server: &Server, count: usize) -> Vec<Received> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let received = server.received();
        if received.len() >= count {
            return received;
        }
        assert!(Instant::now() < deadline, "{} of {count} posts", received.len());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The payload without what differs between the two by their nature.
fn comparable(received: &Received) -> Value {
    let mut payload = received.json();
    let map = payload.as_object_mut().unwrap();
    // Newer than Debian's Alertmanager.
    map.remove("routeLabels");
    map.remove("notification_reason");
    payload
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_alertmanager_posts_what_we_post() {
    let theirs = Server::start(vec![Mood::ok()]).await;
    let Some(alertmanager) = Alertmanager::start(&theirs.url("/")) else { return };
    let ours = Server::start(vec![Mood::ok()]).await;
    let to_alertmanager = channel(
        "alertmanager",
        &json!({"urls": [format!("http://127.0.0.1:{}", alertmanager.port)]}),
    );
    let to_webhook = channel("webhook", &json!({"url": ours.url("/")}));

    let mut notification = firing();
    notification.at = SystemClock.now();
    notification.alerts[0].starts_at = notification.at - SignedDuration::from_secs(90);
    "http://127.0.0.1:8080/x?a=1&b=<2>".clone_into(&mut notification.alerts[0].generator_url);
    to_alertmanager.deliver(&notification, None).await.unwrap();
    to_webhook.deliver(&notification, None).await.unwrap();
    wait_for(&theirs, 1).await;

    notification.at = SystemClock.now();
    notification.alerts[0].ends_at = Some(notification.at - SignedDuration::from_millis(1));
    to_alertmanager.deliver(&notification, None).await.unwrap();
    to_webhook.deliver(&notification, None).await.unwrap();
    let theirs = wait_for(&theirs, 2).await;
    let ours = ours.received();
    for (their, our) in theirs.iter().zip(&ours) {
        assert_eq!(comparable(our), comparable(their));
        assert_eq!(our.header("content-type"), their.header("content-type"));
    }
    assert_eq!(theirs[0].json()["status"], "firing");
    assert_eq!(theirs[1].json()["status"], "resolved");
}
