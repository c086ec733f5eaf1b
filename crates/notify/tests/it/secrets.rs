//! Secrets appear in no failure, remark, mistake or `Debug`, even where a server repeats them.

use notify::config::{Global, Receiver};
use notify::{Channel, Templates};
use serde_json::{Value, json};

use crate::notification::firing;
use crate::server::{Mood, Server};

/// Everything in the configurations below that nobody else may see.
const SECRETS: [&str; 12] = [
    "pathsecret01",
    "querysecret02",
    "passwordsecret03",
    "tokensecret04",
    "routingsecret05routingsecret0532",
    "xoxb-secret06",
    "123456:secret07",
    "headersecret08",
    "hmacsecret09",
    "userinfosecret10",
    "smtpsecret11",
    "proxysecret12",
];

/// One integration of each kind, at `base` (`http://127.0.0.1:1`), and the mail server's port.
fn receiver(base: &str, smtp_port: u16) -> Value {
    let http = json!({"authorization": {"credentials": "tokensecret04"}});
    let with_user = base.replace("http://", "http://me:userinfosecret10@");
    json!({
        "name": "all",
        "webhook_configs": [
            {
                "url": format!("{with_user}/pathsecret01?key=querysecret02"),
                "headers": {"X-Key": "headersecret08"},
                "hmac_secret": "hmacsecret09",
                "http_config": {"basic_auth": {"username": "ann", "password": "passwordsecret03"}},
            },
            {
                "url": format!("{base}/pathsecret01"),
                "http_config": {"proxy_url": format!("{}", base.replace("http://", "http://me:proxysecret12@"))},
            },
        ],
        "slack_configs": [
            {"api_url": format!("{base}/services/T0/B0/pathsecret01"), "http_config": http},
            {"app_token": "xoxb-secret06", "channel": "#ops", "app_url": format!("{base}/api/chat.postMessage")},
        ],
        "pagerduty_configs": [{"routing_key": "routingsecret05routingsecret0532", "url": format!("{base}/v2/enqueue")}],
        "msteams_configs": [{"webhook_url": format!("{base}/pathsecret01")}],
        "msteamsv2_configs": [{"webhook_url": format!("{base}/pathsecret01?sig=querysecret02")}],
        "telegram_configs": [{"bot_token": "123456:secret07", "chat_id": 1, "api_url": base}],
        "alertmanager_configs": [{"urls": [format!("{base}/pathsecret01")]}],
        "email_configs": [{
            "to": "ann@example.com", "from": "m@example.com",
            "smarthost": format!("127.0.0.1:{smtp_port}"),
            "auth_username": "ann", "auth_password": "smtpsecret11", "require_tls": false,
        }],
    })
}

fn assert_clean(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in: {text}");
    }
    // What is sent for passwords: ann:passwordsecret03 and the like in base64.
    for encoded in ["YW5uOnBhc3N3b3Jkc2VjcmV0MDM", "c210cHNlY3JldDEx", "AGFubgBzbXRwc2VjcmV0MTE"] {
        assert!(!text.contains(encoded), "{encoded} in: {text}");
    }
}

async fn deliver_all(base: &str, smtp_port: u16) -> usize {
    let value = receiver(base, smtp_port);
    let receiver = Receiver::decode(&value).unwrap();
    assert_clean(&format!("{receiver:?}"));
    let channels = Channel::all(&receiver, &Global::default(), &Templates::default()).unwrap();
    assert_eq!(channels.len(), receiver.integrations());
    let mut failures = 0;
    for channel in &channels {
        assert_clean(&format!("{channel:?}"));
        match channel.deliver(&firing(), None).await {
            Ok(receipt) => assert_clean(&format!("{receipt:?}")),
            Err(failure) => {
                failures += 1;
                assert_clean(&format!("{failure:?} {failure}"));
                assert!(failure.message.contains("127.0.0.1"), "{failure}");
            }
        }
    }
    failures
}

/// Answers every connection with all that it was sent and all the secrets, as a mail server that
/// refuses everything would.
async fn parrot() -> u16 {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (read, mut write) = stream.split();
            let mut lines = BufReader::new(read).lines();
            let _ = write.write_all(b"220 parrot\r\n").await;
            while let Ok(Some(line)) = lines.next_line().await {
                let answer = if line.starts_with("EHLO") {
                    "250-parrot\r\n250 AUTH PLAIN LOGIN\r\n".to_owned()
                } else {
                    format!("535 no: {line} smtpsecret11\r\n")
                };
                let _ = write.write_all(answer.as_bytes()).await;
            }
        }
    });
    port
}

#[tokio::test]
async fn no_failure_shows_a_secret_whatever_the_server_repeats() {
    let location = vec![("location", "http://127.0.0.1:1/pathsecret01".to_owned())];
    for mood in [
        Mood::Repeat(400, &SECRETS),
        Mood::Repeat(500, &SECRETS),
        Mood::Answer(302, location.clone(), String::new()),
        Mood::Answer(307, location, String::new()),
        Mood::Repeat(200, &SECRETS),
        Mood::Garbage,
        Mood::Reset,
    ] {
        let server = Server::start(vec![mood]).await;
        let port = parrot().await;
        assert!(deliver_all(&server.url(""), port).await >= 3);
        let received = format!("{:?}", server.received());
        let is_recorded = !server.received().is_empty();
        // The secrets were really sent, or nothing is shown by their absence.
        assert!(!is_recorded || received.contains("pathsecret01"), "{received}");
    }
}

#[tokio::test]
async fn no_failure_to_connect_shows_a_secret() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    assert_eq!(deliver_all(&format!("http://127.0.0.1:{port}"), port).await, 10);
}

#[test]
fn no_mistake_shows_the_value_that_is_wrong() {
    let wrong = json!({
        "name": "all",
        "webhook_configs": [
            {"url": "ftp://x/pathsecret01", "headers": {"X": "headersecret08\nX: y"}, "http_config": {"basic_auth": "ann:passwordsecret03"}},
            {"url": ["pathsecret01"], "hmac_secret": {"a": "hmacsecret09"}},
            {"url": "http://169.254.169.254/pathsecret01"},
        ],
        "slack_configs": [{"api_url": "pathsecret01", "app_token": "xoxb-secret06"}],
        "telegram_configs": [{"bot_token": ["123456:secret07"], "chat_id": "tokensecret04"}],
        "email_configs": [{"to": "smtpsecret11", "auth_password": 4711, "threading": "smtpsecret11"}],
    });
    let errors = Receiver::decode(&wrong).unwrap_err();
    assert!(errors.len() >= 6, "{errors:?}");
    assert_clean(&format!("{errors:?}"));
    let mut rest = wrong;
    rest["webhook_configs"] = json!([
        {"url": "ftp://x/pathsecret01", "headers": {"X": "headersecret08\nX: y"}},
        {"url": "http://169.254.169.254/pathsecret01"},
    ]);
    rest["telegram_configs"] =
        json!([{"bot_token": "123456:secret07", "chat_id": "tokensecret04"}]);
    rest["email_configs"] = json!([{"to": "smtpsecret11", "auth_password": "smtpsecret11"}]);
    let errors = Receiver::decode(&rest).unwrap().validate(&Global::default());
    assert!(errors.len() >= 6, "{errors:?}");
    assert_clean(&format!("{errors:?}"));
}
