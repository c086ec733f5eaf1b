//! Microsoft Teams: adaptive cards for workflows (`msteamsv2_configs`), message cards for the older
//! connectors (`msteams_configs`).

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, header};
use model::config_error::ConfigError;
use model::notification::Notification;
use serde_json::{Value, json};

use super::SecretUrl;
use crate::config::{Global, MsteamsConfig};
use crate::digest::{Digest, Tone};
use crate::failure::{Failure, FailureClass, Receipt};
use crate::http::Client;
use crate::http::reply::Reply;
use crate::scrub::Hidden;
use crate::template::{Format, Renderer, Template, Templates};
use crate::text::{clip, fit, markdown, one_line};

const TITLE_CHARS: usize = 300;
/// Teams takes 28 KB in all; each of at most four parts gets a share that holds when every letter of
/// it is escaped and takes four bytes.
const PART_CHARS: usize = 1_500;
/// What an own text may take, in bytes.
const OWN_BYTES: usize = 18_000;
const MAX_BUTTONS: usize = 6;

/// Posts to a channel of Teams.
#[derive(Debug)]
pub(super) struct Teams {
    client: Client,
    url: SecretUrl,
    is_workflow: bool,
    title: Option<Template>,
    summary: Option<Template>,
    text: Option<Template>,
}

/// Title and paragraphs, escaped as Markdown.
struct Card {
    title: String,
    summary: String,
    paragraphs: Vec<String>,
    facts: Vec<(String, String)>,
}

impl Teams {
    pub(super) fn new(
        config: &MsteamsConfig,
        is_workflow: bool,
        global: &Global,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let http = config.http_config.as_ref().or(global.http_config.as_ref());
        let client = Client::new(http, config.timeout, errors);
        let own = (config.webhook_url.as_ref(), config.webhook_url_file.as_ref());
        let allow = client.allow_link_local;
        let url = SecretUrl::new("webhook_url", own, (None, None), allow, errors);
        let mut make = |key, source: Option<&String>| {
            Template::new(key, source, Format::Markdown, templates, errors)
        };
        let title = make("title", config.title.as_ref());
        let summary = make("summary", config.summary.as_ref());
        let text = make("text", config.text.as_ref());
        Self { client, url, is_workflow, title, summary, text }
    }

    pub(super) fn hide(&self, hidden: &mut Hidden) {
        self.client.hide(hidden);
        self.url.hide(hidden);
    }

    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        renderer: &mut Renderer<'_>,
    ) -> Result<Receipt, Failure> {
        let target = self.url.target()?;
        let body = self.body(notification, renderer).to_string();
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let reply = self.client.post(&target, headers, body).await?;
        accepted(reply).map_err(|failure| failure.at(&target))?;
        Ok(Receipt::default())
    }

    fn body(&self, notification: &Notification, renderer: &mut Renderer<'_>) -> Value {
        let digest = Digest::of(notification);
        let card = self.card(&digest, renderer);
        if self.is_workflow { adaptive(&card, &digest) } else { message_card(&card, &digest) }
    }

    fn card(&self, digest: &Digest, renderer: &mut Renderer<'_>) -> Card {
        let plain =
            format!("{} {}", digest.tone.emoji(), fit(&digest.title(), TITLE_CHARS, markdown));
        let own = |text: String| clip(&one_line(&text), TITLE_CHARS).into_owned();
        let title = renderer.render(self.title.as_ref()).map_or(plain, own);
        let summary = renderer.render(self.summary.as_ref());
        let summary = summary.map_or_else(|| fit(&digest.title(), TITLE_CHARS, markdown), own);
        let mut facts = Vec::new();
        let mut paragraphs = Vec::new();
        if let Some(text) = renderer.render(self.text.as_ref()) {
            paragraphs.push(clip_bytes(&text, OWN_BYTES));
        } else {
            let escaped = |(name, value): &(&str, String)| {
                ((*name).to_owned(), fit(value, TITLE_CHARS, markdown))
            };
            facts.extend(digest.facts.iter().map(escaped));
            default_paragraphs(digest, &mut paragraphs);
        }
        paragraphs.extend(renderer.problems().map(|text| fit(&text, PART_CHARS, markdown)));
        Card { title, summary, paragraphs, facts }
    }
}

fn default_paragraphs(digest: &Digest, paragraphs: &mut Vec<String>) {
    // Markdown takes one line end for a blank.
    let part = |text: &str| fit(text, PART_CHARS, markdown).replace('\n', "\n\n");
    paragraphs.extend(digest.note.as_deref().map(part));
    paragraphs.extend(digest.description.as_deref().map(part));
    paragraphs
        .extend(digest.evidence.as_deref().map(|text| format!("**Evidence** {}", part(text))));
    paragraphs
        .extend(digest.next_steps.as_deref().map(|text| format!("**What to do** {}", part(text))));
    if let Some(heading) = digest.others_heading() {
        let mut list = format!("**{heading}**");
        let room = PART_CHARS / digest.others.len().max(1);
        for other in &digest.others {
            let text = fit(&format!("{}, {}", other.text, other.when), room, markdown);
            let _ = write!(list, "\n\n- {} {text}", other.tone.emoji());
        }
        if digest.unlisted > 0 {
            let _ = write!(list, "\n\n- and {} more", digest.unlisted);
        }
        paragraphs.push(list);
    }
}

