//! The simple form: channels and nothing to route, as the document of an equivalent `alertmanager.yml`.

use model::config_error::ConfigError;
use serde_json::{Map, Value, json};

use super::SUPPORTED;
use crate::reader::instead;

/// The receiver that has all channels.
const EVERYBODY: &str = "everybody";

/// The receiver of what is not worth a message.
const NOBODY: &str = "nobody";

/// An `alertmanager.yml` for `channels`: each by its kind, one mapping or a list of them.
pub(super) fn document(channels: &Value) -> Result<Value, Vec<ConfigError>> {
    let Value::Object(channels) = channels else {
        return Err(vec![ConfigError::new("", "must be a mapping of channels, such as slack:")]);
    };
    let mut errors = Vec::new();
    let mut receiver = Map::from_iter([("name".to_owned(), EVERYBODY.into())]);
    for (kind, value) in channels.iter().filter(|(_, value)| !value.is_null()) {
        if !SUPPORTED.contains(&kind.as_str()) {
            let message = format!("is no known channel; {}", instead(kind, SUPPORTED.into_iter()));
            errors.push(ConfigError::new(kind, message));
            continue;
        }
        let (list, is_list) = match value {
            Value::Array(list) => (list.clone(), true),
            one => (vec![one.clone()], false),
        };
        let mut configs = Vec::new();
        for (index, value) in list.into_iter().enumerate() {
            let path = if is_list { format!("{kind}[{index}]") } else { kind.clone() };
            match value {
                Value::Object(fields) => configs.push(Value::Object(integration(kind, fields))),
                _ => errors.push(ConfigError::new(path, "must be a mapping")),
            }
        }
        receiver.insert(format!("{kind}_configs"), configs.into());
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(json!({
        "route": {
            "receiver": NOBODY,
            "routes": [
                {
                    "receiver": EVERYBODY,
                    "matchers": ["severity=\"critical\""],
                    "group_by": ["alertname", "cluster"],
                    // Nobody should wait for these; what joins or is over is told soon after.
                    "group_wait": "0s",
                    "group_interval": "5s",
                    "repeat_interval": "4h",
                },
                {
                    "receiver": EVERYBODY,
                    // Alerts without a severity are sent, too: somebody wrote a rule for them.
                    "matchers": ["severity!~\"info|none\""],
                    "group_by": ["cluster"],
                    "group_wait": "10s",
                    "group_interval": "1m",
                    "repeat_interval": "12h",
                },
            ],
        },
        "receivers": [receiver, {"name": NOBODY}],
    }))
}

/// The fields of one integration under the names that Alertmanager has for them. Here everybody is
/// told when it is over, unless they do not want to.
fn integration(kind: &str, fields: Map<String, Value>) -> Map<String, Value> {
    let renamed = fields.into_iter().map(|(key, value)| match (kind, key.as_str()) {
        ("slack", "webhook_url") => ("api_url".to_owned(), value),
        ("slack", "webhook_url_file") => ("api_url_file".to_owned(), value),
        _ => (key, value),
    });
    let mut fields: Map<_, _> = renamed.collect();
    fields.entry("send_resolved").or_insert(Value::Bool(true));
    fields
}
