//! Notifications that tests are about.

use jiff::Timestamp;
use model::alert::Alert;
use model::notification::{Notification, Reason};
use model::series::Labels;

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn alert(labels: &[(&str, &str)], annotations: &[(&str, &str)], starts_at: &str) -> Alert {
    Alert {
        labels: Labels::new(labels.iter().copied()),
        annotations: Labels::new(annotations.iter().copied()),
        starts_at: time(starts_at),
        ends_at: None,
        updated_at: time(starts_at),
        generator_url: "https://monitor.example/clusters/prod".to_owned(),
        hidden: None,
    }
}

/// A quorum lost, and a symptom of it.
pub(crate) fn firing() -> Notification {
    let root = alert(
        &[("alertname", "EtcdQuorumLost"), ("cluster", "prod"), ("severity", "critical")],
        &[
            ("summary", "prod has lost its quorum: 1 of 3 members answer"),
            (
                "description",
                "Writes fail and linearizable reads hang until a second member is back.",
            ),
            ("evidence", "m2: connection refused\nm3: connection refused"),
            ("next_steps", "Start m2 or m3. If both are lost for good, restore from a snapshot."),
            ("runbook_url", "https://runbooks.example/quorum-lost"),
        ],
        "2026-11-28T03:12:05Z",
    );
    let member = alert(
        &[
            ("alertname", "EtcdMemberDown"),
            ("cluster", "prod"),
            ("member", "m2"),
            ("severity", "warning"),
        ],
        &[("summary", "m2 of prod does not answer")],
        "2026-11-28T03:11:40Z",
    );
    Notification {
        id: "01JDR6K2".to_owned(),
        receiver: "oncall".to_owned(),
        group_key: "{}:{cluster=\"prod\"}".to_owned(),
        group_labels: Labels::new([("cluster", "prod")]),
        alerts: vec![root, member],
        truncated: 0,
        reason: Reason::FirstNotification,
        at: time("2026-11-28T03:16:17Z"),
        external_url: "https://monitor.example".to_owned(),
        acknowledged_by: None,
    }
}

/// The same, over.
pub(crate) fn resolved() -> Notification {
    let mut notification = firing();
    for alert in &mut notification.alerts {
        alert.ends_at = Some(time("2026-11-28T03:20:00.5Z"));
    }
    notification.reason = Reason::AllResolved;
    notification.at = time("2026-11-28T03:20:01Z");
    notification.id = "01JDR6T9".to_owned();
    notification
}

/// What somebody sends who wants to break out of every format.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script>\r\nBcc: evil@example.com\r\n\r\n| `id` @channel \
    <!everyone> <https://evil.example|click> [x](https://evil.example) \"'--> &amp; \u{202e}txt {{ 1 }} *_~";

/// Hostile values everywhere, and one of a megabyte.
pub(crate) fn hostile() -> Notification {
    let large = "<&\"🔥".repeat(150_000);
    let labels =
        [("alertname", HOSTILE), ("cluster", HOSTILE), ("evil", HOSTILE), ("large", &large)];
    let annotations = [
        ("summary", HOSTILE),
        ("description", large.as_str()),
        ("evidence", HOSTILE),
        ("next_steps", HOSTILE),
        ("runbook_url", "javascript:alert(1)"),
    ];
    let mut notification = firing();
    let mut alert = alert(&labels, &annotations, "2026-11-28T03:12:05Z");
    "https://x/|<!everyone>\"><script>".clone_into(&mut alert.generator_url);
    notification.alerts = vec![alert; 30];
    notification.group_key = HOSTILE.to_owned();
    notification.acknowledged_by = Some(HOSTILE.to_owned());
    notification
}