fn adaptive(card: &Card, digest: &Digest) -> Value {
    let color = match digest.tone {
        Tone::Critical => "Attention",
        Tone::Warning => "Warning",
        Tone::Info => "Accent",
        Tone::Good => "Good",
    };
    let mut body = vec![json!({
        "type": "TextBlock", "text": card.title, "weight": "Bolder", "size": "Medium",
        "wrap": true, "color": color,
    })];
    if !card.facts.is_empty() {
        let facts: Vec<Value> =
            card.facts.iter().map(|(name, value)| json!({"title": name, "value": value})).collect();
        body.push(json!({"type": "FactSet", "facts": facts}));
    }
    let blocks = card.paragraphs.iter();
    body.extend(blocks.map(|text| json!({"type": "TextBlock", "text": text, "wrap": true})));
    let actions: Vec<Value> = digest
        .links
        .iter()
        .take(MAX_BUTTONS)
        .map(|link| json!({"type": "Action.OpenUrl", "title": link.label, "url": link.url}))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": {"width": "full"},
                "body": body,
                "actions": actions,
            },
        }],
    })
}

fn message_card(card: &Card, digest: &Digest) -> Value {
    let facts: Vec<Value> =
        card.facts.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    let actions: Vec<Value> = digest
        .links
        .iter()
        .map(|link| {
            let targets = json!([{"os": "default", "uri": link.url}]);
            json!({"@type": "OpenUri", "name": link.label, "targets": targets})
        })
        .collect();
    json!({
        "@type": "MessageCard",
        "@context": "https://schema.org/extensions",
        "summary": card.summary,
        "title": card.title,
        "themeColor": digest.tone.color().trim_start_matches('#'),
        "sections": [{"facts": facts, "text": card.paragraphs.join("\n\n")}],
        "potentialAction": actions,
    })
}

/// A connector answers 200 also when Teams refused the message, and says so in the text.
fn accepted(reply: Reply) -> Result<(), Failure> {
    let reply = reply.accepted()?;
    let text = String::from_utf8_lossy(&reply.body);
    let Some(at) = text.find("HTTP error ") else { return Ok(()) };
    let code: String = text[at + 11..].chars().take_while(char::is_ascii_digit).collect();
    let is_passing = code == "429" || code.starts_with('5');
    let class = if is_passing { FailureClass::TryLater } else { FailureClass::Refused };
    Err(Failure::new(class, format!("answered 200, but Teams itself answered {code}")))
}

fn clip_bytes(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut end = max - '…'.len_utf8();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn body(is_workflow: bool, config: &MsteamsConfig, notification: &Notification) -> Value {
        let url = Some(model::secret::Secret::new("https://teams.example/x".to_owned()));
        let config = MsteamsConfig { webhook_url: url, ..config.clone() };
        let templates = Templates::default();
        let mut errors = Vec::new();
        let teams = Teams::new(&config, is_workflow, &Global::default(), &templates, &mut errors);
        assert_eq!(errors, []);
        teams.body(notification, &mut Renderer::new(&templates, notification))
    }

    #[test]
    fn both_formats_say_what_is_wrong_first() {
        let config = MsteamsConfig::default();
        for (name, notification) in
            [("firing", testing::firing()), ("resolved", testing::resolved())]
        {
            insta::assert_json_snapshot!(
                format!("msteamsv2_{name}"),
                body(true, &config, &notification)
            );
            insta::assert_json_snapshot!(
                format!("msteams_{name}"),
                body(false, &config, &notification)
            );
        }
    }

    #[test]
    fn hostile_labels_make_no_links_and_stay_within_28_kilobytes() {
        let own = MsteamsConfig {
            text: Some("{{ alerts[0].labels.evil }} {{ alerts[0].labels.large }}".to_owned()),
            ..MsteamsConfig::default()
        };
        for config in [own, MsteamsConfig::default()] {
            for is_workflow in [true, false] {
                let text = body(is_workflow, &config, &testing::hostile()).to_string();
                assert!(text.len() < 28_000, "{}", text.len());
                assert!(!text.contains("[x](") && !text.contains("<script"), "{text}");
            }
        }
    }

    #[test]
    fn a_connector_that_hides_a_failure_in_200_is_understood() {
        let reply = |text: &'static str| Reply {
            status: http::StatusCode::OK,
            headers: HeaderMap::new(),
            body: bytes::Bytes::from_static(text.as_bytes()),
        };
        let throttled = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId x";
        assert_eq!(accepted(reply(throttled)).unwrap_err().class, FailureClass::TryLater);
        let refused = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413";
        assert_eq!(accepted(reply(refused)).unwrap_err().class, FailureClass::Refused);
        assert_eq!(accepted(reply("1")), Ok(()));
    }
}
