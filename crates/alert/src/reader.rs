//! Reading a tree of values field by field, collecting every mistake with its path.

use std::time::Duration;

use model::config_error::ConfigError;
use serde_json::{Map, Value};

use crate::duration;

/// How alike a known name must be to be suggested, from 0 to 1.
const SUGGESTION_LIKENESS: f64 = 0.7;

/// The fields of one mapping.
pub(crate) struct Fields<'v> {
    map: &'v Map<String, Value>,
    path: String,
}

impl<'v> Fields<'v> {
    /// Those of `value`, which stands at `path`.
    pub(crate) fn of(value: &'v Value, path: &str, errors: &mut Vec<ConfigError>) -> Option<Self> {
        if let Value::Object(map) = value {
            return Some(Self { map, path: path.to_owned() });
        }
        errors.push(ConfigError::new(path, format!("must be a mapping, not {}", kind(value))));
        None
    }

    /// No fields at all.
    pub(crate) fn empty(map: &'v Map<String, Value>) -> Self {
        Self { map, path: String::new() }
    }

    /// Reports every field that is not in `known`.
    pub(crate) fn only(&self, known: &[&str], errors: &mut Vec<ConfigError>) {
        for key in self.map.keys().filter(|key| !known.contains(&key.as_str())) {
            let message = format!("is no known key; {}", instead(key, known.iter().copied()));
            errors.push(ConfigError::new(self.path_of(key), message));
        }
    }

    /// The path of a field.
    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The names of all fields, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'v str> {
        self.map.keys().map(String::as_str)
    }

    /// Whether there is such a field, and not an empty one.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The value of a field; one that is `null` counts as missing.
    pub(crate) fn value(&self, key: &str) -> Option<&'v Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    fn expect<T>(
        &self,
        key: &str,
        what: &str,
        errors: &mut Vec<ConfigError>,
        read: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let read = read(value);
        if read.is_none() {
            let message = format!("must be {what}, not {}", kind(value));
            errors.push(ConfigError::new(self.path_of(key), message));
        }
        read
    }

    /// A text; numbers count as the text that they are written with.
    pub(crate) fn text(&self, key: &str, errors: &mut Vec<ConfigError>) -> Option<String> {
        self.expect(key, "text", errors, scalar)
    }

    /// Yes or no.
    pub(crate) fn flag(&self, key: &str, errors: &mut Vec<ConfigError>) -> Option<bool> {
        self.expect(key, "true or false", errors, |value| match value {
            Value::Bool(flag) => Some(*flag),
            // YAML of old had these too, and Alertmanager reads it.
            Value::String(text) => match text.to_lowercase().as_str() {
                "yes" | "on" | "y" => Some(true),
                "no" | "off" | "n" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    /// A duration.
    pub(crate) fn duration(&self, key: &str, errors: &mut Vec<ConfigError>) -> Option<Duration> {
        let text = self.text(key, errors)?;
        let duration = duration::parse(&text);
        if duration.is_none() {
            let message = format!("{text:?} is no duration; write it like 30s, 5m or 1h30m");
            errors.push(ConfigError::new(self.path_of(key), message));
        }
        duration
    }

    /// A list: each item with its path; none where there is no such field.
    pub(crate) fn list(
        &self,
        key: &str,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Vec<(&'v Value, String)>> {
        let list = self.expect(key, "a list", errors, Value::as_array)?;
        let path = self.path_of(key);
        Some(list.iter().enumerate().map(|(i, item)| (item, format!("{path}[{i}]"))).collect())
    }

    /// A list of texts, each with its path.
    pub(crate) fn texts(
        &self,
        key: &str,
        errors: &mut Vec<ConfigError>,
    ) -> Option<Vec<(String, String)>> {
        let mut texts = Vec::new();
        for (value, path) in self.list(key, errors)? {
            match scalar(value) {
                Some(text) => texts.push((text, path)),
                None => errors
                    .push(ConfigError::new(path, format!("must be text, not {}", kind(value)))),
            }
        }
        Some(texts)
    }

    /// A mapping of texts: name, value and path of each.
    pub(crate) fn pairs(
        &self,
        key: &str,
        errors: &mut Vec<ConfigError>,
    ) -> Vec<(String, String, String)> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let Some(fields) = Fields::of(value, &self.path_of(key), errors) else { return Vec::new() };
        let mut pairs = Vec::new();
        for name in fields.keys() {
            match fields.map.get(name).and_then(scalar) {
                Some(text) => pairs.push((name.to_owned(), text, fields.path_of(name))),
                None => errors.push(ConfigError::new(fields.path_of(name), "must be text")),
            }
        }
        pairs
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// What `given` may have meant, and what there is: `did you mean a? accepted here: a, b`.
pub(crate) fn instead<'k>(given: &str, known: impl Iterator<Item = &'k str> + Clone) -> String {
    let likened = given.to_lowercase().replace('-', "_");
    let nearest = known
        .clone()
        .map(|name| (strsim::jaro_winkler(&likened, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= SUGGESTION_LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| format!("did you mean {name}? "));
    let all: Vec<_> = known.collect();
    format!("{}accepted here: {}", nearest.unwrap_or_default(), all.join(", "))
}

/// What kind of value it is, in plain words; never the value, which may be a secret.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
