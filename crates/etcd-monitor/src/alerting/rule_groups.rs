//! Which rules are evaluated: those that come with the program and those of the files that the
//! configuration names.

use std::path::PathBuf;

use model::config_error::ConfigError;
use rules::Group;

use super::config::Config;
use super::{globbed, routes};

/// The name that the rules which come with the program have in place of a file's.
const DEFAULT_FILE: &str = "default";

/// The groups of all files of `config`, or every mistake in them, with paths within `alerts`.
pub(crate) fn read(config: &Config) -> Result<Vec<Group>, Vec<ConfigError>> {
    let mut groups = Vec::new();
    let mut errors = Vec::new();
    let mut take = |path: String, name: &str, text: &str| match rules::parse(name, text) {
        Ok(file) => groups.extend(file.groups),
        Err(mistakes) => errors.extend(
            mistakes.into_iter().map(|mistake| ConfigError::new(path.clone(), mistake.to_string())),
        ),
    };
    if config.default_rules {
        take("default_rules".to_owned(), DEFAULT_FILE, rules::DEFAULT);
    }
    let mut unread = Vec::new();
    for (index, pattern) in config.rule_files.iter().enumerate() {
        let path = format!("rule_files[{index}]");
        match globbed(pattern) {
            Ok(files) => {
                for file in files {
                    match routes::read(&file) {
                        Ok(text) => take(path.clone(), &file.display().to_string(), &text),
                        Err(message) => unread.push(ConfigError::new(
                            path.clone(),
                            format!("{}: {message}", file.display()),
                        )),
                    }
                }
            }
            Err(message) => unread.push(ConfigError::new(path, message)),
        }
    }
    errors.append(&mut unread);
    if config.findings {
        leave_out_what_findings_tell(&mut groups);
    }
    if errors.is_empty() { Ok(groups) } else { Err(errors) }
}

/// The files of rules and routes that `config` names and that are there.
pub(crate) fn watched_files(config: &Config) -> Vec<PathBuf> {
    let rules = config.rule_files.iter().flat_map(|pattern| globbed(pattern).unwrap_or_default());
    config.alertmanager_file.iter().cloned().chain(rules).collect()
}

/// Rules that come with the program and say what a finding tells would only ever be inhibited, and
/// cost a fleet most of the evaluation.
fn leave_out_what_findings_tell(groups: &mut Vec<Group>) {
    for group in groups.iter_mut().filter(|group| group.file == DEFAULT_FILE) {
        group.rules.retain(|rule| !rule.labels.contains_key("finding"));
    }
    groups.retain(|group| !group.rules.is_empty());
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;

    fn mistakes(files: &[&Path]) -> Vec<String> {
        let config: Config = serde_json::from_value(json!({"rule_files": files})).unwrap();
        read(&config).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn rules_that_come_with_the_program_stand_back_where_findings_are_told() {
        let count = |findings: bool| {
            let config = Config { findings, ..Config::default() };
            let groups = read(&config).unwrap();
            groups.iter().map(|group| group.rules.len()).sum::<usize>()
        };
        let (beside_findings, alone) = (count(true), count(false));
        assert!(0 < beside_findings && beside_findings < alone / 2, "{beside_findings} of {alone}");
    }

    #[test]
    fn a_mistake_in_a_file_is_told_with_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.yaml");
        std::fs::write(&file, "groups:\n- name: a\n  rules:\n  - {alert: A, expr: 'up =='}\n")
            .unwrap();
        let found = mistakes(&[&file]);
        assert!(
            found[0].starts_with("rule_files[0]: ") && found[0].contains("a.yaml:4"),
            "{found:?}"
        );
        let found = mistakes(&[&directory.path().join("none.yaml")]);
        assert!(found[0].contains("none.yaml: cannot be read"), "{found:?}");
    }
}
