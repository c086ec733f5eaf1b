//! Telegram: messages of a bot to one chat.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use model::config_error::ConfigError;
use model::notification::Notification;
use serde_json::{Value, json};

use super::{api_url, hide_source, required};
use crate::config::{Global, SecretSource, TelegramConfig};
use crate::digest::Digest;
use crate::failure::{Failure, FailureClass, Receipt};
use crate::http::Client;
use crate::http::access::unprepared;
use crate::http::target::Target;
use crate::scrub::Hidden;
use crate::template::{Format, Renderer, Template, Templates};
use crate::text::{fit, html};

const API: &str = "https://api.telegram.org";
/// Longest message, as Telegram counts: in UTF-16. It counts without the tags, so this is less.
const MAX_UNITS: usize = 4_096;
const TITLE_CHARS: usize = 400;
const PART_CHARS: usize = 600;

/// Sends to a chat.
#[derive(Debug)]
pub(super) struct Telegram {
    client: Client,
    api: Target,
    token: SecretSource,
    chat: String,
    topic: Option<i64>,
    message: Option<Template>,
    is_html: bool,
    is_silent: bool,
}

impl Telegram {
    pub(super) fn new(
        config: &TelegramConfig,
        global: &Global,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let http = config.http_config.as_ref().or(global.http_config.as_ref());
        let client = Client::new(http, config.timeout, errors);
        let given = config.api_url.as_ref().or(global.telegram_api_url.as_ref());
        let api = api_url("api_url", given, API, client.allow_link_local, errors);
        let own = (config.bot_token.as_ref(), config.bot_token_file.as_ref());
        let inherited =
            (global.telegram_bot_token.as_ref(), global.telegram_bot_token_file.as_ref());
        let token = required("bot_token", own, inherited, errors);
        let chat = config.chat_id.clone().unwrap_or_default();
        match chat.as_str() {
            "" | "0" => errors.push(ConfigError::new("chat_id", "is missing")),
            chat if chat.starts_with('@') || chat.parse::<i64>().is_ok() => {}
            _ => {
                errors.push(ConfigError::new("chat_id", "must be a number, or @name of a channel"));
            }
        }
        let is_html = match config.parse_mode.as_deref() {
            None | Some("HTML") => true,
            Some("") => false,
            Some(_) => {
                let message = "is not accepted; give HTML, or \"\" for plain text (values cannot be \
                               kept from being taken for Markdown)";
                errors.push(ConfigError::new("parse_mode", message));
                true
            }
        };
        let format = if is_html { Format::Html } else { Format::Plain };
        let source = config.message.as_ref();
        let message = Template::new("message", source, format, templates, errors);
        let (topic, is_silent) = (config.message_thread_id, config.disable_notifications);
        Self { client, api, token, chat, topic, message, is_html, is_silent }
    }

    pub(super) fn hide(&self, hidden: &mut Hidden) {
        self.client.hide(hidden);
        hide_source(&self.token, hidden);
    }

    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        thread: Option<&str>,
        renderer: &mut Renderer<'_>,
    ) -> Result<Receipt, Failure> {
        let token = unprepared(&self.token)?;
        let base = self.api.path.path().trim_end_matches('/');
        let path = format!("{base}/bot{}/sendMessage", token.expose());
        let target = self.api.with_path(&path).ok_or_else(|| {
            Failure::new(
                FailureClass::Unprepared,
                "the bot's token is not one that a URL can carry",
            )
        })?;
        let sent = self.send(&target, thread, self.text(notification, renderer)).await;
        let sent = match (sent, &self.message) {
            // What the template makes is no HTML to Telegram: the plain form is.
            (Err(failure), Some(template))
                if failure.class == FailureClass::Refused
                    && failure.message.contains("parse entities") =>
            {
                renderer.reject(template, "Telegram cannot read what it makes");
                let text = default_text(notification, renderer.problems(), self.is_html);
                self.send(&target, thread, text).await
            }
            (sent, _) => sent,
        };
        let thread = sent.map_err(|failure| failure.at(&self.api))?;
        Ok(Receipt { thread, remark: None })
    }

    /// Sends `text`; gives the message's number, by which the next one refers to the group's first.
    async fn send(
        &self,
        target: &Target,
        thread: Option<&str>,
        text: String,
    ) -> Result<Option<String>, Failure> {
        let mut message = json!({
            "chat_id": self.chat,
            "text": text,
            "disable_notification": self.is_silent,
            "link_preview_options": {"is_disabled": true},
        });
        if self.is_html {
            message["parse_mode"] = "HTML".into();
        }
        if let Some(topic) = self.topic {
            message["message_thread_id"] = topic.into();
        }
        let first = thread.and_then(|thread| thread.parse::<i64>().ok());
        if let Some(first) = first {
            message["reply_parameters"] =
                json!({"message_id": first, "allow_sending_without_reply": true});
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let reply = self.client.post(target, headers, message.to_string()).await?;
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let mut failure = match (reply.status.is_success(), answer["ok"].as_bool()) {
            (true, Some(true)) => {
                let id = first.or(answer["result"]["message_id"].as_i64());
                return Ok(id.map(|id| id.to_string()));
            }
            (true, Some(false)) => Failure::new(FailureClass::Refused, "refused the message"),
            (true, None) => {
                Failure::new(FailureClass::Garbled, "the answer is not one of Telegram's API")
            }
            (false, _) => reply.failure(),
        };
        if let Some(seconds) = answer["parameters"]["retry_after"].as_u64() {
            failure.retry_after = Some(Duration::from_secs(seconds.min(86_400)));
        }
        Err(failure)
    }

    fn text(&self, notification: &Notification, renderer: &mut Renderer<'_>) -> String {
        if let (Some(text), Some(template)) =
            (renderer.render(self.message.as_ref()), &self.message)
        {
            let text = text.trim();
            match text.encode_utf16().count() {
                0 => renderer.reject(template, "makes an empty message"),
                1..=MAX_UNITS => return text.to_owned(),
                // Cut in the middle, its tags would not be closed.
                _ => renderer.reject(template, "makes a message of more than 4,096 characters"),
            }
        }
        default_text(notification, renderer.problems(), self.is_html)
    }
}

