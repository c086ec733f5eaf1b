//! Alertmanager's configuration file: what it says, read with all of its mistakes at once.
//!
//! The file is Alertmanager's, with its defaults. Receivers are kept as they stand, since the `notify`
//! crate knows their fields. Two fields of a route are ours: `escalate_after` and `escalate_to`.

mod check;
mod inhibition;
mod receivers;
mod routes;
mod simple;

use std::time::Duration;

use model::config_error::ConfigError;
use serde_json::{Map, Value};

pub use self::inhibition::InhibitRule;
pub use self::receivers::{Integration, Receiver, SUPPORTED, UNSUPPORTED};
pub use self::routes::{GroupBy, RouteConfig};
use crate::reader::Fields;
use crate::time_interval::{NamedIntervals, TimeInterval};

/// When a client's alert without an end counts as over, unless it is told again.
const RESOLVE_TIMEOUT: Duration = Duration::from_mins(5);

/// What an `alertmanager.yml` says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Defaults for receivers, as they stand in the file.
    pub global: Value,
    /// When a client's alert without an end counts as over, unless it is told again.
    pub resolve_timeout: Duration,
    /// Files of templates, as they stand in the file: `*` is allowed.
    pub templates: Vec<String>,
    /// The root of the tree of routes.
    pub route: RouteConfig,
    /// Who can be told.
    pub receivers: Vec<Receiver>,
    /// Which alerts keep quiet because of others.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Times that routes refer to.
    pub time_intervals: Vec<NamedIntervals>,
}

impl Config {
    /// Reads the text of an `alertmanager.yml`, or says every mistake in it.
    pub fn parse(text: &str) -> Result<Self, Vec<ConfigError>> {
        Self::from_value(&yaml(text).map_err(|error| vec![error])?)
    }

    /// Reads a document that is already a tree of values.
    pub fn from_value(document: &Value) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let config = Self::read(document, &mut errors);
        let mut misfits = Vec::new();
        config.check(&mut misfits);
        // What could not be read was left out; that something is missing there is no second mistake.
        let is_new = |misfit: &ConfigError| {
            let path = misfit.path.as_str();
            !errors.iter().any(|known| {
                let known = known.path.as_str();
                let refers_to_it = match known {
                    "receivers" => path.ends_with(".receiver") || path.ends_with("escalate_to"),
                    "time_intervals" | "mute_time_intervals" => path.contains("_time_intervals["),
                    _ => false,
                };
                refers_to_it || path.starts_with(known) || known.starts_with(path)
            })
        };
        misfits.retain(is_new);
        errors.append(&mut misfits);
        if errors.is_empty() { Ok(config) } else { Err(errors) }
    }

    /// The configuration of the simple form: channels by their names, and nothing to route.
    ///
    /// Everything critical is told to all channels at once (`group_wait` is 0, by cluster and alert);
    /// everything else but `info` and `none` within 10 s, by cluster.
    pub fn simple(channels: &Value) -> Result<Self, Vec<ConfigError>> {
        Self::from_value(&Self::simple_document(channels)?)
    }

    /// The `alertmanager.yml` that [`Self::simple`] stands for.
    pub fn simple_document(channels: &Value) -> Result<Value, Vec<ConfigError>> {
        simple::document(channels)
    }

    fn read(document: &Value, errors: &mut Vec<ConfigError>) -> Self {
        let empty = Map::new();
        let fields = Fields::of(document, "", errors).unwrap_or_else(|| Fields::empty(&empty));
        fields.only(
            &[
                "global",
                "templates",
                "route",
                "receivers",
                "inhibit_rules",
                "mute_time_intervals",
                "time_intervals",
            ],
            errors,
        );
        let (global, resolve_timeout) = global(&fields, errors);
        let templates = fields.texts("templates", errors).unwrap_or_default();
        let route = if let Some(route) = fields.value("route") {
            RouteConfig::read(route, "route", errors)
        } else {
            errors.push(ConfigError::new("route", "is missing; give at least a receiver in it"));
            RouteConfig::default()
        };
        let mut time_intervals = Vec::new();
        for key in ["mute_time_intervals", "time_intervals"] {
            for (value, path) in fields.list(key, errors).unwrap_or_default() {
                time_intervals.push(named_intervals(value, &path, errors));
            }
        }
        let receivers = fields.list("receivers", errors).unwrap_or_default();
        let rules = fields.list("inhibit_rules", errors).unwrap_or_default();
        Self {
            global,
            resolve_timeout,
            templates: templates.into_iter().map(|(text, _)| text).collect(),
            route,
            receivers: receivers
                .iter()
                .map(|(value, path)| Receiver::read(value, path, errors))
                .collect(),
            inhibit_rules: rules
                .iter()
                .map(|(value, path)| InhibitRule::read(value, path, errors))
                .collect(),
            time_intervals,
        }
    }
}

/// The tree of values of a YAML text.
fn yaml(text: &str) -> Result<Value, ConfigError> {
    // Snippets would repeat the text around a mistake, secrets included.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // This part speaks to programmers.
        let hint = ", set DuplicateKeyPolicy in Options if acceptable";
        let message = error.without_snippet().to_string().replace(hint, "");
        ConfigError::new("", format!("is not accepted as YAML: {message}"))
    })
}

fn global(fields: &Fields<'_>, errors: &mut Vec<ConfigError>) -> (Value, Duration) {
    let empty = (Value::Object(Map::new()), RESOLVE_TIMEOUT);
    let Some(value) = fields.value("global") else { return empty };
    let Some(global) = Fields::of(value, "global", errors) else { return empty };
    let known = |key: &str| {
        receivers::GLOBAL.contains(&key)
            || receivers::GLOBAL_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    };
    if !global.keys().all(known) {
        let others: Vec<_> = global.keys().filter(|key| known(key)).collect();
        let all: Vec<_> = receivers::GLOBAL.iter().copied().chain(others).collect();
        global.only(&all, errors);
    }
    let timeout = global.duration("resolve_timeout", errors).unwrap_or(RESOLVE_TIMEOUT);
    (value.clone(), timeout)
}

fn named_intervals(value: &Value, path: &str, errors: &mut Vec<ConfigError>) -> NamedIntervals {
    let Some(fields) = Fields::of(value, path, errors) else { return NamedIntervals::default() };
    fields.only(&["name", "time_intervals"], errors);
    let name = fields.text("name", errors).unwrap_or_default();
    if name.is_empty() {
        errors.push(ConfigError::new(fields.path_of("name"), "is missing; routes refer to it"));
    }
    let intervals = fields.list("time_intervals", errors).unwrap_or_default();
    let intervals =
        intervals.iter().map(|(value, path)| TimeInterval::read(value, path, errors)).collect();
    NamedIntervals { name, intervals }
}
