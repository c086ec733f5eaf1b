//! Settings from a configuration file.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use model::config_error::ConfigError;
use monitor::config::ClusterConfig;
use serde_json::{Map, Value};

use super::decode::decode;
use super::key_path::KeyPath;
use super::settings::Settings;
use super::{document, keys, schema};

/// The settings that `file` describes, or every mistake in it.
pub(super) fn from_file(file: &Path, now: Timestamp) -> Result<Settings, Vec<ConfigError>> {
    let mut document = document::read(file).map_err(|error| vec![error])?;
    let mut errors = Vec::new();
    keys::reject_unknown(&mut document, schema::file(), &KeyPath::default(), &mut errors);

    // The defaults are checked by themselves first, so that a mistake in them is told once and not
    // for each cluster.
    let mut defaults = take_defaults(&mut document);
    let mut in_defaults = Vec::new();
    decode::<ClusterConfig>(&mut defaults, &mut in_defaults);
    errors.extend(in_defaults.into_iter().map(|error| error.within("defaults")));

    let own = document.clone();
    if let Some(Value::Array(clusters)) = document.get_mut("clusters") {
        for cluster in clusters {
            *cluster = with_defaults(cluster.take(), &defaults);
        }
    }
    without_nulls(&mut document);
    let mut settings: Settings = decode(&mut document, &mut errors);
    settings.resolve_paths(file.parent().unwrap_or(Path::new("")));

    // What did not decode was left out; that it is missing is no second mistake.
    let known: BTreeSet<String> = errors.iter().map(|error| covered(&error.path)).collect();
    let reported = |path: &str| known.iter().any(|known| path.starts_with(known.as_str()));
    for error in settings.validate(now) {
        let error = blame_defaults(error, &own, &defaults);
        if !reported(&error.path) && !errors.contains(&error) {
            errors.push(error);
        }
    }
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

/// The clusters that `file` describes, whatever else stands in it; the files that they name are not
/// read, as not everybody may read them.
pub(super) fn clusters(file: &Path) -> Result<Vec<ClusterConfig>, Vec<ConfigError>> {
    let mut document = document::read(file).map_err(|error| vec![error])?;
    let defaults = take_defaults(&mut document);
    let clusters = document.as_object_mut().and_then(|document| document.remove("clusters"));
    let clusters = match clusters {
        Some(Value::Array(clusters)) => {
            clusters.into_iter().map(|cluster| with_defaults(cluster, &defaults)).collect()
        }
        _ => Value::Array(Vec::new()),
    };
    let mut document = Value::Object(Map::from_iter([("clusters".to_owned(), clusters)]));
    without_nulls(&mut document);
    let mut errors = Vec::new();
    let mut settings: Settings = decode(&mut document, &mut errors);
    settings.resolve_paths(file.parent().unwrap_or(Path::new("")));
    if errors.is_empty() { Ok(settings.clusters) } else { Err(errors) }
}

/// What is not judged any further once there is a mistake at `path`: the keys of `tls` and of `auth`
/// belong together.
fn covered(path: &str) -> String {
    let together = [".tls.", ".auth."].iter().find_map(|section| path.split_once(section));
    together.map_or_else(|| path.to_owned(), |(cluster, _)| path[..=cluster.len() + 3].to_owned())
}

fn take_defaults(document: &mut Value) -> Value {
    let defaults = document.as_object_mut().and_then(|document| document.remove("defaults"));
    let mut defaults = defaults.unwrap_or_default();
    without_nulls(&mut defaults);
    if defaults.is_null() { Value::Object(Map::new()) } else { defaults }
}

/// What a cluster says, and beneath it what the defaults say.
fn with_defaults(own: Value, defaults: &Value) -> Value {
    match (own, defaults) {
        (Value::Object(mut own), Value::Object(defaults)) => {
            for (key, default) in defaults {
                let merged = match own.remove(key) {
                    Some(value) => with_defaults(value, default),
                    None => default.clone(),
                };
                own.insert(key.clone(), merged);
            }
            Value::Object(own)
        }
        (own, _) => own,
    }
}

/// A key without a value says nothing: the default stays, also where `defaults` said otherwise.
fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(mapping) => {
            mapping.retain(|_, value| !value.is_null());
            mapping.values_mut().for_each(without_nulls);
        }
        Value::Array(list) => list.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Where a cluster's bad value came from the defaults, the mistake is there.
fn blame_defaults(error: ConfigError, own: &Value, defaults: &Value) -> ConfigError {
    let inside = error.path.strip_prefix("clusters[").and_then(|rest| rest.split_once("]."));
    let Some((index, key)) = inside else { return error };
    let Ok(index) = index.parse::<usize>() else { return error };
    let path = key.split('.').fold(KeyPath::default(), |path, key| path.key(key));
    let own = own.get("clusters").and_then(|clusters| clusters.get(index));
    let is_own = own.is_some_and(|own| path.get(own).is_some());
    if !is_own && path.get(defaults).is_some() {
        ConfigError::new(format!("defaults.{key}"), error.message)
    } else {
        error
    }
}

impl Settings {
    /// Relative paths in a file are relative to the directory of that file.
    fn resolve_paths(&mut self, directory: &Path) {
        let in_clusters = self.clusters.iter_mut().flat_map(|cluster| {
            let auth = [&mut cluster.auth.password_file, &mut cluster.auth.token_file];
            let tls = cluster
                .tls
                .iter_mut()
                .flat_map(|tls| [&mut tls.ca_file, &mut tls.cert_file, &mut tls.key_file]);
            auth.into_iter().chain(tls)
        });
        for path in in_clusters.chain([&mut self.data_dir]).flatten() {
            *path = directory.join(&*path);
        }
        self.alerts.resolve_paths(directory);
    }
}
