//! PagerDuty, by its Events API v2: incidents triggered, acknowledged and resolved.

use http::{HeaderMap, HeaderValue, header};
use model::config_error::ConfigError;
use model::notification::{Notification, Reason};
use serde_json::{Map, Value, json};

use super::{api_url, hide_source, required};
use crate::config::{Global, PagerdutyConfig, SecretSource};
use crate::digest::{Digest, Tone};
use crate::failure::{Failure, Receipt};
use crate::http::Client;
use crate::http::access::unprepared;
use crate::http::target::Target;
use crate::payload;
use crate::scrub::Hidden;
use crate::template::{Format, Renderer, Template, Templates};
use crate::text::{clip, link, one_line};

const ENQUEUE: &str = "https://events.pagerduty.com/v2/enqueue";
const SUMMARY_CHARS: usize = 1_024;
/// Of `source`, `component`, `group` and `class`.
const NAME_CHARS: usize = 255;
/// PagerDuty refuses more than 512 KB, counted by them.
const MAX_EVENT_BYTES: usize = 500_000;
const SEVERITIES: [&str; 4] = ["critical", "error", "warning", "info"];

/// Opens and closes incidents of one service.
#[derive(Debug)]
pub(super) struct Pagerduty {
    client: Client,
    url: Target,
    routing_key: SecretSource,
    /// By key of the event: summary, severity and so on.
    texts: Vec<(&'static str, Option<Template>)>,
    details: Vec<(String, Option<Template>)>,
    images: Vec<[Option<Template>; 3]>,
    links: Vec<[Option<Template>; 2]>,
}

impl Pagerduty {
    pub(super) fn new(
        config: &PagerdutyConfig,
        global: &Global,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let http = config.http_config.as_ref().or(global.http_config.as_ref());
        let client = Client::new(http, config.timeout, errors);
        let given = config.url.as_ref().or(global.pagerduty_url.as_ref());
        let url = api_url("url", given, ENQUEUE, client.allow_link_local, errors);
        let own = (config.routing_key.as_ref(), config.routing_key_file.as_ref());
        let has_service_key = config.service_key.is_some() || config.service_key_file.is_some();
        if has_service_key {
            let message = "is for an API that PagerDuty replaced; add an Events API v2 integration \
                           to the service and give its key as routing_key";
            errors.push(ConfigError::new("service_key", message));
        }
        let routing_key = if has_service_key && own == (None, None) {
            SecretSource::Inline(model::secret::Secret::new(String::new()))
        } else {
            required("routing_key", own, (None, None), errors)
        };
        let mut make = |key: &str, source: Option<&String>| {
            Template::new(key, source, Format::Plain, templates, errors)
        };
        let texts = vec![
            ("client", make("client", config.client.as_ref())),
            ("client_url", make("client_url", config.client_url.as_ref())),
            ("summary", make("description", config.description.as_ref())),
            ("severity", make("severity", config.severity.as_ref())),
            ("source", make("source", config.source.as_ref())),
            ("class", make("class", config.class.as_ref())),
            ("component", make("component", config.component.as_ref())),
            ("group", make("group", config.group.as_ref())),
        ];
        let details = config.details.iter();
        let details = details
            .map(|(key, source)| (key.clone(), make(&format!("details.{key}"), Some(source))));
        let details = details.collect();
        let images = config.images.iter().enumerate().map(|(index, image)| {
            let mut of = |key: &str, source| make(&format!("images[{index}].{key}"), Some(source));
            [of("src", &image.src), of("href", &image.href), of("alt", &image.alt)]
        });
        let images = images.collect();
        let links = config.links.iter().enumerate().map(|(index, link)| {
            let mut of = |key: &str, source| make(&format!("links[{index}].{key}"), Some(source));
            [of("href", &link.href), of("text", &link.text)]
        });
        let links = links.collect();
        Self { client, url, routing_key, texts, details, images, links }
    }

