//! Finding keys that mean nothing, by walking a document beside the schema.

use model::config_error::ConfigError;
use serde_json::{Map, Value};

use super::key_path::KeyPath;

/// How alike a known key must be to be suggested, from 0 to 1.
const SUGGESTION_LIKENESS: f64 = 0.7;

/// Takes every unknown key out of `document` and says what was probably meant.
pub(super) fn reject_unknown(
    document: &mut Value,
    schema: &Value,
    path: &KeyPath,
    errors: &mut Vec<ConfigError>,
) {
    match document {
        Value::Object(mapping) => reject_in_mapping(mapping, schema, path, errors),
        Value::Array(list) => {
            let Some(items) = variant_with(schema, "items") else { return };
            for (index, item) in list.iter_mut().enumerate() {
                reject_unknown(item, items, &path.index(index), errors);
            }
        }
        _ => {}
    }
}

fn reject_in_mapping(
    mapping: &mut Map<String, Value>,
    schema: &Value,
    path: &KeyPath,
    errors: &mut Vec<ConfigError>,
) {
    // Without `properties` any key is accepted, as in labels.
    let Some(Value::Object(known)) = variant_with(schema, "properties") else { return };
    mapping.retain(|key, value| {
        if let Some(schema) = known.get(key) {
            reject_unknown(value, schema, &path.key(key), errors);
            return true;
        }
        errors.push(ConfigError::new(path.key(key).to_string(), describe(key, known)));
        false
    });
}

/// The value of `keyword` in the schema, or in the one of its alternatives that has it.
fn variant_with<'s>(schema: &'s Value, keyword: &str) -> Option<&'s Value> {
    let alternatives = schema.get("anyOf").and_then(Value::as_array);
    schema.get(keyword).or_else(|| alternatives?.iter().find_map(|schema| schema.get(keyword)))
}

fn describe(key: &str, known: &Map<String, Value>) -> String {
    let accepted = known.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    match nearest(key, known.keys().map(String::as_str)) {
        Some(nearest) => {
            format!("is no known key; did you mean {nearest}? accepted here: {accepted}")
        }
        None => format!("is no known key; accepted here: {accepted}"),
    }
}

/// The candidate that is most like `key`, where one is alike enough.
fn nearest<'k>(key: &str, candidates: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    let key = key.to_lowercase().replace('-', "_");
    candidates
        .map(|candidate| (strsim::jaro_winkler(&key, candidate), candidate))
        .filter(|(likeness, _)| *likeness >= SUGGESTION_LIKENESS)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(mut document: Value) -> (Value, Vec<String>) {
        let schema = json!({"properties": {
            "clusters": {"items": {"properties": {
                "endpoints": {"items": {}},
                "labels": {"additionalProperties": {}},
                "tls": {"anyOf": [{"properties": {"ca_file": {}}}, {"type": "null"}]},
            }}},
        }});
        let mut errors = Vec::new();
        reject_unknown(&mut document, &schema, &KeyPath::default(), &mut errors);
        (document, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_unknown_key_is_reported_and_taken_out() {
        let (rest, errors) = check(json!({
            "clusters": [{"endpoint": ["a"], "labels": {"any": "thing"}, "tls": {"ca-file": "x"}}],
            "weather": 1,
        }));
        assert_eq!(rest, json!({"clusters": [{"labels": {"any": "thing"}, "tls": {}}]}));
        assert_eq!(
            errors,
            [
                "clusters[0].endpoint: is no known key; did you mean endpoints? accepted here: \
                 endpoints, labels, tls",
                "clusters[0].tls.ca-file: is no known key; did you mean ca_file? accepted here: \
                 ca_file",
                "weather: is no known key; accepted here: clusters",
            ]
        );
    }
}
