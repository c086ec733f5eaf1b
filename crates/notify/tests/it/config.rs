//! Mistakes in configurations, all at once and each with its path; inheritance; Alertmanager's files.

use notify::Templates;
use notify::config::{Global, Receiver};
use serde_json::{Value, json};

use crate::notification::{channels, firing};
use crate::server::{Mood, Server};

fn mistakes(receiver: &Value, global: &Value) -> Vec<String> {
    let errors = match (Receiver::decode(receiver), Global::decode(global)) {
        (Ok(receiver), Ok(global)) => receiver.validate(&global),
        (receiver, global) => {
            let both = receiver.err().into_iter().chain(global.err());
            both.flatten().collect()
        }
    };
    errors.iter().map(ToString::to_string).collect()
}

fn check(kind: &str, config: &Value, expected: &[&str]) {
    let receiver = json!({"name": "r", (format!("{kind}_configs")): [config]});
    let found = mistakes(&receiver, &Value::Null);
    let prefix = format!("{kind}_configs[0].");
    let found: Vec<_> =
        found.iter().map(|error| error.strip_prefix(&prefix).unwrap_or(error)).collect();
    assert_eq!(found, expected, "{config}");
}

#[test]
fn every_mistake_of_form_is_told_with_its_path() {
    let receiver = json!({
        "webhook_configs": [{"url": 5, "max_alerts": "x", "timeout": "10", "http_config": {"tls_config": {"ca_fil": "x"}}}],
        "slack_configs": [{"chanel": "#x"}],
        "discord_configs": [{}],
    });
    let found = mistakes(
        &receiver,
        &json!({"smtp_form": "x", "resolve_timeout": "5m", "opsgenie_api_url": "x"}),
    );
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn what_values_mean_is_checked() {
    check("webhook", &json!({}), &["url: is missing"]);
    check(
        "webhook",
        &json!({"url": "hooks.example"}),
        &["url: must begin with http:// or https://"],
    );
    check(
        "webhook",
        &json!({"url": "https://x/", "url_file": "/nowhere"}),
        &["url: is given as well as url_file; give one of them"],
    );
    check(
        "webhook",
        &json!({"url_file": "/nowhere"}),
        &["url_file: cannot read /nowhere: No such file or directory (os error 2)"],
    );
    check(
        "webhook",
        &json!({"url": "http://169.254.169.254/x"}),
        &[
            "url: leads to 169.254.169.254, a link-local or cloud metadata address; set http_config.allow_link_local: true if that is meant",
        ],
    );
    check(
        "webhook",
        &json!({"url": "http://169.254.169.254/x", "http_config": {"allow_link_local": true}}),
        &[],
    );
    check(
        "webhook",
        &json!({"url": "http://x/", "body": "{% for a in alerts %}\n{{ a. }}{% endfor %}"}),
        &[
            "body: syntax error: unexpected end of variable block, expected identifier or integer (line 2)",
        ],
    );
    check(
        "webhook",
        &json!({"url": "http://x/", "headers": {"a b": "x", "Host": "y"}}),
        &["headers.Host: is set by etcd-monitor itself", "headers.a b: is no name of a header"],
    );
    check("slack", &json!({}), &["api_url: is missing"]);
    check("slack", &json!({"app_token": "xoxb"}), &["channel: is missing; a bot needs a channel"]);
    check("pagerduty", &json!({}), &["routing_key: is missing"]);
    check(
        "telegram",
        &json!({"parse_mode": "MarkdownV2"}),
        &[
            "bot_token: is missing",
            "chat_id: is missing",
            "parse_mode: is not accepted; give HTML, or \"\" for plain text (values cannot be kept from being taken for Markdown)",
        ],
    );
    check(
        "alertmanager",
        &json!({}),
        &["urls: is missing; give the URL of each Alertmanager of the cluster"],
    );
    check(
        "email",
        &json!({"to": "nobody", "headers": {"Bcc": "x"}, "auth_secret": "s"}),
        &[
            "smarthost: is missing; give it here or as global.smtp_smarthost",
            "auth_secret: is for CRAM-MD5, which etcd-monitor does not speak; give auth_password, which is sent by AUTH PLAIN or AUTH LOGIN, over TLS only",
            "from: is missing; give it here or as global.smtp_from",
            "to: is no list of addresses, such as ann@example.com, Bob <bob@example.com>",
            "headers.Bcc: is set by etcd-monitor itself",
        ],
    );
    let http = json!({"bearer_token": "x", "basic_auth": {"username": "u", "password": "p"}, "proxy_url": "https://p",
        "tls_config": {"server_name": "a b", "min_version": "SSL3", "cert_file": "/nowhere"}});
    check(
        "webhook",
        &json!({"url": "http://x/", "http_config": http}),
        &[
            "http_config.bearer_token: is given as well as another; give one of basic_auth, authorization, bearer_token",
            "http_config.tls_config.server_name: \"a b\" is no host name and no IP address",
            "http_config.tls_config.min_version: is not accepted; give TLS12 or TLS13",
            "http_config.proxy_url: must begin with http://",
        ],
    );
}

#[test]
fn a_receiver_of_an_alertmanagers_file_is_taken_as_it_is() {
    let receiver = json!({
        "name": "team-X-mails",
        "email_configs": [{"to": "team-X+alerts@example.org", "send_resolved": true,
            "headers": {"Subject": "[{{ .Status | toUpper }}] {{ .CommonLabels.alertname }}"},
            "html": "{{ template \"email.default.html\" . }}"}],
        "slack_configs": [{"channel": "#alerts", "title": "{{ template \"slack.default.title\" . }}",
            "text": "{{ .CommonAnnotations.summary }}", "short_fields": true,
            "actions": [{"type": "button", "text": "Runbook", "url": "{{ .CommonAnnotations.runbook_url }}"}]}],
        "pagerduty_configs": [{"routing_key": "k", "details": {"firing": "{{ template \"pagerduty.default.instances\" .Alerts.Firing }}"}}],
        "webhook_configs": [{"url": "http://127.0.0.1:5001/", "max_alerts": 10, "http_config": {"follow_redirects": true, "enable_http2": true}}],
        "telegram_configs": [{"bot_token": "t", "chat_id": -1001, "parse_mode": "HTML"}],
        "msteamsv2_configs": [{"webhook_url": "https://teams.example/x", "title": "{{ template \"msteamsv2.default.title\" . }}"}],
    });
    let global = json!({
        "smtp_smarthost": "localhost:25", "smtp_from": "alertmanager@example.org", "resolve_timeout": "5m",
        "slack_api_url": "https://hooks.slack.com/services/x", "victorops_api_key": "x",
        "http_config": {"follow_redirects": true},
    });
    assert_eq!(mistakes(&receiver, &global), Vec::<String>::new());
}

#[tokio::test]
async fn what_a_receiver_does_not_say_is_inherited_and_files_are_read_for_each_delivery() {
    let server = Server::start(vec![Mood::ok()]).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("slack");
    std::fs::write(&file, format!("{}\n", server.url("/first"))).unwrap();
    let global = json!({"slack_api_url_file": file, "http_config": {"bearer_token": "t0ken"}});
    let all = channels("slack", &json!({}), &global).unwrap();
    all[0].deliver(&firing(), None).await.unwrap();
    std::fs::write(&file, server.url("/second")).unwrap();
    all[0].deliver(&firing(), None).await.unwrap();
    let received = server.received();
    assert_eq!((received[0].uri.as_str(), received[1].uri.as_str()), ("/first", "/second"));
    assert_eq!(received[0].header("authorization"), Some("Bearer t0ken"));
}

#[tokio::test]
async fn templates_of_files_can_be_included_and_their_errors_have_lines() {
    let files =
        [("line".to_owned(), "{{ alerts|length }} of {{ common_labels.cluster }}".to_owned())];
    let templates = Templates::new(files).unwrap();
    let server = Server::start(vec![Mood::ok()]).await;
    let receiver = json!({"name": "r", "webhook_configs": [{
        "url": server.url("/"), "content_type": "text/plain", "body": "{% include 'line' %}",
    }]});
    let receiver = Receiver::decode(&receiver).unwrap();
    let all = notify::Channel::all(&receiver, &Global::default(), &templates).unwrap();
    all[0].deliver(&firing(), None).await.unwrap();
    assert_eq!(server.received()[0].body, "1 of prod");
    let wrong = Templates::new([("bad".to_owned(), "a\n{% for %}".to_owned())]).unwrap_err();
    assert_eq!(wrong[0].path, "bad");
    assert!(wrong[0].message.ends_with("(line 2)"), "{wrong:?}");
}

#[test]
fn what_values_mean_is_told_beside_mistakes_of_form() {
    let receiver = json!({
        "name": "r",
        "slack_configs": [{"chanel": "#x", "api_url": "hooks.example"}, {"api_url": 5}],
        "webhook_configs": [{"url": "nowhere"}],
    });
    let errors = Receiver::channels(&receiver, &Global::default(), &Templates::default());
    let mut found: Vec<String> =
        errors.err().unwrap_or_default().iter().map(|error| error.path.clone()).collect();
    found.sort();
    let expected = [
        "slack_configs[0].api_url",
        "slack_configs[0].chanel",
        "slack_configs[1].api_url",
        "webhook_configs[0].url",
    ];
    assert_eq!(found, expected);
}
