//! The looks of a Slack message: blocks, within the limits of Slack.

use std::fmt::Write as _;

use model::config_error::ConfigError;
use model::notification::Notification;
use serde_json::{Value, json};

use crate::config::SlackConfig;
use crate::digest::Digest;
use crate::template::{Format, Renderer, Template, Templates};
use crate::text::{clip, fit, link, one_line, slack};

/// Slack takes 3,000; a message of more than 13,000 in all is refused as `msg_blocks_too_long`.
const SECTION_CHARS: usize = 2_900;
/// A quarter of the whole for each of description, evidence, advice and the list.
const PART_CHARS: usize = 2_200;
const TITLE_CHARS: usize = 300;
const FIELD_CHARS: usize = 400;
const BUTTON_CHARS: usize = 75;
const MAX_FIELDS: usize = 10;
const MAX_BUTTONS: usize = 5;

/// What a message is made of.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) channel: Option<String>,
    username: Option<Template>,
    icon_emoji: Option<String>,
    icon_url: Option<String>,
    color: Option<Template>,
    title: Option<Template>,
    title_link: Option<Template>,
    pretext: Option<Template>,
    text: Option<Template>,
    fallback: Option<Template>,
    footer: Option<Template>,
    fields: Vec<(Option<Template>, Option<Template>)>,
    actions: Vec<(Option<Template>, Option<Template>)>,
}

impl Message {
    pub(super) fn new(
        config: &SlackConfig,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let mut make = |key: &str, source: Option<&String>, format| {
            Template::new(key, source, format, templates, errors)
        };
        let (plain, marked) = (Format::Plain, Format::Slack);
        let fields = config.fields.iter().enumerate().map(|(index, field)| {
            let title = make(&format!("fields[{index}].title"), Some(&field.title), marked);
            (title, make(&format!("fields[{index}].value"), Some(&field.value), marked))
        });
        let fields = fields.collect();
        let actions = config.actions.iter().enumerate().map(|(index, action)| {
            let text = make(&format!("actions[{index}].text"), Some(&action.text), plain);
            (text, make(&format!("actions[{index}].url"), Some(&action.url), plain))
        });
        let actions = actions.collect();
        Self {
            channel: config.channel.clone().filter(|channel| !channel.is_empty()),
            username: make("username", config.username.as_ref(), plain),
            icon_emoji: config.icon_emoji.clone(),
            icon_url: config.icon_url.clone(),
            color: make("color", config.color.as_ref(), plain),
            title: make("title", config.title.as_ref(), marked),
            title_link: make("title_link", config.title_link.as_ref(), plain),
            pretext: make("pretext", config.pretext.as_ref(), marked),
            text: make("text", config.text.as_ref(), marked),
            fallback: make("fallback", config.fallback.as_ref(), marked),
            footer: make("footer", config.footer.as_ref(), marked),
            fields,
            actions,
        }
    }

    /// The message without its channel.
    pub(super) fn render(&self, notification: &Notification, renderer: &mut Renderer<'_>) -> Value {
        let digest = Digest::of(notification);
        let title = format!("{} {}", digest.tone.emoji(), fit(&digest.title(), TITLE_CHARS, slack));
        let own_title =
            renderer.render(self.title.as_ref()).filter(|title| !title.trim().is_empty());
        let shown = own_title
            .map_or_else(|| title.clone(), |own| clip(&one_line(&own), TITLE_CHARS).into_owned());
        let bold = shown.replace('*', "∗");
        let url = renderer.render(self.title_link.as_ref());
        let heading = match url.as_deref().and_then(link) {
            Some(url) => format!("*<{url}|{}>*", bold.replace('|', "¦")),
            None => format!("*{bold}*"),
        };
        let mut blocks = Vec::new();
        if let Some(pretext) = renderer.render(self.pretext.as_ref()) {
            blocks.extend(section(&pretext));
        }
        blocks.extend(section(&heading));
        match renderer.render(self.text.as_ref()) {
            Some(text) => blocks.extend(section(&text)),
            None => default_blocks(&digest, &mut blocks),
        }
        blocks.extend(self.fields_block(renderer));
        blocks.extend(self.buttons(&digest, renderer));
        let footer = renderer.render(self.footer.as_ref());
        let problems = renderer.problems().map(|text| fit(&text, SECTION_CHARS, slack));
        let small: Vec<Value> = footer
            .into_iter()
            .chain(problems)
            .filter(|text| !text.trim().is_empty())
            .map(|text| mrkdwn(&clip(&text, SECTION_CHARS)))
            .collect();
        if !small.is_empty() {
            blocks.push(json!({"type": "context", "elements": small}));
        }
        let fallback = renderer.render(self.fallback.as_ref()).unwrap_or(shown);
        let mut message = json!({
            "text": clip(&fallback, SECTION_CHARS),
            "unfurl_links": false,
            "unfurl_media": false,
        });
        match renderer.render(self.color.as_ref()) {
            Some(color) => {
                message["attachments"] = json!([{"color": color.trim(), "blocks": blocks}]);
            }
            None => message["blocks"] = blocks.into(),
        }
        let username = renderer.render(self.username.as_ref());
        for (key, value) in [
            ("username", username.as_ref()),
            ("icon_emoji", self.icon_emoji.as_ref()),
            ("icon_url", self.icon_url.as_ref()),
        ] {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                message[key] = value.as_str().into();
            }
        }
        message
    }

    fn fields_block(&self, renderer: &mut Renderer<'_>) -> Option<Value> {
        let mut fields = Vec::new();
        for (title, value) in self.fields.iter().take(MAX_FIELDS) {
            let title = renderer.render(title.as_ref()).unwrap_or_default();
            let value = renderer.render(value.as_ref()).unwrap_or_default();
            let text = format!("*{}*\n{}", clip(&title, FIELD_CHARS), clip(&value, FIELD_CHARS));
            fields.push(mrkdwn(&text));
        }
        (!fields.is_empty()).then(|| json!({"type": "section", "fields": fields}))
    }

    fn buttons(&self, digest: &Digest, renderer: &mut Renderer<'_>) -> Option<Value> {
        let mut buttons: Vec<Value> = Vec::new();
        for (text, url) in &self.actions {
            let text = renderer.render(text.as_ref()).unwrap_or_default();
            let url = renderer.render(url.as_ref()).unwrap_or_default();
            buttons.extend(link(&url).map(|url| button(&text, url)));
        }
        if self.actions.is_empty() {
            buttons.extend(digest.links.iter().map(|link| button(link.label, &link.url)));
        }
        buttons.truncate(MAX_BUTTONS);
        (!buttons.is_empty()).then(|| json!({"type": "actions", "elements": buttons}))
    }
}

