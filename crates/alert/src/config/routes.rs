//! The `route` section: one route and those under it, as the file has them.

use std::time::Duration;

use model::config_error::ConfigError;
use model::series::{MatchOp, Matcher};
use serde_json::Value;

use crate::matcher;
use crate::reader::Fields;

/// The fields of a route.
const FIELDS: [&str; 14] = [
    "receiver",
    "group_by",
    "matchers",
    "match",
    "match_re",
    "continue",
    "routes",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "mute_time_intervals",
    "active_time_intervals",
    "escalate_after",
    "escalate_to",
];

/// By what the alerts of a route are grouped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupBy {
    /// By these labels.
    Labels(Vec<String>),
    /// By all of their labels (`...`): every alert by itself.
    All,
}

/// One route as the file has it; what is not said is taken from the route above.
#[derive(Debug, Clone, Default)]
pub struct RouteConfig {
    /// Who is told.
    pub receiver: Option<String>,
    /// By what alerts are grouped.
    pub group_by: Option<GroupBy>,
    /// Which alerts come here: those that all of them accept. In Alertmanager's order.
    pub matchers: Vec<Matcher>,
    /// Whether alerts that came here also go to the routes after this one.
    pub continues: bool,
    /// How long a new group waits for more alerts.
    pub group_wait: Option<Duration>,
    /// How long after a notification the next one comes, when the group changed.
    pub group_interval: Option<Duration>,
    /// How long after a notification the same one comes again.
    pub repeat_interval: Option<Duration>,
    /// Times at which nobody is told.
    pub mute_time_intervals: Vec<String>,
    /// Times outside of which nobody is told; none: always.
    pub active_time_intervals: Vec<String>,
    /// Ours: how long after the first notification somebody else is told, unless it is acknowledged.
    pub escalate_after: Option<Duration>,
    /// Ours: who that is.
    pub escalate_to: Option<String>,
    /// Routes for some of the alerts that came here.
    pub routes: Vec<Self>,
}

impl RouteConfig {
    pub(super) fn read(value: &Value, path: &str, errors: &mut Vec<ConfigError>) -> Self {
        let Some(fields) = Fields::of(value, path, errors) else { return Self::default() };
        fields.only(&FIELDS, errors);
        let names = |key: &str, errors: &mut Vec<ConfigError>| {
            let texts = fields.texts(key, errors).unwrap_or_default();
            texts.into_iter().map(|(text, _)| text).collect::<Vec<_>>()
        };
        let mut matchers = matchers(&fields, "matchers", errors);
        matchers.extend(legacy(&fields, "match", MatchOp::Eq, errors));
        matchers.extend(legacy(&fields, "match_re", MatchOp::Re, errors));
        matcher::sort(&mut matchers);
        let route = Self {
            receiver: fields.text("receiver", errors).filter(|receiver| !receiver.is_empty()),
            group_by: group_by(&fields, errors),
            matchers,
            continues: fields.flag("continue", errors).unwrap_or_default(),
            group_wait: fields.duration("group_wait", errors),
            group_interval: fields.duration("group_interval", errors),
            repeat_interval: fields.duration("repeat_interval", errors),
            mute_time_intervals: names("mute_time_intervals", errors),
            active_time_intervals: names("active_time_intervals", errors),
            escalate_after: fields.duration("escalate_after", errors),
            escalate_to: fields.text("escalate_to", errors),
            routes: fields
                .list("routes", errors)
                .unwrap_or_default()
                .iter()
                .map(|(value, path)| Self::read(value, path, errors))
                .collect(),
        };
        for (key, duration) in [
            ("group_interval", route.group_interval),
            ("repeat_interval", route.repeat_interval),
            ("escalate_after", route.escalate_after),
        ] {
            if duration == Some(Duration::ZERO) {
                errors.push(ConfigError::new(fields.path_of(key), "cannot be zero"));
            }
        }
        for (has, lacks) in [("escalate_after", "escalate_to"), ("escalate_to", "escalate_after")] {
            if fields.has(has) && !fields.has(lacks) {
                let message = format!("is missing; {has} is of no use without it");
                errors.push(ConfigError::new(fields.path_of(lacks), message));
            }
        }
        route
    }
}

fn group_by(fields: &Fields<'_>, errors: &mut Vec<ConfigError>) -> Option<GroupBy> {
    let mut labels: Vec<String> = Vec::new();
    let mut is_all = false;
    for (label, path) in fields.texts("group_by", errors)? {
        if label == "..." {
            is_all = true;
        } else if label.is_empty() {
            errors.push(ConfigError::new(path, "is no name of a label"));
        } else if labels.contains(&label) {
            errors.push(ConfigError::new(path, format!("{label:?} stands here twice")));
        } else {
            labels.push(label);
        }
    }
    if is_all && !labels.is_empty() {
        let message = "has both ... (all labels) and names of labels; give one or the other";
        errors.push(ConfigError::new(fields.path_of("group_by"), message));
    }
    match (is_all, labels.is_empty()) {
        (true, _) => Some(GroupBy::All),
        // An empty list says nothing, for Alertmanager and so for us.
        (false, true) => None,
        (false, false) => Some(GroupBy::Labels(labels)),
    }
}

/// A list of matchers in today's form; each text may hold several.
pub(super) fn matchers(
    fields: &Fields<'_>,
    key: &str,
    errors: &mut Vec<ConfigError>,
) -> Vec<Matcher> {
    let mut all = Vec::new();
    for (text, path) in fields.texts(key, errors).unwrap_or_default() {
        match matcher::parse_all(&text) {
            Ok(matchers) => all.extend(matchers),
            Err(error) => errors.push(ConfigError::new(path, error.to_string())),
        }
    }
    all
}

/// A mapping of matchers in Alertmanager's old form.
pub(super) fn legacy(
    fields: &Fields<'_>,
    key: &str,
    op: MatchOp,
    errors: &mut Vec<ConfigError>,
) -> Vec<Matcher> {
    let mut all = Vec::new();
    for (name, value, path) in fields.pairs(key, errors) {
        if !matcher::is_classic_name(&name) {
            errors.push(ConfigError::new(path, format!("{name:?} is no name of a label")));
            continue;
        }
        let matcher = matcher::new(&name, op, &value).and_then(|matcher| match op {
            // Group keys have old expressions in this form.
            MatchOp::Re => matcher::new(&name, op, &format!("^(?:{value})$")),
            _ => Ok(matcher),
        });
        match matcher {
            Ok(matcher) => all.push(matcher),
            Err(error) => errors.push(ConfigError::new(path, error.to_string())),
        }
    }
    all
}
