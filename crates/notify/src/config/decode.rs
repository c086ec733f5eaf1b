//! Turning a JSON value into a configuration type, collecting every mistake instead of the first.
//!
//! serde stops at the first value that does not fit. So that value is reported, taken out, and the
//! rest is tried again. Values never appear in messages: one in the wrong shape may be a secret.

use std::fmt::Write as _;

use model::config_error::ConfigError;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

/// Where collecting stops.
const MAX_ERRORS: usize = 50;

/// The value of type `T`, or all that is wrong with `value`.
pub(super) fn decode<T: DeserializeOwned>(value: &Value) -> Result<T, Vec<ConfigError>> {
    match decode_sound(value) {
        (Some(decoded), errors) if errors.is_empty() => Ok(decoded),
        (_, errors) => Err(errors),
    }
}

/// What is sound of `value`, where that is enough for a `T`, and all that is not.
pub(super) fn decode_sound<T: DeserializeOwned>(value: &Value) -> (Option<T>, Vec<ConfigError>) {
    let mut rest = value.clone();
    let mut errors: Vec<ConfigError> = Vec::new();
    while errors.len() < MAX_ERRORS {
        let error = match serde_path_to_error::deserialize::<_, T>(&rest) {
            Ok(decoded) => return (Some(decoded), errors),
            Err(error) => error,
        };
        let steps: Vec<Segment> = error.path().iter().cloned().collect();
        let message = describe(&error.inner().to_string(), at(&rest, &steps));
        errors.push(ConfigError::new(path(&steps), message));
        if !take_out(&mut rest, &steps) {
            break;
        }
    }
    (None, errors)
}

/// As people write it: `webhook_configs[0].url`.
fn path(steps: &[Segment]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Segment::Seq { index } => {
                let _ = write!(text, "[{index}]");
            }
            Segment::Map { key } | Segment::Enum { variant: key } => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Segment::Unknown => {}
        }
    }
    text
}

fn at<'a>(value: &'a Value, steps: &[Segment]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, step| match step {
        Segment::Seq { index } => value.get(index),
        Segment::Map { key } => value.get(key),
        _ => None,
    })
}

/// Removes what `steps` lead to; false when there is no such thing to remove.
fn take_out(value: &mut Value, steps: &[Segment]) -> bool {
    let Some((last, parents)) = steps.split_last() else { return false };
    let mut place = value;
    for step in parents {
        let next = match step {
            Segment::Seq { index } => place.get_mut(index),
            Segment::Map { key } => place.get_mut(key),
            _ => None,
        };
        let Some(next) = next else { return false };
        place = next;
    }
    match (last, place) {
        (Segment::Map { key }, Value::Object(map)) => map.remove(key).is_some(),
        (Segment::Seq { index }, Value::Array(list)) if *index < list.len() => {
            // The others keep their numbers, which stand in messages.
            let is_mapping = list.iter().any(Value::is_object);
            let filler = if is_mapping { Value::Object(serde_json::Map::new()) } else { "".into() };
            let changed = list[*index] != filler;
            list[*index] = filler;
            changed
        }
        _ => false,
    }
}

fn describe(message: &str, found: Option<&Value>) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `") {
        let known = rest.split_once("expected ").map_or("", |(_, known)| known);
        return match known {
            "" => "is not known here".to_owned(),
            known => format!("is not known here; known are {}", known.replace("one of ", "")),
        };
    }
    let Some((problem, expected)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let plain = match expected {
        "a string" | "path string" => "text",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "a boolean" => "true or false",
        "u16" => "a number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        mapping if mapping.starts_with("struct ") => "a mapping",
        other => other,
    };
    if problem.starts_with("invalid type") || problem.starts_with("invalid value") {
        let found = found.map_or("this", kind);
        return format!("must be {plain}, not {found}");
    }
    message.to_owned()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "this number",
        Value::String(_) => "this text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
