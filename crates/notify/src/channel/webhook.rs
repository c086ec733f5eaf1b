//! Webhook: Alertmanager's JSON, or a template's text, posted to any URL.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use model::clock::{Clock, SystemClock};
use model::config_error::ConfigError;
use model::notification::Notification;
use ring::hmac;

use super::{SecretUrl, hide_source};
use crate::config::{Global, SecretSource, WebhookConfig};
use crate::failure::{Failure, Receipt};
use crate::http::Client;
use crate::http::access::{add_header, sensitive, unprepared};
use crate::payload;
use crate::scrub::Hidden;
use crate::template::{Format, Renderer, Template, Templates};

/// `sha256=` and the HMAC of the timestamp, a full stop and the body, in hex.
const SIGNATURE: HeaderName = HeaderName::from_static("x-etcd-monitor-signature");
/// When the request was signed: seconds since 1970.
const TIMESTAMP: HeaderName = HeaderName::from_static("x-etcd-monitor-timestamp");
/// The notification's identity: the same for every attempt to deliver it.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: &str = "application/json";

/// Posts to a URL.
#[derive(Debug)]
pub(super) struct Webhook {
    client: Client,
    url: SecretUrl,
    headers: Vec<(HeaderName, SecretSource)>,
    hmac_secret: Option<SecretSource>,
    body: Option<Template>,
    content_type: HeaderValue,
    max_alerts: usize,
}

impl Webhook {
    pub(super) fn new(
        config: &WebhookConfig,
        global: &Global,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let http = config.http_config.as_ref().or(global.http_config.as_ref());
        let client = Client::new(http, config.timeout, errors);
        let own = (config.url.as_ref(), config.url_file.as_ref());
        let url = SecretUrl::new("url", own, (None, None), client.allow_link_local, errors);
        let mut headers = Vec::new();
        for (name, value) in &config.headers {
            let source = SecretSource::Inline(value.clone());
            add_header(&mut headers, name, source, errors, "headers");
        }
        let (inline, file) = (config.hmac_secret.as_ref(), config.hmac_secret_file.as_ref());
        let hmac_secret = SecretSource::of("hmac_secret", inline, file, errors);
        let content_type = config.content_type.as_deref().unwrap_or(JSON);
        let format = if content_type.contains("json") { Format::Json } else { Format::Plain };
        let body = Template::new("body", config.body.as_ref(), format, templates, errors);
        let content_type = HeaderValue::from_str(content_type).unwrap_or_else(|_| {
            errors.push(ConfigError::new("content_type", "has line ends or control characters"));
            HeaderValue::from_static(JSON)
        });
        let max_alerts = config.max_alerts;
        Self { client, url, headers, hmac_secret, body, content_type, max_alerts }
    }

    pub(super) fn hide(&self, hidden: &mut Hidden) {
        self.client.hide(hidden);
        self.url.hide(hidden);
        self.headers.iter().for_each(|(_, source)| hide_source(source, hidden));
        self.hmac_secret.iter().for_each(|source| hide_source(source, hidden));
    }

    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        renderer: &mut Renderer<'_>,
    ) -> Result<Receipt, Failure> {
        let target = self.url.target()?;
        let (content_type, body) = self.body(notification, renderer);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Ok(id) = HeaderValue::from_str(&notification.id) {
            headers.insert(IDEMPOTENCY_KEY, id);
        }
        for (name, source) in &self.headers {
            headers.insert(name, sensitive(unprepared(source)?.expose())?);
        }
        if let Some(source) = &self.hmac_secret {
            let timestamp = SystemClock.now().as_second().to_string();
            let signature = sign(unprepared(source)?.expose(), &timestamp, &body);
            headers.insert(SIGNATURE, sensitive(&signature)?);
            headers.insert(TIMESTAMP, sensitive(&timestamp)?);
        }
        let reply = self.client.post(&target, headers, body).await?;
        reply.accepted().map_err(|failure| failure.at(&target))?;
        Ok(Receipt::default())
    }

    fn body(
        &self,
        notification: &Notification,
        renderer: &mut Renderer<'_>,
    ) -> (HeaderValue, String) {
        if let (Some(text), Some(template)) = (renderer.render(self.body.as_ref()), &self.body) {
            let is_json = self.content_type.to_str().is_ok_and(|kind| kind.contains("json"));
            match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
                Err(error) if is_json => renderer.reject(template, &format!("no JSON: {error}")),
                _ => return (self.content_type.clone(), text),
            }
        }
        let mut payload = payload::webhook(notification, self.max_alerts);
        if let Some(problems) = renderer.problems() {
            payload["templateError"] = problems.into();
        }
        (HeaderValue::from_static(JSON), payload.to_string())
    }
}

/// `sha256=` and the HMAC of `timestamp`, a full stop and `body`: without the timestamp in it, an old
/// request could be sent again for ever.
fn sign(secret: &str, timestamp: &str, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(timestamp.as_bytes());
    context.update(b".");
    context.update(body.as_bytes());
    format!("sha256={}", payload::hex(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn body(config: &WebhookConfig, notification: &Notification) -> (String, Option<String>) {
        let templates = Templates::default();
        let url = Some(model::secret::Secret::new("http://127.0.0.1/".to_owned()));
        let config = WebhookConfig { url, ..config.clone() };
        let mut errors = Vec::new();
        let webhook = Webhook::new(&config, &Global::default(), &templates, &mut errors);
        assert_eq!(errors, []);
        let mut renderer = Renderer::new(&templates, notification);
        let (_, body) = webhook.body(notification, &mut renderer);
        (body, renderer.problems())
    }

    fn golden(name: &str, notification: &Notification) {
        let (body, _) = body(&WebhookConfig::default(), notification);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        insta::assert_json_snapshot!(name, value);
    }

    #[test]
    fn the_payload_is_alertmanagers() {
        golden("webhook_firing", &testing::firing());
        golden("webhook_resolved", &testing::resolved());
    }

    #[test]
    fn alerts_over_the_limit_are_counted() {
        let config = WebhookConfig { max_alerts: 1, ..WebhookConfig::default() };
        let notification = Notification { truncated: 5, ..testing::firing() };
        let value: serde_json::Value =
            serde_json::from_str(&body(&config, &notification).0).unwrap();
        assert_eq!(value["alerts"].as_array().unwrap().len(), 1);
        assert_eq!(value["truncatedAlerts"], notification.alerts.len() as u64 - 1 + 5);
    }

    #[test]
    fn a_signature_covers_time_and_body() {
        // As `printf '1700000000.{}' | openssl dgst -sha256 -hmac key` gives.
        let expected = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae";
        assert_eq!(sign("key", "1700000000", "{}"), expected);
    }

    #[test]
    fn a_body_of_a_template_is_json_whatever_the_labels_hold() {
        let text =
            r#"{"text": "{{ alerts[0].labels.evil }}", "all": {{ common_labels | tojson }}}"#;
        let config = WebhookConfig { body: Some(text.to_owned()), ..WebhookConfig::default() };
        let (body, problems) = body(&config, &testing::hostile());
        assert_eq!(problems, None);
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["text"], testing::hostile().alerts[0].labels.get("evil").unwrap());
    }

    #[test]
    fn a_template_that_makes_no_json_is_replaced_by_the_payload() {
        let config =
            WebhookConfig { body: Some("{ {{ status }}".to_owned()), ..WebhookConfig::default() };
        let (body, problems) = body(&config, &testing::firing());
        let value: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(value["version"], "4");
        assert!(value["templateError"].as_str().unwrap().contains("no JSON"));
        assert!(problems.unwrap().contains("body"));
    }
}
