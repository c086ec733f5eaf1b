//! What a notification says to a person: what is wrong first, then where, since when, and what to do.

use jiff::Timestamp;
use model::alert::{ALERT_NAME, Alert};
use model::notification::{Notification, Reason};
use model::series::Labels;

use crate::text::{clip, length, link, moment, one_line, percent, several_lines};

/// Longest headline; a phone shows about this much of it.
const HEADLINE_CHARS: usize = 140;
/// Longest value of a label that is shown.
const VALUE_CHARS: usize = 120;
/// Longest description, evidence or advice.
const TEXT_CHARS: usize = 1_200;
/// How many alerts beside the first are listed.
const MAX_OTHERS: usize = 10;
/// How many labels the link to a silence names.
const MAX_MATCHERS: usize = 8;

/// How bad the worst of a notification's alerts is, or that all is well again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Critical,
    Warning,
    Info,
    /// Over.
    Good,
}

impl Tone {
    /// By the label `severity`; one that is not known counts as a warning.
    pub(crate) fn of_severity(severity: &str) -> Self {
        match severity.to_ascii_lowercase().as_str() {
            "critical" | "page" | "fatal" | "emergency" => Self::Critical,
            "info" | "none" | "informational" | "notice" => Self::Info,
            _ => Self::Warning,
        }
    }

    pub(crate) fn emoji(self) -> &'static str {
        match self {
            Self::Critical => "🔴",
            Self::Warning => "🟠",
            Self::Info => "🔵",
            Self::Good => "🟢",
        }
    }

    /// `#rrggbb`.
    pub(crate) fn color(self) -> &'static str {
        match self {
            Self::Critical => "#c62828",
            Self::Warning => "#b45309",
            Self::Info => "#1d4ed8",
            Self::Good => "#2e7d32",
        }
    }
}

/// A link under a notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) label: &'static str,
    pub(crate) url: String,
}

/// Another alert of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Other {
    pub(crate) tone: Tone,
    pub(crate) text: String,
    /// Since when, or how long it lasted.
    pub(crate) when: String,
}

/// What a notification says, in parts that each channel lays out in its own way. Nothing is escaped
/// yet; single lines have no line ends, and everything has a limit.
#[derive(Debug, Clone)]
pub(crate) struct Digest {
    pub(crate) tone: Tone,
    /// `Critical`, `Resolved after 4 min 12 s`, `Acknowledged by ann`.
    pub(crate) state: String,
    /// What is wrong.
    pub(crate) headline: String,
    /// Where and since when: names and values.
    pub(crate) facts: Vec<(&'static str, String)>,
    /// Why this comes now, where the state does not say it.
    pub(crate) note: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) evidence: Option<String>,
    pub(crate) next_steps: Option<String>,
    pub(crate) others: Vec<Other>,
    /// How many more there are.
    pub(crate) unlisted: usize,
    pub(crate) links: Vec<Link>,
}

impl Digest {
    pub(crate) fn of(notification: &Notification) -> Self {
        let Some(root) = notification.alerts.first() else { return Self::empty(notification) };
        let at = notification.at;
        let is_firing = notification.is_firing();
        let severity = root.labels.get("severity").unwrap_or_default();
        let tone = if is_firing { Tone::of_severity(severity) } else { Tone::Good };
        let during = |names: &[&str]| annotation(root, names).filter(|_| is_firing);
        let rest = &notification.alerts[1..];
        let others: Vec<Other> =
            rest.iter().take(MAX_OTHERS).map(|alert| other(alert, at)).collect();
        Self {
            tone,
            state: state(notification, root, severity),
            headline: headline(root),
            facts: facts(root, severity, at),
            note: note(notification),
            // What is over needs no advice, and what was seen of it is no longer so.
            description: during(&["description", "message"]),
            evidence: during(&["evidence"]),
            next_steps: during(&["next_steps", "next_step", "remedy", "action"]),
            unlisted: rest.len() - others.len() + notification.truncated,
            others,
            links: links(notification, root),
        }
    }