fn default_text(notification: &Notification, problems: Option<String>, is_html: bool) -> String {
    let digest = Digest::of(notification);
    let escape = if is_html { html } else { str::to_owned };
    let strong = |text: &str| if is_html { format!("<b>{text}</b>") } else { text.to_owned() };
    let part = |text: &str| fit(text, PART_CHARS, escape);
    let title = format!("{} {}", digest.tone.emoji(), fit(&digest.title(), TITLE_CHARS, escape));
    let mut text = strong(&title);
    let mut blocks = vec![part(&digest.facts_line())];
    blocks.extend(digest.note.as_deref().map(part));
    blocks.extend(digest.description.as_deref().map(part));
    for (name, block) in [("Evidence", &digest.evidence), ("What to do", &digest.next_steps)] {
        blocks.extend(block.as_deref().map(|block| format!("{}: {}", strong(name), part(block))));
    }
    let links: Vec<String> = digest
        .links
        .iter()
        .map(|link| {
            if is_html {
                format!("<a href=\"{}\">{}</a>", html(&link.url), link.label)
            } else {
                format!("{}: {}", link.label, link.url)
            }
        })
        .collect();
    let ending: Vec<String> = problems
        .map(|problems| part(&problems))
        .into_iter()
        .chain((!links.is_empty()).then(|| links.join(if is_html { " · " } else { "\n" })))
        .collect();
    let ending: String = ending.iter().flat_map(|block| ["\n\n", block]).collect();
    if let Some(heading) = digest.others_heading() {
        let mut list = strong(&heading);
        for other in digest.others.iter().take(5) {
            let line = fit(&format!("{}, {}", other.text, other.when), 160, escape);
            let _ = write!(list, "\n{} {line}", other.tone.emoji());
        }
        let more = digest.unlisted + digest.others.len().saturating_sub(5);
        if more > 0 {
            let _ = write!(list, "\n… and {more} more");
        }
        blocks.push(list);
    }
    // Whole blocks only: a tag that is cut makes Telegram refuse the message.
    let units = |text: &str| text.encode_utf16().count();
    for block in blocks.iter().filter(|block| !block.is_empty()) {
        if units(&text) + units(block) + units(&ending) + 2 <= MAX_UNITS {
            text.push_str("\n\n");
            text.push_str(block);
        }
    }
    if units(&text) + units(&ending) <= MAX_UNITS {
        text.push_str(&ending);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_message_says_what_is_wrong_first() {
        insta::assert_snapshot!("telegram_firing", default_text(&testing::firing(), None, true));
        insta::assert_snapshot!(
            "telegram_resolved",
            default_text(&testing::resolved(), None, true)
        );
        insta::assert_snapshot!("telegram_plain", default_text(&testing::firing(), None, false));
    }

    #[test]
    fn hostile_labels_make_no_tags_and_stay_within_the_limit() {
        let text = default_text(&testing::hostile(), Some("x".repeat(5_000)), true);
        assert!(text.encode_utf16().count() <= MAX_UNITS);
        let tags = ["<b>", "</b>", "<a href=\"https://monitor.example", "</a>"];
        let rest = tags.iter().fold(text, |text, tag| text.replace(tag, ""));
        assert!(!rest.contains('<'), "{rest}");
    }
}
