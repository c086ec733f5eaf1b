//! Configurations of channels as they may be shown: secrets are `***`.

use serde_json::Value;

/// Keys that hold what is no secret, by the end of their names; the rest of those below is hidden.
const OPEN_ENDS: [&str; 2] = ["_file", "_name"];

/// What a key of a secret has in its name. Webhook URLs let anybody write, so they are secrets.
const SECRET_PARTS: [&str; 9] = [
    "url",
    "password",
    "secret",
    "token",
    "credential",
    "routing_key",
    "service_key",
    "hmac",
    "proxy",
];

/// Keys with URLs that are no secrets.
const OPEN_KEYS: [&str; 3] = ["external_url", "runbook_url", "client_url"];

/// `value` with every secret replaced.
pub(crate) fn masked(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let shown = fields.iter().map(|(key, value)| {
                let value = if is_secret(key) { hide(value) } else { masked(value) };
                (key.clone(), value)
            });
            Value::Object(shown.collect())
        }
        Value::Array(list) => Value::Array(list.iter().map(masked).collect()),
        other => other.clone(),
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !OPEN_ENDS.iter().any(|end| key.ends_with(end))
        && !OPEN_KEYS.contains(&key.as_str())
        && (SECRET_PARTS.iter().any(|part| key.contains(part)) || key == "headers")
}

fn hide(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| (key.clone(), hide(value))).collect()
        }
        Value::Array(list) => Value::Array(list.iter().map(hide).collect()),
        Value::String(_) | Value::Number(_) => Value::from("***"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_shown() {
        let config = json!({
            "api_url": "https://hooks.example/T0/B0/secret", "channel": "#etcd",
            "api_url_file": "/run/secrets/slack", "send_resolved": true,
            "http_config": {"basic_auth": {"username": "me", "password": "pw"},
                            "authorization": {"type": "Bearer", "credentials": "c"}},
            "headers": {"X-Key": "k"}, "urls": ["http://a/b"], "smtp_auth_password": "pw",
        });
        assert_eq!(
            masked(&config),
            json!({
                "api_url": "***", "channel": "#etcd",
                "api_url_file": "/run/secrets/slack", "send_resolved": true,
                "http_config": {"basic_auth": {"username": "me", "password": "***"},
                                "authorization": {"type": "Bearer", "credentials": "***"}},
                "headers": {"X-Key": "***"}, "urls": ["***"], "smtp_auth_password": "***",
            })
        );
    }
}