    /// A notification has at least one alert; one that breaks this is still worth telling.
    fn empty(notification: &Notification) -> Self {
        Self {
            tone: Tone::Good,
            state: "No alerts".to_owned(),
            headline: clip(&one_line(&notification.group_key), HEADLINE_CHARS).into_owned(),
            facts: Vec::new(),
            note: note(notification),
            description: None,
            evidence: None,
            next_steps: None,
            others: Vec::new(),
            unlisted: notification.truncated,
            links: Vec::new(),
        }
    }

    /// The whole in one line, for subjects and pop-ups.
    pub(crate) fn title(&self) -> String {
        let more = self.others.len() + self.unlisted;
        let more = if more == 0 { String::new() } else { format!(" (+{more} more)") };
        format!("{}: {}{more}", self.state, self.headline)
    }

    /// `Also going on (3)`, over the list of the others; nothing when there are none.
    pub(crate) fn others_heading(&self) -> Option<String> {
        let count = self.others.len() + self.unlisted;
        (count > 0).then(|| format!("In the same group ({count})"))
    }

    /// Where and since when, in one line.
    pub(crate) fn facts_line(&self) -> String {
        let parts: Vec<_> =
            self.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
        parts.join(" · ")
    }

    /// All but the title as plain text.
    pub(crate) fn body(&self) -> String {
        let mut blocks = vec![self.facts_line()];
        blocks.extend(self.note.clone());
        blocks.extend(self.description.clone());
        blocks.extend(self.evidence.as_ref().map(|text| format!("Evidence: {text}")));
        blocks.extend(self.next_steps.as_ref().map(|text| format!("What to do: {text}")));
        if let Some(heading) = self.others_heading() {
            let mut lines = vec![format!("{heading}:")];
            lines.extend(
                self.others.iter().map(|other| format!("- {}, {}", other.text, other.when)),
            );
            lines.extend((self.unlisted > 0).then(|| format!("- and {} more", self.unlisted)));
            blocks.push(lines.join("\n"));
        }
        let links: Vec<_> =
            self.links.iter().map(|link| format!("{}: {}", link.label, link.url)).collect();
        blocks.push(links.join("\n"));
        blocks.retain(|block| !block.is_empty());
        blocks.join("\n\n")
    }
}

fn state(notification: &Notification, root: &Alert, severity: &str) -> String {
    let at = notification.at;
    if notification.reason == Reason::Test {
        return "Test".to_owned();
    }
    if !notification.is_firing() {
        return format!("Resolved after {}", length(lasted(root, at)));
    }
    match (notification.reason, &notification.acknowledged_by) {
        (Reason::Acknowledged, Some(by)) => format!("Acknowledged by {}", value(by)),
        (Reason::Acknowledged, None) => "Acknowledged".to_owned(),
        (Reason::Escalation, _) => format!("Not acknowledged for {}", length(lasted(root, at))),
        (Reason::Repeat, _) => format!("Still {}", word(severity).to_lowercase()),
        _ => word(severity),
    }
}

/// The severity as the first word of a line.
fn word(severity: &str) -> String {
    let severity = value(severity);
    let mut letters = severity.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => "Firing".to_owned(),
    }
}

fn note(notification: &Notification) -> Option<String> {
    let by = notification.acknowledged_by.as_deref().map(value);
    match (notification.reason, by) {
        (Reason::Test, _) => Some("Somebody tries out this receiver; nothing is wrong.".to_owned()),
        (Reason::Acknowledged, _) => None,
        (_, Some(by)) if notification.is_firing() => Some(format!("Acknowledged by {by}.")),
        (Reason::SomeResolved, _) => Some("Some of the alerts are over.".to_owned()),
        (Reason::NewAlerts, _) => Some("Further alerts joined.".to_owned()),
        _ => None,
    }
}

/// What is wrong, in a line that names the cluster.
fn headline(alert: &Alert) -> String {
    let said = ["summary", "title", "message"]
        .iter()
        .find_map(|name| alert.annotations.get(name))
        .map(|said| one_line(&clip(said, 4 * HEADLINE_CHARS)))
        .filter(|said| !said.is_empty());
    let said = said.unwrap_or_else(|| match alert.name() {
        "" => value(&alert.labels.to_string()),
        name => value(name),
    });
    let cluster =
        alert.labels.get("cluster").map(value).filter(|cluster| !said.contains(&**cluster));
    let said = cluster.map_or_else(|| said.clone(), |cluster| format!("{cluster}: {said}"));
    clip(&said, HEADLINE_CHARS).into_owned()
}