fn default_blocks(digest: &Digest, blocks: &mut Vec<Value>) {
    let fields: Vec<Value> = digest
        .facts
        .iter()
        .map(|(name, value)| mrkdwn(&format!("*{name}*\n{}", fit(value, FIELD_CHARS, slack))))
        .collect();
    if !fields.is_empty() {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    let part = |text: &str| fit(text, PART_CHARS, slack);
    blocks.extend(digest.note.as_deref().and_then(|note| section(&part(note))));
    blocks.extend(digest.description.as_deref().and_then(|text| section(&part(text))));
    for (name, text) in [("Evidence", &digest.evidence), ("What to do", &digest.next_steps)] {
        let text = text.as_deref().map(|text| format!("*{name}*\n{}", part(text)));
        blocks.extend(text.as_deref().and_then(section));
    }
    if let Some(heading) = digest.others_heading() {
        let mut lines = format!("*{heading}*");
        let room = PART_CHARS / digest.others.len().max(1);
        for other in &digest.others {
            let text = fit(&format!("{}, {}", other.text, other.when), room, slack);
            let _ = write!(lines, "\n{} {text}", other.tone.emoji());
        }
        if digest.unlisted > 0 {
            let _ = write!(lines, "\n… and {} more", digest.unlisted);
        }
        blocks.extend(section(&lines));
    }
}

fn section(text: &str) -> Option<Value> {
    let text = text.trim();
    (!text.is_empty())
        .then(|| json!({"type": "section", "text": mrkdwn(&clip(text, SECTION_CHARS))}))
}

/// `verbatim`: otherwise Slack itself makes links and mentions of what looks like one.
fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

fn button(text: &str, url: &str) -> Value {
    let text = match one_line(text) {
        text if text.is_empty() => "Open".to_owned(),
        text => clip(&text, BUTTON_CHARS).into_owned(),
    };
    json!({"type": "button", "text": {"type": "plain_text", "text": text}, "url": url})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn render(config: &SlackConfig, notification: &Notification) -> (Value, Option<String>) {
        let templates = Templates::default();
        let mut errors = Vec::new();
        let message = Message::new(config, &templates, &mut errors);
        assert_eq!(errors, []);
        let mut renderer = Renderer::new(&templates, notification);
        let message = message.render(notification, &mut renderer);
        (message, renderer.problems())
    }

    #[test]
    fn a_message_says_what_is_wrong_first() {
        for (name, notification) in
            [("slack_firing", testing::firing()), ("slack_resolved", testing::resolved())]
        {
            insta::assert_json_snapshot!(name, render(&SlackConfig::default(), &notification).0);
        }
    }

    fn texts<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
        match value {
            Value::String(text) => all.push(text),
            Value::Array(list) => list.iter().for_each(|value| texts(value, all)),
            Value::Object(map) => map.values().for_each(|value| texts(value, all)),
            _ => {}
        }
    }

    #[test]
    fn hostile_labels_mention_nobody_link_nowhere_and_stay_within_the_limits() {
        let own = SlackConfig {
            text: Some("{{ alerts[0].labels.evil }}{{ alerts[0].labels.large }}".to_owned()),
            title: Some("{{ alerts[0].labels.evil }}".to_owned()),
            ..SlackConfig::default()
        };
        for config in [SlackConfig::default(), own] {
            let (message, problems) = render(&config, &testing::hostile());
            assert_eq!(problems, None);
            let mut all = Vec::new();
            texts(&message, &mut all);
            for text in &all {
                assert!(!text.contains("<!") && !text.contains("<script"), "{text}");
                assert!(!text.contains("@channel") && !text.contains("<https://evil"), "{text}");
                assert!(text.chars().count() <= 3_000);
            }
            let total: usize = all.iter().map(|text| text.chars().count()).sum();
            assert!(total < 13_000, "{total}");
            assert!(message["blocks"].as_array().unwrap().len() <= 50);
        }
    }

    #[test]
    fn own_texts_take_the_place_of_ours_and_a_failing_one_is_told_in_the_message() {
        let config = SlackConfig {
            title: Some("{{ .CommonLabels.cluster | toUpper }}".to_owned()),
            text: Some("{{ 1 / 0 }}".to_owned()),
            color: Some("#ff0000".to_owned()),
            ..SlackConfig::default()
        };
        let (message, problems) = render(&config, &testing::firing());
        assert_eq!(message["text"], "PROD");
        let text = message["attachments"][0].to_string();
        assert!(text.contains("Writes fail") && text.contains("template text failed"), "{text}");
        assert!(problems.unwrap().contains("template text failed"));
    }
}