    pub(super) fn hide(&self, hidden: &mut Hidden) {
        self.client.hide(hidden);
        hide_source(&self.routing_key, hidden);
    }

    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        renderer: &mut Renderer<'_>,
    ) -> Result<Receipt, Failure> {
        let routing_key = unprepared(&self.routing_key)?;
        let mut event = self.event(notification, renderer);
        event["routing_key"] = routing_key.expose().as_str().into();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let reply = self.client.post(&self.url, headers, event.to_string()).await?;
        reply.accepted().map_err(|failure| failure.at(&self.url))?;
        Ok(Receipt::default())
    }

    /// The event without its routing key.
    fn event(&self, notification: &Notification, renderer: &mut Renderer<'_>) -> Value {
        let action = match notification.reason {
            _ if !notification.is_firing() => "resolve",
            Reason::Acknowledged => "acknowledge",
            _ => "trigger",
        };
        let mut event = json!({
            "event_action": action,
            // As Alertmanager makes it, so that an incident survives a change from one to the other.
            "dedup_key": payload::hash(&notification.group_key),
        });
        if action != "trigger" {
            return event;
        }
        let mut own: Map<String, Value> = Map::new();
        for (key, template) in &self.texts {
            let text = renderer.render(template.as_ref()).map(|text| one_line(&text));
            let text = text.filter(|text| !text.is_empty());
            own.extend(text.map(|text| ((*key).to_owned(), text.into())));
        }
        let own = |key: &str| own.get(key).and_then(Value::as_str);
        let digest = Digest::of(notification);
        let labels = notification.common_labels();
        let label = |name| labels.get(name).map(one_line);
        let severity = own("severity").map(str::to_lowercase);
        let severity = severity
            .as_deref()
            .filter(|severity| SEVERITIES.contains(severity))
            .unwrap_or_else(|| severity_of(&digest, notification));
        let summary = own("summary").map_or_else(|| digest.title(), str::to_owned);
        let named = |key: &str, default: Option<String>| {
            own(key).map(str::to_owned).or(default).map(|text| clip(&text, NAME_CHARS).into_owned())
        };
        let source = named("source", label("cluster")).unwrap_or_else(|| "etcd-monitor".to_owned());
        let root = notification.alerts.first();
        event["payload"] = json!({
            "summary": clip(&summary, SUMMARY_CHARS),
            "source": source,
            "severity": severity,
            "timestamp": payload::time_text(root.map_or(notification.at, |root| root.starts_at)),
        });
        for (key, default) in [
            ("component", label("member")),
            ("group", label("cluster")),
            ("class", label("alertname")),
        ] {
            if let Some(text) = named(key, default) {
                event["payload"][key] = text.into();
            }
        }
        event["client"] = own("client").unwrap_or("etcd-monitor").into();
        if let Some(url) = own("client_url").or(Some(&notification.external_url)).and_then(link) {
            event["client_url"] = url.into();
        }
        event["links"] = self.links(&digest, renderer);
        event["images"] = self.images(renderer);
        event["payload"]["custom_details"] = self.details(notification, &digest, renderer);
        if event.to_string().len() > MAX_EVENT_BYTES {
            let why = "the details were larger than PagerDuty takes";
            event["payload"]["custom_details"] = json!({"left_out": why});
        }
        event
    }

    fn details(
        &self,
        notification: &Notification,
        digest: &Digest,
        renderer: &mut Renderer<'_>,
    ) -> Value {
        let firing =
            notification.alerts.iter().filter(|alert| !alert.is_resolved(notification.at)).count();
        let mut details = json!({
            "text": digest.body(),
            "firing": firing,
            "resolved": notification.alerts.len() - firing,
            "reason": notification.reason.as_str(),
        });
        for (key, template) in &self.details {
            if let Some(text) = renderer.render(template.as_ref()) {
                details[key] = text.into();
            }
        }
        if let Some(problems) = renderer.problems() {
            details["template_error"] = problems.into();
        }
        details
    }

