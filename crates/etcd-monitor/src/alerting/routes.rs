//! Routes and receivers of a configuration: an alertmanager.yml as it is, or the simple form.

use std::fs;
use std::path::Path;

use alert::config::{Config as Tree, InhibitRule};
use alert::{Channels, matcher};
use model::config_error::ConfigError;
use serde_json::Value;

use super::config::{Config, resolve_files};
use super::{globbed, masked};

/// The largest file that is read, bytes.
const MAX_BYTES: u64 = 4 << 20;

/// What a rule says of the same trouble as a finding is not told while that is open: the alert of the
/// finding is at least as severe, or explained.
const TOLD_BY_FINDINGS: [(&str, &str); 3] = [
    // What maintenance explains is no more news when a rule says it.
    (r#"{source="finding", expected="true"}"#, r#"{source!="finding", finding!=""}"#),
    (r#"{source="finding", severity="critical"}"#, r#"{source!="finding", finding!=""}"#),
    (
        r#"{source="finding", severity="warning"}"#,
        r#"{source!="finding", finding!="", severity!="critical"}"#,
    ),
];

/// Routes and receivers, checked.
pub(crate) struct Routes {
    /// As the file, or the simple form, says.
    pub(crate) tree: Tree,
    /// The ways to the receivers.
    pub(crate) channels: Channels,
    /// As it may be shown.
    pub(crate) text: String,
}

impl Routes {
    /// Those of `config`, or every mistake in them, with paths within `alerts`.
    pub(crate) fn read(config: &Config) -> Result<Self, Vec<ConfigError>> {
        let (tree, document, directory, within) = if let Some(file) = &config.alertmanager_file {
            let text = read(file).map_err(|message| {
                let message = format!("{}: {message}", file.display());
                vec![ConfigError::new("alertmanager_file", message)]
            })?;
            let directory = file.parent().unwrap_or(Path::new("")).to_owned();
            let within = format!("alertmanager_file({})", file.display());
            // What cannot be read as a tree of values is told by the one who parses the text.
            let mut document = serde_saphyr::from_str::<Value>(&text).unwrap_or_default();
            resolve_files(&mut document, &directory);
            let tree = Tree::parse(&text).and_then(|_| Tree::from_value(&document));
            (tree, document, directory, within)
        } else {
            let channels = Value::Object(config.channels());
            let document = Tree::simple_document(&channels).unwrap_or_default();
            (Tree::simple(&channels), document, Path::new("").to_owned(), String::new())
        };
        let place = |mistakes: Vec<ConfigError>| -> Vec<ConfigError> {
            let placed = mistakes.into_iter().map(|error| {
                if within.is_empty() { simple_place(error) } else { error.within(&within) }
            });
            placed.collect()
        };
        let mut tree = tree.map_err(place)?;
        let templates = templates(&tree.templates, &directory).map_err(place)?;
        let channels = Channels::new(&tree, templates).map_err(place)?;
        for (source, target) in TOLD_BY_FINDINGS {
            tree.inhibit_rules.push(InhibitRule {
                name: Some("told by a finding".to_owned()),
                source: matcher::parse_all(source).expect("invariant: a constant that is tested"),
                target: matcher::parse_all(target).expect("invariant: a constant that is tested"),
                equal: vec!["cluster".to_owned(), "finding".to_owned()],
            });
        }
        let text = serde_saphyr::to_string(&masked(&document)).unwrap_or_default();
        Ok(Self { tree, channels, text })
    }
}

/// In the simple form there is one receiver, whose channels are keys of `alerts`:
/// `receivers[0].slack_configs[0].api_url` is `slack.webhook_url` there.
fn simple_place(error: ConfigError) -> ConfigError {
    let Some(rest) = error.path.strip_prefix("receivers[0].") else { return error };
    let (kind, field) = rest.split_once("_configs").unwrap_or((rest, ""));
    let field = field.strip_prefix("[0]").unwrap_or(field);
    let field =
        if kind == "slack" { field.replace("api_url", "webhook_url") } else { field.to_owned() };
    ConfigError::new(format!("{kind}{field}"), error.message)
}

fn templates(
    patterns: &[String],
    directory: &Path,
) -> Result<Vec<(String, String)>, Vec<ConfigError>> {
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for (index, pattern) in patterns.iter().enumerate() {
        let at = format!("templates[{index}]");
        match globbed(&directory.join(pattern)) {
            Ok(files) => {
                for file in files {
                    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                    match read(&file) {
                        Ok(text) => found.push((name, text)),
                        Err(message) => {
                            let message = format!("{}: {message}", file.display());
                            errors.push(ConfigError::new(at.clone(), message));
                        }
                    }
                }
            }
            Err(message) => errors.push(ConfigError::new(at, message)),
        }
    }
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// The text of a file that is not too large.
pub(crate) fn read(file: &Path) -> Result<String, String> {
    let describe = |error: std::io::Error| format!("cannot be read: {error}");
    let size = fs::metadata(file).map_err(describe)?.len();
    if size > MAX_BYTES {
        return Err(format!("is larger than {} MiB", MAX_BYTES >> 20));
    }
    fs::read_to_string(file).map_err(describe)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(value: Value) -> Config {
        serde_json::from_value(value).expect("a configuration")
    }

    fn mistakes(value: Value) -> Vec<String> {
        let errors = Routes::read(&config(value)).err().unwrap_or_default();
        errors.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn without_any_channel_nobody_is_told_and_all_is_well() {
        let routes = Routes::read(&config(json!({})));
        assert!(routes.is_ok_and(|routes| routes.tree.inhibit_rules.len() == 3));
    }

    #[test]
    fn a_mistake_in_a_channel_is_told_where_it_was_made() {
        let found = mistakes(json!({"slack": {"webhook_url": "ftp://x"}}));
        assert!(found[0].starts_with("slack.webhook_url"), "{found:?}");
        let found = mistakes(json!({"webhook": {"url": "http://a/b", "ulr": "x"}}));
        assert!(found[0].starts_with("webhook.ulr"), "{found:?}");
        let found = mistakes(json!({"alertmanager_file": "/no/such/file.yml"}));
        assert!(found[0].starts_with("alertmanager_file"), "{found:?}");
    }

    #[test]
    fn secrets_are_not_in_the_text_that_is_shown() {
        let routes = Routes::read(&config(json!({
            "slack": {"webhook_url": "https://hooks.example/T0/B0/hunter2"}
        })));
        let text = routes.map(|routes| routes.text).unwrap_or_default();
        assert!(!text.contains("hunter2") && text.contains("***"), "{text}");
    }
}
