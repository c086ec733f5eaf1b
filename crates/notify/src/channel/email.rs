//! E-mail: one message to several recipients, in text and HTML, the mails of a group in one thread.

mod html;
mod smtp;

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};
use model::config_error::ConfigError;
use model::notification::Notification;
use model::secret::Secret;

use crate::config::{EmailConfig, Global, SecretSource, split_host_port};
use crate::digest::{Digest, Tone};
use crate::failure::{Failure, FailureClass, Receipt};
use crate::http::access::unprepared;
use crate::http::address::is_forbidden_host;
use crate::http::tls::Tls;
use crate::payload;
use crate::scrub::Hidden;
use crate::template::{Format, Renderer, Template, Templates};
use crate::text::{clip, one_line, several_lines};
use smtp::{Credentials, Server};

/// How long a mail may take; servers that check what they get answer late.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A subject of more is cut by most programs.
const SUBJECT_CHARS: usize = 180;
/// Longest part that a template may make.
const PART_BYTES: usize = 512 << 10;
const DEFAULT_PORT_IMPLICIT_TLS: u16 = 465;

/// Sends mail by one server.
#[derive(Debug)]
pub(super) struct Email {
    server: Server,
    auth: Option<(String, String, SecretSource)>,
    from: Option<Mailbox>,
    to: Vec<Mailbox>,
    headers: Vec<(HeaderName, Template)>,
    subject: Option<Template>,
    html: Option<Template>,
    text: Option<Template>,
    threads: bool,
    daily: bool,
}

impl Email {
    pub(super) fn new(
        config: &EmailConfig,
        global: &Global,
        templates: &Templates,
        errors: &mut Vec<ConfigError>,
    ) -> Self {
        let server = server(config, global, errors);
        let auth = auth(config, global, errors);
        let from = config.from.as_ref().or(global.smtp_from.as_ref());
        let from = match from {
            None => {
                errors.push(ConfigError::new(
                    "from",
                    "is missing; give it here or as global.smtp_from",
                ));
                None
            }
            Some(text) => mailboxes("from", text, errors).into_iter().next(),
        };
        let to = mailboxes("to", &config.to, errors);
        let mut subject = None;
        let mut headers = Vec::new();
        for (name, source) in &config.headers {
            let key = format!("headers.{name}");
            let template = Template::new(&key, Some(source), Format::Plain, templates, errors);
            let parsed = HeaderName::new_from_ascii(name.clone());
            match (name.to_ascii_lowercase().as_str(), parsed) {
                ("subject", _) => subject = template,
                // These say what a mail is and whom it goes to; another To would lie.
                (
                    "from"
                    | "to"
                    | "cc"
                    | "bcc"
                    | "date"
                    | "message-id"
                    | "references"
                    | "in-reply-to"
                    | "mime-version"
                    | "content-type"
                    | "content-transfer-encoding",
                    _,
                ) => {
                    errors.push(ConfigError::new(key, "is set by etcd-monitor itself"));
                }
                (_, Ok(parsed)) => headers.extend(template.map(|template| (parsed, template))),
                (_, Err(_)) => errors.push(ConfigError::new(key, "is no name of a header")),
            }
        }
        let html = Template::new("html", config.html.as_ref(), Format::Html, templates, errors);
        let text = Template::new("text", config.text.as_ref(), Format::Plain, templates, errors);
        let daily = match config.threading.thread_by_date.as_str() {
            "none" | "" => false,
            "daily" => true,
            _ => {
                let message = "is not accepted; give none or daily";
                errors.push(ConfigError::new("threading.thread_by_date", message));
                false
            }
        };
        let threads = config.threading.enabled;
        Self { server, auth, from, to, headers, subject, html, text, threads, daily }
    }

    pub(super) fn hide(&self, hidden: &mut Hidden) {
        if let Some((identity, user, source)) = &self.auth
            && let Ok(password) = source.read()
        {
            hidden.add(password.expose());
            for text in smtp::encoded(identity, user, password.expose()) {
                hidden.add(&text);
            }
        }
    }

