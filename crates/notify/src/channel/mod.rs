//! Channels: one integration of one receiver, whatever its kind.

mod alertmanager;
mod console;
mod email;
mod pagerduty;
mod slack;
mod teams;
mod telegram;
mod webhook;

use std::fmt;
use std::path::PathBuf;

use model::config_error::ConfigError;
use model::notification::{Notification, Reason};
use model::secret::Secret;

use crate::config::{Global, Receiver, SecretSource};
use crate::failure::{Failure, Receipt};
use crate::http::access::unprepared;
use crate::http::target::Target;
use crate::scrub::{Hidden, Scrubber};
use crate::template::{Renderer, Templates};
use crate::text::clip;

/// Longest message of a failure, and longest remark.
const MESSAGE_CHARS: usize = 500;

/// Kinds of integration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Console,
    Webhook,
    Email,
    Slack,
    Pagerduty,
    Msteams,
    Msteamsv2,
    Telegram,
    Alertmanager,
}

impl Kind {
    /// Every one.
    pub const ALL: [Self; 9] = [
        Self::Console,
        Self::Webhook,
        Self::Email,
        Self::Slack,
        Self::Pagerduty,
        Self::Msteams,
        Self::Msteamsv2,
        Self::Telegram,
        Self::Alertmanager,
    ];

    /// The name in metrics, in the history and before `_configs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
            Self::Msteams => "msteams",
            Self::Msteamsv2 => "msteamsv2",
            Self::Telegram => "telegram",
            Self::Alertmanager => "alertmanager",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One integration of one receiver.
#[derive(Debug)]
pub struct Channel {
    name: String,
    kind: Kind,
    sends_resolved: bool,
    integration: Integration,
    templates: Templates,
}

#[derive(Debug)]
enum Integration {
    Console(console::Console),
    Webhook(webhook::Webhook),
    Email(Box<email::Email>),
    Slack(Box<slack::Slack>),
    Pagerduty(Box<pagerduty::Pagerduty>),
    Teams(teams::Teams),
    Telegram(telegram::Telegram),
    Alertmanager(alertmanager::Alertmanager),
}

impl Channel {
    /// The channels of `receiver` in the order of its integrations; or every mistake, with paths from
    /// the receiver's root, such as `slack_configs[0].api_url`.
    pub fn all(
        receiver: &Receiver,
        global: &Global,
        templates: &Templates,
    ) -> Result<Vec<Self>, Vec<ConfigError>> {
        let mut all = Builder { templates, channels: Vec::new(), errors: Vec::new() };
        all.add(Kind::Console, &receiver.console_configs, |config, errors| {
            let console = console::Console::new(config, templates, errors);
            (config.send_resolved.unwrap_or(true), Integration::Console(console))
        });
        all.add(Kind::Webhook, &receiver.webhook_configs, |config, errors| {
            let webhook = webhook::Webhook::new(config, global, templates, errors);
            (config.send_resolved.unwrap_or(true), Integration::Webhook(webhook))
        });
        all.add(Kind::Email, &receiver.email_configs, |config, errors| {
            let email = email::Email::new(config, global, templates, errors);
            (config.send_resolved.unwrap_or(false), Integration::Email(Box::new(email)))
        });
        all.add(Kind::Slack, &receiver.slack_configs, |config, errors| {
            let slack = slack::Slack::new(config, global, templates, errors);
            (config.send_resolved.unwrap_or(false), Integration::Slack(Box::new(slack)))
        });
        all.add(Kind::Pagerduty, &receiver.pagerduty_configs, |config, errors| {
            let pagerduty = pagerduty::Pagerduty::new(config, global, templates, errors);
            (config.send_resolved.unwrap_or(true), Integration::Pagerduty(Box::new(pagerduty)))
        });
        for (kind, configs) in [
            (Kind::Msteams, &receiver.msteams_configs),
            (Kind::Msteamsv2, &receiver.msteamsv2_configs),
        ] {
            all.add(kind, configs, |config, errors| {
                let is_workflow = kind == Kind::Msteamsv2;
                let teams = teams::Teams::new(config, is_workflow, global, templates, errors);
                (config.send_resolved.unwrap_or(true), Integration::Teams(teams))
            });
        }
        all.add(Kind::Telegram, &receiver.telegram_configs, |config, errors| {
            let telegram = telegram::Telegram::new(config, global, templates, errors);
            (config.send_resolved.unwrap_or(true), Integration::Telegram(telegram))
        });
        all.add(Kind::Alertmanager, &receiver.alertmanager_configs, |config, errors| {
            let alertmanager = alertmanager::Alertmanager::new(config, global, errors);
            (config.send_resolved.unwrap_or(true), Integration::Alertmanager(alertmanager))
        });
        if all.errors.is_empty() { Ok(all.channels) } else { Err(all.errors) }
    }

