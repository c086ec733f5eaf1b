//! Slack: blocks with a text for pop-ups, by an incoming webhook or by a bot that keeps its message
//! up to date.

mod message;

use http::{HeaderMap, HeaderValue, header};
use model::config_error::ConfigError;
use model::notification::{Notification, Reason};
use serde_json::{Value, json};

use super::{SecretUrl, api_url, hide_source};
use crate::config::{Global, SecretSource, SlackConfig};
use crate::failure::{Failure, FailureClass, Receipt};
use crate::http::Client;
use crate::http::access::{sensitive, unprepared};
use crate::http::reply::Reply;
use crate::http::target::Target;
use crate::scrub::Hidden;
use crate::template::{Renderer, Templates};
use message::Message;

const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";
/// Errors of the API that another try may not meet.
const PASSING: [&str; 6] = [
    "ratelimited",
    "rate_limited",
    "service_unavailable",
    "internal_error",
    "fatal_error",
    "request_timeout",
];
/// Errors that say that the message can't be changed any more: a new one is posted.
const GONE: [&str; 5] = [
    "message_not_found",
    "cant_update_message",
    "edit_window_closed",
    "channel_not_found",
    "msg_too_long",
];

/// Posts to a channel.
#[derive(Debug)]
pub(super) struct Slack {
    client: Client,
    way: Way,
    message: Message,
}

#[derive(Debug)]
enum Way {
    Webhook(SecretUrl),
    Bot { token: SecretSource, post: Target, channel: String, updates: bool },
}

impl Slack {
    pub(super) fn new(
        config: &SlackConfig,
        global: &Global,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let http = config.http_config.as_ref().or(global.http_config.as_ref());
        let client = Client::new(http, config.timeout, errors);
        let allow = client.allow_link_local;
        let own_url = (config.api_url.as_ref(), config.api_url_file.as_ref());
        let own_token = (config.app_token.as_ref(), config.app_token_file.as_ref());
        let has_own_url = own_url.0.is_some() || own_url.1.is_some();
        let has_own_token = own_token.0.is_some() || own_token.1.is_some();
        if has_own_url && has_own_token {
            let message = "is given as well as api_url; give a bot's token or a webhook's URL";
            errors.push(ConfigError::new("app_token", message));
        }
        let token = if has_own_url {
            None
        } else {
            let global_token =
                (global.slack_app_token.as_ref(), global.slack_app_token_file.as_ref());
            let (inline, file) = if has_own_token { own_token } else { global_token };
            SecretSource::of("app_token", inline, file, errors)
        };
        let way = if let Some(token) = token {
            let given = config.app_url.as_ref().or(global.slack_app_url.as_ref());
            let post = api_url("app_url", given, POST_MESSAGE, allow, errors);
            let channel = config.channel.clone().unwrap_or_default();
            if channel.is_empty() {
                errors.push(ConfigError::new("channel", "is missing; a bot needs a channel"));
            }
            Way::Bot { token, post, channel, updates: config.update_message.unwrap_or(true) }
        } else {
            let global_url = (global.slack_api_url.as_ref(), global.slack_api_url_file.as_ref());
            Way::Webhook(SecretUrl::new("api_url", own_url, global_url, allow, errors))
        };
        let message = Message::new(config, templates, errors);
        Self { client, way, message }
    }

    pub(super) fn hide(&self, hidden: &mut Hidden) {
        self.client.hide(hidden);
        match &self.way {
            Way::Webhook(url) => url.hide(hidden),
            Way::Bot { token, .. } => hide_source(token, hidden),
        }
    }

    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        thread: Option<&str>,
        renderer: &mut Renderer<'_>,
    ) -> Result<Receipt, Failure> {
        let mut message = self.message.render(notification, renderer);
        match &self.way {
            Way::Webhook(url) => {
                let target = url.target()?;
                if let Some(channel) = &self.message.channel {
                    message["channel"] = channel.as_str().into();
                }
                let reply = self.client.post(&target, json_header(), message.to_string()).await?;
                accepted(reply).map_err(|failure| failure.at(&target))?;
                Ok(Receipt::default())
            }
            Way::Bot { token, post, channel, updates } => {
                let bot =
                    Bot { client: &self.client, token: unprepared(token)?.expose().clone(), post };
                let thread = thread.filter(|_| *updates).and_then(|thread| thread.split_once(':'));
                if let Some((channel, ts)) = thread
                    && bot.update(channel, ts, &message).await?
                {
                    if wakes(notification.reason) {
                        bot.reply(channel, ts, &message["text"]).await?;
                    }
                    let thread = Some(format!("{channel}:{ts}"));
                    return Ok(Receipt { thread, remark: None });
                }
                message["channel"] = channel.as_str().into();
                let answer = bot.call(post, &message).await?;
                let id = answer["channel"].as_str().zip(answer["ts"].as_str());
                let thread = id.map(|(channel, ts)| format!("{channel}:{ts}"));
                Ok(Receipt { thread, remark: None })
            }
        }
    }
}

/// Whether somebody is to notice: a message that is changed notifies nobody, so a reply does.
fn wakes(reason: Reason) -> bool {
    matches!(reason, Reason::NewAlerts | Reason::Repeat | Reason::Escalation)
}

struct Bot<'a> {
    client: &'a Client,
    token: String,
    post: &'a Target,
}

impl Bot<'_> {
    /// Changes a message; false when that is not possible any more.
    async fn update(&self, channel: &str, ts: &str, message: &Value) -> Result<bool, Failure> {
        let path = self.post.path.path().replace("chat.postMessage", "chat.update");
        let Some(target) = self.post.with_path(&path) else { return Ok(false) };
        let mut message = message.clone();
        message["channel"] = channel.into();
        message["ts"] = ts.into();
        match self.call(&target, &message).await {
            Ok(_) => Ok(true),
            Err(failure) if GONE.iter().any(|gone| failure.message.ends_with(gone)) => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    async fn reply(&self, channel: &str, ts: &str, text: &Value) -> Result<(), Failure> {
        let message =
            json!({"channel": channel, "thread_ts": ts, "reply_broadcast": true, "text": text});
        self.call(self.post, &message).await.map(drop)
    }

    async fn call(&self, target: &Target, message: &Value) -> Result<Value, Failure> {
        let mut headers = json_header();
        headers.insert(header::AUTHORIZATION, sensitive(&format!("Bearer {}", self.token))?);
        let reply = self.client.post(target, headers, message.to_string()).await?;
        let answer = accepted(reply).map_err(|failure| failure.at(target))?;
        if answer["ok"] == json!(true) {
            return Ok(answer);
        }
        Err(Failure::new(FailureClass::Garbled, "the answer is not one of Slack's API").at(target))
    }
}

fn json_header() -> HeaderMap {
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_static("application/json; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, value);
    headers
}

/// The answer, if it is JSON; a failure also where it says so with status 200.
fn accepted(reply: Reply) -> Result<Value, Failure> {
    let reply = reply.accepted()?;
    let answer: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    if answer["ok"] != json!(false) {
        return Ok(answer);
    }
    let error = answer["error"].as_str().unwrap_or("unknown error");
    let class =
        if PASSING.contains(&error) { FailureClass::TryLater } else { FailureClass::Refused };
    let retry_after = reply.retry_after(model::clock::Clock::now(&model::clock::SystemClock));
    let message = format!("answered {}", crate::text::one_line(error));
    Err(Failure { class, retry_after, message })
}