    pub(super) async fn deliver(
        &self,
        notification: &Notification,
        renderer: &mut Renderer<'_>,
    ) -> Result<Receipt, Failure> {
        let credentials = match &self.auth {
            None => None,
            Some((identity, user, source)) => Some(Credentials {
                identity: identity.clone(),
                user: user.clone(),
                password: unprepared(source)?,
            }),
        };
        let failed = |text: String| Failure::new(FailureClass::Refused, text);
        let from = self.from.as_ref().ok_or_else(|| failed("there is no sender".to_owned()))?;
        let message = self.message(from, notification, renderer);
        let message =
            message.map_err(|error| failed(format!("the mail cannot be made: {error}")))?;
        let from = from.email.to_string();
        let to: Vec<String> = self.to.iter().map(|mailbox| mailbox.email.to_string()).collect();
        let message = message.formatted();
        let sent = self.server.send(credentials.as_ref(), &from, &to, &message);
        let name = format!("{}:{}", self.server.host, self.server.port);
        let refused = if let Ok(sent) = tokio::time::timeout(TIMEOUT, sent).await {
            sent.map_err(|failure| failure.at(&name))?
        } else {
            let text = format!("no answer within {TIMEOUT:?}");
            return Err(Failure::new(FailureClass::TimedOut, text).at(&name));
        };
        let remark = (!refused.is_empty())
            .then(|| format!("{name} refused some recipients: {}", refused.join("; ")));
        Ok(Receipt { thread: None, remark })
    }

    fn message(
        &self,
        from: &Mailbox,
        notification: &Notification,
        renderer: &mut Renderer<'_>,
    ) -> Result<Message, lettre::error::Error> {
        let digest = Digest::of(notification);
        let domain = from.email.domain();
        let id = |seed: &str| format!("<{}@{domain}>", &payload::hash(seed)[..32]);
        let subject = renderer.render(self.subject.as_ref()).map(|subject| one_line(&subject));
        let subject = subject.filter(|subject| !subject.is_empty());
        let subject = subject.unwrap_or_else(|| digest.title());
        let own_text = renderer.render(self.text.as_ref());
        let own_html = renderer.render(self.html.as_ref());
        let own_headers: Vec<_> = self
            .headers
            .iter()
            .filter_map(|(name, template)| {
                Some((name, one_line(&renderer.render(Some(template))?)))
            })
            .collect();
        let problems = renderer.problems();
        let text = own_text.unwrap_or_else(|| format!("{}\n\n{}", digest.title(), digest.body()));
        let footer = footer(notification, problems.as_deref());
        let text = format!("{}\n\n-- \n{footer}\n", several_lines(&clip_bytes(text)));
        let page = own_html
            .map_or_else(|| html::page(&digest, notification, problems.as_deref()), clip_bytes);

        let mut builder = Message::builder()
            .from(from.clone())
            .mailbox(lettre::message::header::To::from(
                self.to.iter().cloned().collect::<Mailboxes>(),
            ))
            .subject(clip(&subject, SUBJECT_CHARS))
            .date(SystemTime::try_from(notification.at).unwrap_or(SystemTime::UNIX_EPOCH))
            // The same for each attempt, so that a mailbox that got it twice shows it once.
            .message_id(Some(id(&format!("{}\n{}", notification.id, notification.receiver))));
        if self.threads {
            let day =
                if self.daily { notification.at.strftime("%F").to_string() } else { String::new() };
            let root = id(&format!("{}\n{}\n{day}", notification.group_key, notification.receiver));
            builder = builder.in_reply_to(root.clone()).references(root);
        }
        let mut fixed = vec![("Auto-Submitted", "auto-generated")];
        if digest.tone == Tone::Critical {
            fixed.push(("Importance", "high"));
        }
        for (name, value) in fixed {
            builder = builder.raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str(name),
                value.to_owned(),
            ));
        }
        for (name, value) in own_headers {
            builder =
                builder.raw_header(HeaderValue::new(name.clone(), clip(&value, 900).into_owned()));
        }
        let boundary = &payload::hash(&format!("{}\nboundary", notification.id))[..32];
        builder.multipart(
            MultiPart::alternative_boundary(boundary)
                .singlepart(part(ContentType::TEXT_PLAIN, text))
                .singlepart(part(ContentType::TEXT_HTML, page)),
        )
    }
}

/// A multipart of a known boundary: chosen by chance, it would make each attempt another mail.
trait WithBoundary {
    fn alternative_boundary(boundary: &str) -> MultiPart;
}

impl WithBoundary for MultiPart {
    fn alternative_boundary(boundary: &str) -> MultiPart {
        let kind = lettre::message::MultiPartKind::Alternative;
        MultiPart::builder().kind(kind).boundary(boundary).build()
    }
}

fn part(kind: ContentType, body: String) -> SinglePart {
    SinglePart::builder().header(kind).body(body)
}