    /// `slack[0]`: unique within its receiver.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What kind of integration it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is to be told when alerts are over.
    pub fn sends_resolved(&self) -> bool {
        self.sends_resolved
    }

    /// Tries once to deliver. `thread` is what the last [`Receipt`] of the same group gave.
    pub async fn deliver(
        &self,
        notification: &Notification,
        thread: Option<&str>,
    ) -> Result<Receipt, Failure> {
        // A group that comes back is told anew: a change far up in a channel would be seen by nobody.
        let is_new = matches!(notification.reason, Reason::FirstNotification | Reason::Test);
        let thread = thread.filter(|_| !is_new);
        let scrubber = self.scrubber();
        let mut renderer = Renderer::new(&self.templates, notification);
        let result = match &self.integration {
            Integration::Console(console) => console.deliver(notification, &mut renderer).await,
            Integration::Webhook(webhook) => webhook.deliver(notification, &mut renderer).await,
            Integration::Email(email) => email.deliver(notification, &mut renderer).await,
            Integration::Slack(slack) => slack.deliver(notification, thread, &mut renderer).await,
            Integration::Pagerduty(pagerduty) => {
                pagerduty.deliver(notification, &mut renderer).await
            }
            Integration::Teams(teams) => teams.deliver(notification, &mut renderer).await,
            Integration::Telegram(telegram) => {
                telegram.deliver(notification, thread, &mut renderer).await
            }
            Integration::Alertmanager(alertmanager) => alertmanager.deliver(notification).await,
        };
        let clean = |text: String| clip(&scrubber.clean(text), MESSAGE_CHARS).into_owned();
        match result {
            Ok(receipt) => {
                let remarks: Vec<_> =
                    receipt.remark.into_iter().chain(renderer.problems()).collect();
                let remark = (!remarks.is_empty()).then(|| clean(remarks.join("; ")));
                Ok(Receipt { thread: receipt.thread, remark })
            }
            Err(failure) => Err(Failure { message: clean(failure.message), ..failure }),
        }
    }

    fn scrubber(&self) -> Scrubber {
        let mut hidden = Hidden::default();
        match &self.integration {
            Integration::Console(_) => {}
            Integration::Webhook(webhook) => webhook.hide(&mut hidden),
            Integration::Email(email) => email.hide(&mut hidden),
            Integration::Slack(slack) => slack.hide(&mut hidden),
            Integration::Pagerduty(pagerduty) => pagerduty.hide(&mut hidden),
            Integration::Teams(teams) => teams.hide(&mut hidden),
            Integration::Telegram(telegram) => telegram.hide(&mut hidden),
            Integration::Alertmanager(alertmanager) => alertmanager.hide(&mut hidden),
        }
        hidden.scrubber()
    }
}

struct Builder<'a> {
    templates: &'a Templates,
    channels: Vec<Channel>,
    errors: Vec<ConfigError>,
}

