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

#[cfg(test)]
mod tests {
    use model::series::Labels;

    use super::*;
    use crate::config::Config;
    use crate::route::{Route, Tree};

    #[test]
    fn what_is_critical_goes_to_every_channel_at_once_and_info_to_none() {
        let channels = json!({
            "slack": {"webhook_url": "https://example.org/x"},
            "email": [{"to": "a@example.org"}, {"to": "b@example.org", "send_resolved": false}],
            "webhook": null,
        });
        let config = Config::simple(&channels).expect("a good form");
        let everybody = &config.receivers[0];
        let names: Vec<_> =
            everybody.integrations.iter().map(crate::config::Integration::name).collect();
        assert_eq!(names, ["slack[0]", "email[0]", "email[1]"]);
        assert_eq!(everybody.integrations[0].value["api_url"], "https://example.org/x");
        let sends: Vec<_> = everybody.integrations.iter().map(|one| one.sends_resolved).collect();
        assert_eq!(sends, [true, true, false]);
        let tree = Tree::new(&config.route);
        let route = |severity| -> &Route {
            let found = tree.matching(&Labels::new([("severity", severity)]));
            assert_eq!(found.len(), 1);
            tree.get(found[0])
        };
        assert_eq!(route("critical").group_wait.as_secs(), 0);
        assert_eq!(route("warning").group_wait.as_secs(), 10);
        for (severity, receiver) in [
            ("critical", "everybody"),
            ("warning", "everybody"),
            ("", "everybody"),
            ("info", "nobody"),
            ("none", "nobody"),
        ] {
            assert_eq!(route(severity).receiver, receiver, "{severity}");
        }
    }

    #[test]
    fn mistakes_name_the_channel() {
        let channels = json!({"slak": {}, "webhook": ["x"], "email": "a@example.org"});
        let errors = Config::simple(&channels).unwrap_err();
        let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "email: must be a mapping",
                "slak: is no known channel; did you mean slack? accepted here: slack, email, \
                 pagerduty, webhook, msteams, msteamsv2, telegram, console, alertmanager",
                "webhook[0]: must be a mapping",
            ]
        );
    }
}