fn clip_bytes(mut text: String) -> String {
    if text.len() > PART_BYTES {
        let mut end = PART_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

fn footer(notification: &Notification, problems: Option<&str>) -> String {
    let mut footer = format!("etcd-monitor, receiver {}", one_line(&notification.receiver));
    if let Some(url) = crate::text::link(&notification.external_url) {
        let _ = write!(footer, ", {url}");
    }
    if let Some(problems) = problems {
        let _ = write!(footer, "\n{problems}");
    }
    footer
}

fn server(config: &EmailConfig, global: &Global, errors: &mut Vec<ConfigError>) -> Server {
    let smarthost = config.smarthost.as_ref().or(global.smtp_smarthost.as_ref());
    let parsed = smarthost.and_then(|smarthost| split_host_port(smarthost));
    let (host, port) = match (smarthost, parsed) {
        (Some(_), Some(parsed)) => parsed,
        (Some(_), None) => {
            errors
                .push(ConfigError::new("smarthost", "must be host:port, such as mail.example:587"));
            (String::new(), 0)
        }
        (None, _) => {
            let message = "is missing; give it here or as global.smtp_smarthost";
            errors.push(ConfigError::new("smarthost", message));
            (String::new(), 0)
        }
    };
    if !config.allow_link_local && is_forbidden_host(&host) {
        let message = format!(
            "leads to {host}, a link-local or cloud metadata address; set allow_link_local: true if \
             that is meant"
        );
        errors.push(ConfigError::new("smarthost", message));
    }
    let hello = config.hello.as_ref().or(global.smtp_hello.as_ref());
    let hello = hello.map_or("localhost", String::as_str).to_owned();
    if hello.is_empty() || !hello.chars().all(|c| c.is_ascii_graphic()) {
        errors.push(ConfigError::new("hello", "must be a host name"));
    }
    let tls = config.tls_config.as_ref().or(global.smtp_tls_config.as_ref());
    let tls = tls.map_or_else(|| Ok(Tls::default()), Tls::new).unwrap_or_else(|found| {
        errors.extend(found.into_iter().map(|error| error.within("tls_config")));
        Tls::default()
    });
    let implicit = config.force_implicit_tls.or(global.smtp_force_implicit_tls);
    Server {
        host,
        port,
        hello,
        is_implicit_tls: implicit.unwrap_or(port == DEFAULT_PORT_IMPLICIT_TLS),
        requires_tls: config.require_tls.or(global.smtp_require_tls).unwrap_or(true),
        tls,
        allow_link_local: config.allow_link_local,
    }
}

/// Identity, user and password, when a user is configured.
fn auth(
    config: &EmailConfig,
    global: &Global,
    errors: &mut Vec<ConfigError>,
) -> Option<(String, String, SecretSource)> {
    let is_cram = config.auth_secret.is_some()
        || config.auth_secret_file.is_some()
        || global.smtp_auth_secret.is_some()
        || global.smtp_auth_secret_file.is_some();
    if is_cram {
        let message = "is for CRAM-MD5, which etcd-monitor does not speak; give auth_password, which \
                       is sent by AUTH PLAIN or AUTH LOGIN, over TLS only";
        errors.push(ConfigError::new("auth_secret", message));
    }
    let user = config.auth_username.as_ref().or(global.smtp_auth_username.as_ref());
    let user = user.filter(|user| !user.is_empty())?;
    let own = (config.auth_password.as_ref(), config.auth_password_file.as_ref());
    let inherited = (global.smtp_auth_password.as_ref(), global.smtp_auth_password_file.as_ref());
    let password = if is_cram {
        SecretSource::Inline(Secret::new(String::new()))
    } else {
        super::required("auth_password", own, inherited, errors)
    };
    let identity = config.auth_identity.as_ref().or(global.smtp_auth_identity.as_ref());
    Some((identity.cloned().unwrap_or_default(), user.clone(), password))
}

/// The addresses in `text`, at least one; each must be plain ASCII, since not every server between
/// here and there takes others.
fn mailboxes(key: &str, text: &str, errors: &mut Vec<ConfigError>) -> Vec<Mailbox> {
    let found: Vec<Mailbox> = match text.parse::<Mailboxes>() {
        Ok(found) => found.into_iter().collect(),
        Err(_) if text.trim().is_empty() => Vec::new(),
        Err(_) => {
            let message = "is no list of addresses, such as ann@example.com, Bob <bob@example.com>";
            errors.push(ConfigError::new(key, message));
            return Vec::new();
        }
    };
    if found.is_empty() {
        errors.push(ConfigError::new(key, "is missing"));
    }
    if found.iter().any(|mailbox| !AsRef::<str>::as_ref(&mailbox.email).is_ascii()) {
        errors.push(ConfigError::new(key, "has an address that is not plain ASCII"));
    }
    found
}

#[cfg(test)]
mod tests {
    use model::notification::Reason;

    use super::*;
    use crate::testing;

    fn message(config: &EmailConfig, notification: &Notification) -> String {
        let templates = Templates::default();
        let config = EmailConfig {
            from: Some("etcd-monitor <monitor@example.com>".to_owned()),
            to: "ann@example.com, Bob <bob@example.com>".to_owned(),
            smarthost: Some("mail.example:587".to_owned()),
            ..config.clone()
        };
        let mut errors = Vec::new();
        let email = Email::new(&config, &Global::default(), &templates, &mut errors);
        assert_eq!(errors, []);
        let mut renderer = Renderer::new(&templates, notification);
        let from = email.from.clone().unwrap();
        let message = email.message(&from, notification, &mut renderer).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_mail_has_text_and_html_and_belongs_to_the_thread_of_its_group() {
        let firing = message(&EmailConfig::default(), &testing::firing());
        let resolved = message(&EmailConfig::default(), &testing::resolved());
        insta::assert_snapshot!("email_firing", firing.replace('\r', ""));
        insta::assert_snapshot!("email_resolved", resolved.replace('\r', ""));
        let header = |mail: &str, name: &str| {
            mail.lines().find(|line| line.starts_with(name)).map(str::to_owned).unwrap()
        };
        assert_eq!(header(&firing, "References:"), header(&resolved, "References:"));
        assert_ne!(header(&firing, "Message-ID:"), header(&resolved, "Message-ID:"));
    }

    #[test]
    fn an_attempt_is_the_same_mail_as_the_one_before() {
        let once = message(&EmailConfig::default(), &testing::firing());
        assert_eq!(once, message(&EmailConfig::default(), &testing::firing()));
    }

    #[test]
    fn nothing_in_a_label_becomes_a_header_or_a_tag() {
        let headers = [
            ("Subject".to_owned(), "{{ alerts[0].labels.evil }}".to_owned()),
            ("X-Cluster".to_owned(), "{{ alerts[0].labels.evil }}".to_owned()),
        ];
        let own = EmailConfig {
            headers: headers.into(),
            html: Some("<p>{{ alerts[0].labels.evil }}</p>".to_owned()),
            ..EmailConfig::default()
        };
        for config in [EmailConfig::default(), own] {
            let mail = message(&config, &testing::hostile());
            let head = mail.split("\r\n\r\n").next().unwrap();
            let names: Vec<_> = head
                .lines()
                .filter(|line| !line.starts_with([' ', '\t']))
                .map(|line| line.split(':').next().unwrap().to_lowercase())
                .collect();
            assert!(!names.iter().any(|name| name.contains("bcc")), "{names:?}");
            assert!(mail.lines().all(|line| line.len() <= 998));
            let page = mail.split("Content-Type: text/html").nth(1).unwrap();
            assert!(!page.contains("<script"), "{page}");
        }
    }

    #[test]
    fn a_failing_template_costs_its_looks_and_is_told() {
        let config = EmailConfig { html: Some("{{ 1 / 0 }}".to_owned()), ..EmailConfig::default() };
        let mail = message(&config, &testing::firing());
        assert!(mail.contains("template html failed"), "{mail}");
        assert!(mail.contains("<table"), "{mail}");
    }

    /// Writes the pages for a person (or a browser) to look at, where told.
    #[test]
    fn the_page_is_whole_for_every_kind_of_notification() {
        let mut acknowledged = testing::firing();
        acknowledged.reason = Reason::Acknowledged;
        acknowledged.acknowledged_by = Some("ann".to_owned());
        for (name, notification) in [
            ("firing", testing::firing()),
            ("resolved", testing::resolved()),
            ("acknowledged", acknowledged),
            ("hostile", testing::hostile()),
        ] {
            let page = html::page(&Digest::of(&notification), &notification, None);
            assert!(page.ends_with("</html>\n") && page.len() < 60_000, "{name}: {}", page.len());
            for tag in ["table", "tr", "td", "a", "ul", "p"] {
                let opened = page.matches(&format!("<{tag} ")).count()
                    + page.matches(&format!("<{tag}>")).count();
                assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{name}: {tag}");
            }
            if let Some(dir) = std::env::var_os("NOTIFY_WRITE_PAGES") {
                std::fs::write(std::path::Path::new(&dir).join(format!("{name}.html")), page)
                    .unwrap();
            }
        }
    }
}
