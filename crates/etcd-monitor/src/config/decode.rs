//! Turning a tree of values into a type, collecting every mistake instead of the first.
//!
//! serde stops at the first value that does not fit. So that value is reported, taken out of the
//! tree, and the rest is tried again, until all fits or there are more mistakes than anyone mends in
//! one go.

use model::config_error::ConfigError;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::key_path::KeyPath;

/// Where collecting stops.
const MAX_ERRORS: usize = 50;

/// What a duration looks like.
const DURATION: &str = "a number with a unit, such as 500ms, 2s or 1m30s";

/// The value of type `T`, without the parts that do not fit; those are taken out of `document`.
pub(super) fn decode<T: DeserializeOwned + Default>(
    document: &mut Value,
    errors: &mut Vec<ConfigError>,
) -> T {
    for _ in 0..MAX_ERRORS {
        let error = match serde_path_to_error::deserialize::<_, T>(&*document) {
            Ok(value) => return value,
            Err(error) => error,
        };
        let path = KeyPath::from(error.path());
        let found = path.get(document).map(kind);
        let message = describe(&error.inner().to_string(), found);
        let mistake = ConfigError::new(path.to_string(), message);
        if errors.last() == Some(&mistake) {
            // Taking it out did not help: take out what it stands in.
            path.parent().unwrap_or_default().remove(document);
        } else {
            errors.push(mistake);
            path.remove(document);
        }
    }
    T::default()
}

/// serde's message in plain words, without a value that may be a secret in the wrong shape.
fn describe(message: &str, found: Option<&'static str>) -> String {
    if message.contains("\"friendly\" duration") {
        return format!("is no duration; give {DURATION}");
    }
    let Some((problem, expected)) = message.rsplit_once(", expected ") else {
        return message.to_owned();
    };
    let plain = match expected {
        "a string" | "path string" => "text",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "a boolean" => "true or false",
        "an unsigned duration string" => DURATION,
        "u16" => "a number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        mapping if mapping.starts_with("struct ") => "a mapping",
        other => other,
    };
    if let Some(value) = problem.strip_prefix("invalid value: ") {
        return format!("{value} is not accepted; give {plain}");
    }
    let (true, Some(found)) = (problem.starts_with("invalid type: "), found) else {
        return message.to_owned();
    };
    let hint = match (plain, found) {
        ("text", "a number" | "true or false") => "; put it in quotes",
        _ => "",
    };
    format!("must be {plain}, not {found}{hint}")
}

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

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        password: String,
        port: u16,
        on: bool,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Outer {
        list: Vec<Inner>,
        names: Vec<String>,
    }

    fn check(mut document: Value) -> (Outer, Vec<String>) {
        let mut errors = Vec::new();
        let value = decode(&mut document, &mut errors);
        (value, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_mistake_is_reported_and_the_rest_is_kept() {
        let (value, errors) = check(json!({
            "list": [{"password": 4711, "port": "x", "on": true}, "text", {"port": 70_000}],
            "names": "a, b",
        }));
        assert!(value.list[0].on);
        assert_eq!(value.list.len(), 3);
        assert_eq!(
            errors,
            [
                "list[0].password: must be text, not a number; put it in quotes",
                "list[0].port: must be a number from 0 to 65535, not text",
                "list[1]: must be a mapping, not text",
                "list[2].port: integer `70000` is not accepted; give a number from 0 to 65535",
                "names: must be a list, not text",
            ]
        );
    }

    #[test]
    fn a_hopeless_document_ends_the_search() {
        let numbers: Vec<_> = (0..1_000).collect();
        let (value, errors) = check(json!({ "names": numbers }));
        assert_eq!(value, Outer::default());
        assert_eq!(errors.len(), MAX_ERRORS);
    }
}