    fn links(&self, digest: &Digest, renderer: &mut Renderer<'_>) -> Value {
        let mut links: Vec<Value> = Vec::new();
        for own in &self.links {
            let [href, text] = own.each_ref().map(|part| renderer.render(part.as_ref()));
            let href = href.unwrap_or_default();
            links.extend(link(&href).map(|href| json!({"href": href, "text": text})));
        }
        links.extend(digest.links.iter().map(|link| json!({"href": link.url, "text": link.label})));
        links.into()
    }

    fn images(&self, renderer: &mut Renderer<'_>) -> Value {
        let mut images: Vec<Value> = Vec::new();
        for own in &self.images {
            let [src, href, alt] = own.each_ref().map(|part| renderer.render(part.as_ref()));
            let src = src.unwrap_or_default();
            let href = href.filter(|href| link(href).is_some());
            images.extend(link(&src).map(|src| json!({"src": src, "href": href, "alt": alt})));
        }
        images.into()
    }
}

fn severity_of(digest: &Digest, notification: &Notification) -> &'static str {
    let labels = notification.alerts.first().map(|root| &root.labels);
    let severity = labels.and_then(|labels| labels.get("severity")).unwrap_or_default();
    match digest.tone {
        _ if severity.eq_ignore_ascii_case("error") => "error",
        Tone::Critical => "critical",
        Tone::Info => "info",
        Tone::Warning | Tone::Good => "warning",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn event(config: &PagerdutyConfig, notification: &Notification) -> Value {
        let key = Some(model::secret::Secret::new("R".repeat(32)));
        let config = PagerdutyConfig { routing_key: key, ..config.clone() };
        let templates = Templates::default();
        let mut errors = Vec::new();
        let pagerduty = Pagerduty::new(&config, &Global::default(), &templates, &mut errors);
        assert_eq!(errors, []);
        pagerduty.event(notification, &mut Renderer::new(&templates, notification))
    }

    #[test]
    fn an_incident_is_triggered_acknowledged_and_resolved_under_one_key() {
        let config = PagerdutyConfig::default();
        let firing = event(&config, &testing::firing());
        insta::assert_json_snapshot!("pagerduty_firing", firing);
        let mut acknowledged = testing::firing();
        acknowledged.reason = Reason::Acknowledged;
        acknowledged.acknowledged_by = Some("ann".to_owned());
        let acknowledged = event(&config, &acknowledged);
        assert_eq!(acknowledged["event_action"], "acknowledge");
        let resolved = event(&config, &testing::resolved());
        insta::assert_json_snapshot!("pagerduty_resolved", resolved);
        assert_eq!(firing["dedup_key"], resolved["dedup_key"]);
        assert_eq!(firing["dedup_key"], acknowledged["dedup_key"]);
    }

    #[test]
    fn severities_are_those_that_pagerduty_knows() {
        for (ours, theirs) in [
            ("critical", "critical"),
            ("error", "error"),
            ("page", "critical"),
            ("info", "info"),
            ("odd", "warning"),
        ] {
            let mut notification = testing::firing();
            let severity = model::series::Labels::new([("severity", ours)]);
            notification.alerts[0].labels = severity.and(&notification.alerts[0].labels);
            let event = event(&PagerdutyConfig::default(), &notification);
            assert_eq!(event["payload"]["severity"], theirs, "{ours}");
        }
    }

    #[test]
    fn an_event_is_never_larger_than_pagerduty_takes() {
        let details = [("all".to_owned(), "{{ alerts[0].labels.large }}".to_owned())].into();
        let config = PagerdutyConfig { details, ..PagerdutyConfig::default() };
        for config in [config, PagerdutyConfig::default()] {
            let event = event(&config, &testing::hostile());
            assert!(event.to_string().len() < 512_000);
            assert!(event["payload"]["summary"].as_str().unwrap().chars().count() <= SUMMARY_CHARS);
            assert!(event["payload"]["source"].as_str().unwrap().chars().count() <= NAME_CHARS);
            assert!(event["links"].to_string().find("javascript").is_none());
        }
    }
}
