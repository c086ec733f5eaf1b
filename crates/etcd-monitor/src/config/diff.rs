//! What a configuration that was read again changes.

use super::Settings;

/// Sections whose change needs a restart, as they are called in the file.
pub fn needs_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let sections = [
        ("server", old.server != new.server),
        ("log.format", old.log.format != new.log.format),
        ("history", old.history != new.history),
        ("records", old.records != new.records),
        ("benchmark", old.benchmark != new.benchmark),
        ("data_dir", old.data_dir != new.data_dir),
    ];
    sections.into_iter().filter_map(|(name, changed)| changed.then_some(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::{Format, Level};

    #[test]
    fn only_what_cannot_change_while_running_needs_a_restart() {
        let old = Settings::default();
        let mut new = old.clone();
        new.log.level = Some(Level::Debug);
        new.clusters.push(monitor::config::ClusterConfig::default());
        assert_eq!(needs_restart(&old, &new), [""; 0]);
        new.log.format = Format::Json;
        new.data_dir = Some("/elsewhere".into());
        assert_eq!(needs_restart(&old, &new), ["log.format", "data_dir"]);
    }
}