impl Builder<'_> {
    fn add<C>(
        &mut self,
        kind: Kind,
        configs: &[C],
        make: impl Fn(&C, &mut Vec<ConfigError>) -> (bool, Integration),
    ) {
        for (index, config) in configs.iter().enumerate() {
            let mut wrong = Vec::new();
            let (sends_resolved, integration) = make(config, &mut wrong);
            let path = format!("{kind}_configs[{index}]");
            self.errors.extend(wrong.into_iter().map(|error| error.within(&path)));
            let templates = self.templates.clone();
            let name = format!("{kind}[{index}]");
            self.channels.push(Channel { name, kind, sends_resolved, integration, templates });
        }
    }
}

/// A URL that is a secret, inline or in a file.
#[derive(Debug)]
struct SecretUrl {
    source: Option<SecretSource>,
    allow_link_local: bool,
}

impl SecretUrl {
    /// The twins `key` and `key_file`, or else what `inherited` has; a mistake when there is nothing
    /// or it is no usable URL.
    fn new(
        key: &str,
        own: (Option<&Secret<String>>, Option<&PathBuf>),
        inherited: (Option<&Secret<String>>, Option<&PathBuf>),
        allow_link_local: bool,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let count = errors.len();
        let mut source = SecretSource::of(key, own.0, own.1, errors);
        if source.is_none() && errors.len() == count {
            source = SecretSource::of(key, inherited.0, inherited.1, errors);
        }
        if errors.len() == count {
            match &source {
                None => errors.push(ConfigError::new(key, "is missing")),
                Some(source) => {
                    let text = source.read();
                    let parsed =
                        text.and_then(|text| Target::parse(text.expose(), allow_link_local));
                    errors.extend(parsed.err().map(|message| ConfigError::new(key, message)));
                }
            }
        }
        Self { source, allow_link_local }
    }

    fn target(&self) -> Result<Target, Failure> {
        let refused = |message: String| {
            Failure::new(crate::FailureClass::Unprepared, format!("the configured URL {message}"))
        };
        let source = self.source.as_ref().ok_or_else(|| refused("is missing".to_owned()))?;
        Target::parse(unprepared(source)?.expose(), self.allow_link_local).map_err(refused)
    }

    fn hide(&self, hidden: &mut Hidden) {
        let Ok(target) = self.target() else { return };
        hidden.add_path(target.path.as_str());
        if let Some(userinfo) = &target.userinfo {
            hidden.add(userinfo);
            hidden.add(userinfo.split_once(':').map_or("", |(_, password)| password));
        }
    }
}

/// A secret that a channel can't do without; none is a mistake, told once.
fn required(
    key: &str,
    own: (Option<&Secret<String>>, Option<&PathBuf>),
    inherited: (Option<&Secret<String>>, Option<&PathBuf>),
    errors: &mut Vec<ConfigError>,
) -> SecretSource {
    let count = errors.len();
    let found = SecretSource::of(key, own.0, own.1, errors);
    let found = found.or_else(|| {
        if errors.len() > count {
            None
        } else {
            SecretSource::of(key, inherited.0, inherited.1, errors)
        }
    });
    if found.is_none() && errors.len() == count {
        errors.push(ConfigError::new(key, "is missing"));
    }
    found.unwrap_or_else(|| SecretSource::Inline(Secret::new(String::new())))
}

fn hide_source(source: &SecretSource, hidden: &mut Hidden) {
    if let Ok(secret) = source.read() {
        hidden.add(secret.expose());
    }
}

/// A URL that is no secret, such as an API's; `default` unless it is given.
fn api_url(
    key: &str,
    given: Option<&String>,
    default: &'static str,
    allow_link_local: bool,
    errors: &mut Vec<ConfigError>,
) -> Target {
    let url = given.map_or(default, String::as_str);
    Target::parse(url, allow_link_local).unwrap_or_else(|message| {
        errors.push(ConfigError::new(key, message));
        Target::parse(default, true).expect("invariant: our own URLs are URLs")
    })
}
