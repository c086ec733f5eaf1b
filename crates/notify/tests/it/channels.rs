//! Slack, PagerDuty, Teams, Telegram, Alertmanager and the console, each against a server that answers
//! as the real one does.

use std::time::Duration;

use model::notification::{Notification, Reason};
use notify::FailureClass;
use serde_json::{Value, json};

use crate::notification::{channel, channels, firing, resolved};
use crate::server::{Mood, Server};

fn told(reason: Reason) -> Notification {
    Notification { reason, ..firing() }
}

#[tokio::test]
async fn a_slack_webhook_is_posted_to() {
    let ok = Mood::Answer(200, Vec::new(), "ok".to_owned());
    let no_such = Mood::Answer(404, Vec::new(), "channel_not_found".to_owned());
    let server = Server::start(vec![ok, no_such]).await;
    let slack =
        channel("slack", &json!({"api_url": server.url("/services/T0/B0/x"), "channel": "#ops"}));
    assert_eq!((slack.name(), slack.kind().as_str()), ("slack[0]", "slack"));
    assert!(!slack.sends_resolved());
    assert_eq!(slack.deliver(&firing(), None).await.unwrap().thread, None);
    let failure = slack.deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Refused);
    assert!(failure.message.ends_with("answered 404: channel_not_found"), "{failure}");
    let received = &server.received()[0];
    assert_eq!(received.uri, "/services/T0/B0/x");
    assert_eq!(received.json()["channel"], "#ops");
    assert_eq!(received.json()["text"], "🔴 Critical: prod has no leader");
}

#[tokio::test]
async fn a_slack_bot_keeps_its_message_up_to_date_and_replies_where_somebody_must_notice() {
    let posted = Mood::json(&json!({"ok": true, "channel": "C1", "ts": "17.01"}));
    let server = Server::start(vec![posted]).await;
    let slack = channel(
        "slack",
        &json!({
            "app_token": "xoxb-t0ken", "channel": "#ops", "app_url": server.url("/api/chat.postMessage"),
        }),
    );
    let first = slack.deliver(&firing(), None).await.unwrap();
    assert_eq!(first.thread.as_deref(), Some("C1:17.01"));
    let over = slack.deliver(&resolved(), first.thread.as_deref()).await.unwrap();
    assert_eq!(over.thread, first.thread);
    slack.deliver(&told(Reason::Repeat), first.thread.as_deref()).await.unwrap();
    let again = slack.deliver(&firing(), first.thread.as_deref()).await.unwrap();
    assert_eq!(again.thread.as_deref(), Some("C1:17.01"));
    let received = server.received();
    let uris: Vec<_> = received.iter().map(|request| request.uri.as_str()).collect();
    let (post, update) = ("/api/chat.postMessage", "/api/chat.update");
    assert_eq!(uris, [post, update, update, post, post]);
    assert!(
        received.iter().all(|request| request.header("authorization") == Some("Bearer xoxb-t0ken"))
    );
    assert_eq!(received[0].json()["channel"], "#ops");
    assert_eq!(
        (&received[1].json()["channel"], &received[1].json()["ts"]),
        (&json!("C1"), &json!("17.01"))
    );
    assert_eq!(received[3].json()["thread_ts"], "17.01");
    assert_eq!(received[4].json()["channel"], "#ops");
}

#[tokio::test]
async fn a_slack_message_that_cannot_be_changed_any_more_is_followed_by_a_new_one() {
    let gone = Mood::json(&json!({"ok": false, "error": "message_not_found"}));
    let posted = Mood::json(&json!({"ok": true, "channel": "C1", "ts": "18.02"}));
    let server = Server::start(vec![gone, posted]).await;
    let config = json!({"app_token": "xoxb-t0ken", "channel": "#ops", "app_url": server.url("/api/chat.postMessage")});
    let receipt = channel("slack", &config).deliver(&resolved(), Some("C1:17.01")).await.unwrap();
    assert_eq!(receipt.thread.as_deref(), Some("C1:18.02"));
}

#[tokio::test]
async fn what_slack_says_with_200_is_understood() {
    for (error, class) in [
        ("ratelimited", FailureClass::TryLater),
        ("internal_error", FailureClass::TryLater),
        ("invalid_auth", FailureClass::Refused),
        ("is_archived", FailureClass::Refused),
    ] {
        let server = Server::start(vec![Mood::json(&json!({"ok": false, "error": error}))]).await;
        let config = json!({"app_token": "xoxb-t0ken", "channel": "#ops", "app_url": server.url("/api/chat.postMessage")});
        let failure = channel("slack", &config).deliver(&firing(), None).await.unwrap_err();
        assert_eq!(failure.class, class, "{failure}");
        assert!(failure.message.contains(error), "{failure}");
    }
    let server = Server::start(vec![Mood::ok()]).await;
    let config = json!({"app_token": "xoxb-t0ken", "channel": "#ops", "app_url": server.url("/api/chat.postMessage")});
    let failure = channel("slack", &config).deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::Garbled, "{failure}");
}