fn facts(alert: &Alert, severity: &str, at: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let labels = &alert.labels;
    let of = |names: &[&str]| names.iter().find_map(|name| labels.get(name)).map(value);
    facts.extend(of(&["cluster"]).map(|cluster| ("Cluster", cluster)));
    facts.extend(of(&["member", "instance"]).map(|member| ("Member", member)));
    // While it goes on, the first word says so.
    let is_told = !alert.is_resolved(at) || severity.is_empty();
    facts.extend((!is_told).then(|| ("Severity", value(severity))));
    let is_over = alert.is_resolved(at);
    facts.push((if is_over { "Lasted" } else { "Since" }, when(alert, at)));
    facts
}

/// Since when it goes on, or from when to when it did.
fn when(alert: &Alert, at: Timestamp) -> String {
    let start = moment(alert.starts_at, at);
    let lasted = length(lasted(alert, at));
    match alert.ends_at.filter(|_| alert.is_resolved(at)) {
        Some(end) => format!("{start} until {} ({lasted})", moment(end, at)),
        None => format!("{start} ({lasted})"),
    }
}

fn lasted(alert: &Alert, at: Timestamp) -> jiff::SignedDuration {
    let end = alert.ends_at.filter(|end| *end <= at).unwrap_or(at);
    end.duration_since(alert.starts_at)
}

fn other(alert: &Alert, at: Timestamp) -> Other {
    let severity = alert.labels.get("severity").unwrap_or_default();
    let is_over = alert.is_resolved(at);
    let tone = if is_over { Tone::Good } else { Tone::of_severity(severity) };
    let said = headline(alert);
    let member = alert.labels.get("member").map(value).filter(|member| !said.contains(&**member));
    let member = member.map(|member| format!(" ({member})")).unwrap_or_default();
    let when = if is_over {
        format!("over after {}", length(lasted(alert, at)))
    } else {
        format!("for {}", length(lasted(alert, at)))
    };
    Other { tone, text: format!("{}: {said}{member}", word(severity)), when }
}

fn annotation(alert: &Alert, names: &[&str]) -> Option<String> {
    let found = names.iter().find_map(|name| alert.annotations.get(name))?;
    // A description may be as large as a label: cut before it is looked at letter by letter.
    let text = several_lines(&clip(found, 4 * TEXT_CHARS));
    (!text.is_empty()).then(|| clip(&text, TEXT_CHARS).into_owned())
}

fn value(text: &str) -> String {
    clip(&one_line(&clip(text, 4 * VALUE_CHARS)), VALUE_CHARS).into_owned()
}

fn links(notification: &Notification, root: &Alert) -> Vec<Link> {
    let mut links = Vec::new();
    let mut add = |label, url: Option<&str>| {
        let url = url.and_then(link).map(|url| Link { label, url: url.to_owned() });
        links.extend(url);
    };
    let of = |name| root.annotations.get(name);
    add("Runbook", of("runbook_url").or(of("runbook")));
    add("Dashboard", of("dashboard_url").or(of("dashboard")).or(Some(&root.generator_url)));
    if notification.is_firing() && notification.reason != Reason::Test {
        add("Silence", silence_url(notification, root).as_deref());
    }
    links
}

/// Where a silence is made, on our own page: for alerts of the first one's name
/// with the labels that the group shares. Without the name, it might silence a whole cluster.
fn silence_url(notification: &Notification, root: &Alert) -> Option<String> {
    let base = link(&notification.external_url)?.trim_end_matches('/');
    let name = Labels::new([(ALERT_NAME, root.name())]);
    let common = name.and(&notification.common_labels());
    let matchers: Vec<String> = common
        .iter()
        .filter(|(_, value)| value.len() <= VALUE_CHARS)
        .take(MAX_MATCHERS)
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    if matchers.is_empty() {
        return None;
    }
    let filter = percent(&format!("{{{}}}", matchers.join(",")));
    Some(format!("{base}/silences/new?filter={filter}"))
}
