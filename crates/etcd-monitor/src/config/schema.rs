//! The JSON schema of the configuration file: for editors, and to know every key.

use std::sync::LazyLock;

use monitor::config::ClusterConfig;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Settings;
use super::show::{ShownCluster, ShownSettings};

/// Keys that make no sense for all clusters at once.
const NOT_IN_DEFAULTS: [&str; 3] = ["name", "endpoints", "discovery_srv"];

/// The schema of the configuration file, with defaults.
pub fn file() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(build);
    &SCHEMA
}

fn build() -> Value {
    let mut root = schema_of::<Settings>();
    add_defaults(&mut root, &plain(ShownSettings::from(&Settings::default())));
    let cluster = &mut root["properties"]["clusters"]["items"];
    add_defaults(cluster, &plain(ShownCluster::from(&ClusterConfig::default())));

    let mut defaults = cluster.clone();
    defaults["description"] =
        "What clusters have in common: any key of a cluster, unless it says otherwise.".into();
    if let Some(properties) = properties_of(&mut defaults) {
        properties.retain(|key, _| !NOT_IN_DEFAULTS.contains(&key.as_str()));
    }
    root["properties"]["defaults"] = defaults;
    root["title"] = "etcd-monitor configuration".into();
    root
}

fn plain(shown: impl Serialize) -> Value {
    serde_json::to_value(shown).expect("invariant: keys are text and numbers are finite")
}

/// Without references: each mapping stands where it is used.
fn schema_of<T: JsonSchema>() -> Value {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// Writes each default beside its key; the types cannot, as they are not `Serialize`.
fn add_defaults(schema: &mut Value, defaults: &Value) {
    let Some(properties) = properties_of(schema) else { return };
    for (key, schema) in properties {
        let Some(default) = defaults.get(key).filter(|default| !default.is_null()) else {
            continue;
        };
        if default.is_object() && schema.get("properties").is_some() {
            add_defaults(schema, default);
        } else {
            schema["default"] = default.clone();
        }
    }
}

fn properties_of(schema: &mut Value) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties")?.as_object_mut()
}