#[tokio::test]
async fn an_incident_of_pagerduty_opens_and_closes_under_one_key() {
    let accepted = Mood::Answer(202, Vec::new(), r#"{"status":"success"}"#.to_owned());
    let server = Server::start(vec![accepted]).await;
    let config = json!({"routing_key": "R0UTINGKEYR0UTINGKEYR0UTINGKEY32", "url": server.url("/v2/enqueue")});
    let pagerduty = channel("pagerduty", &config);
    for notification in [firing(), told(Reason::Acknowledged), resolved()] {
        pagerduty.deliver(&notification, None).await.unwrap();
    }
    let events: Vec<Value> = server.received().iter().map(crate::server::Received::json).collect();
    let actions: Vec<_> =
        events.iter().map(|event| event["event_action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["trigger", "acknowledge", "resolve"]);
    assert!(events.iter().all(|event| event["dedup_key"] == events[0]["dedup_key"]));
    assert_eq!(events[0]["routing_key"], "R0UTINGKEYR0UTINGKEYR0UTINGKEY32");
}

#[tokio::test]
async fn telegram_is_asked_in_html_and_its_pause_is_kept() {
    let sent = Mood::json(&json!({"ok": true, "result": {"message_id": 42}}));
    let wait = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 35}});
    let wait = Mood::Answer(429, Vec::new(), wait.to_string());
    let server = Server::start(vec![sent.clone(), sent, wait]).await;
    let telegram = channel(
        "telegram",
        &json!({
            "bot_token": "123:t0ken", "chat_id": -100, "api_url": server.url(""), "message_thread_id": 7,
        }),
    );
    let first = telegram.deliver(&firing(), None).await.unwrap();
    assert_eq!(first.thread.as_deref(), Some("42"));
    telegram.deliver(&resolved(), first.thread.as_deref()).await.unwrap();
    let failure = telegram.deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(35)));
    assert_eq!(failure.class, FailureClass::TryLater);
    let received = server.received();
    assert_eq!(received[0].uri, "/bot123:t0ken/sendMessage");
    assert_eq!(received[0].json()["parse_mode"], "HTML");
    assert_eq!(received[0].json()["chat_id"], "-100");
    assert_eq!(received[1].json()["reply_parameters"]["message_id"], 42);
}

#[tokio::test]
async fn a_message_that_telegram_cannot_read_is_sent_in_the_plain_form() {
    let unread = json!({"ok": false, "description": "Bad Request: can't parse entities: x"});
    let unread = Mood::Answer(400, Vec::new(), unread.to_string());
    let sent = Mood::json(&json!({"ok": true, "result": {"message_id": 1}}));
    let server = Server::start(vec![unread, sent]).await;
    let telegram = channel(
        "telegram",
        &json!({
            "bot_token": "123:t0ken", "chat_id": "@ops", "api_url": server.url(""), "message": "<b>{{ title }}",
        }),
    );
    let receipt = telegram.deliver(&firing(), None).await.unwrap();
    assert!(receipt.remark.unwrap().contains("cannot read"));
    assert!(server.received()[1].json()["text"].as_str().unwrap().contains("template message"));
}

#[tokio::test]
async fn both_kinds_of_teams_are_posted_to() {
    let server = Server::start(vec![Mood::status(202)]).await;
    for kind in ["msteams", "msteamsv2"] {
        let config = json!({"webhook_url": server.url("/workflows/s3cret")});
        channel(kind, &config).deliver(&firing(), None).await.unwrap();
    }
    let received = server.received();
    assert_eq!(received[0].json()["@type"], "MessageCard");
    assert_eq!(received[1].json()["attachments"][0]["content"]["type"], "AdaptiveCard");
}

#[tokio::test]
async fn one_alertmanager_that_takes_the_alerts_is_enough() {
    let well = Server::start(vec![Mood::ok()]).await;
    let sick = Server::start(vec![Mood::status(500)]).await;
    let config = json!({"urls": [sick.url("/am/"), well.url("")]});
    let receipt = channel("alertmanager", &config).deliver(&firing(), None).await.unwrap();
    let remark = receipt.remark.unwrap();
    assert!(remark.contains(&format!("127.0.0.1:{}: answered 500", sick.port)), "{remark}");
    assert_eq!(well.received()[0].uri, "/api/v2/alerts");
    assert_eq!(sick.received()[0].uri, "/am/api/v2/alerts");
    assert_eq!(well.received()[0].json()[0]["labels"]["alertname"], "EtcdNoLeader");
    let config = json!({"urls": [sick.url("")]});
    let failure = channel("alertmanager", &config).deliver(&firing(), None).await.unwrap_err();
    assert_eq!(failure.class, FailureClass::TryLater);
}

#[tokio::test]
async fn a_template_that_fails_is_told_and_the_notification_still_goes() {
    let server = Server::start(vec![Mood::ok()]).await;
    let config = json!({"api_url": server.url("/"), "text": "{{ alerts[0].labels.cluster + 1 }}"});
    let receipt = channel("slack", &config).deliver(&firing(), None).await.unwrap();
    let remark = receipt.remark.unwrap();
    assert!(remark.starts_with("template text failed: "), "{remark}");
    let body = &server.received()[0].body;
    assert!(body.contains("prod has no leader") && body.contains("template text failed"), "{body}");
}

#[tokio::test]
async fn a_receiver_has_its_channels_in_order_and_the_console_is_one() {
    let config = json!({"send_resolved": false});
    let all = channels("console", &config, &Value::Null).unwrap();
    assert_eq!((all[0].name(), all[0].sends_resolved()), ("console[0]", false));
    assert_eq!(all[0].deliver(&firing(), None).await, Ok(notify::Receipt::default()));
}
