//! Generated documents are fresh: run with `UPDATE_EXPECT=1` to write them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use etcd_monitor::config::schema;
use serde_json::Value;

const SCHEMA: &str = "../../docs/config.schema.json";
const MANUAL: &str = "../../docs/configuration.md";

#[test]
fn the_schema_in_the_manual_is_fresh() {
    let fresh = format!("{:#}\n", schema::file());
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(SCHEMA, &fresh).unwrap();
    }
    assert!(
        fs::read_to_string(SCHEMA).unwrap_or_default() == fresh,
        "{SCHEMA} is stale; run this test with UPDATE_EXPECT=1"
    );
}

/// The table of keys in the manual is generated from the schema, between two marks.
#[test]
fn the_manual_names_every_key_with_its_default() {
    let mut rows = String::from("| key | default | meaning |\n|---|---|---|\n");
    table(schema::file(), "", &mut rows);
    let manual = fs::read_to_string(Path::new(MANUAL)).unwrap();
    let (before, rest) = manual.split_once("<!-- keys: generated -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of keys -->").unwrap();
    let fresh = format!("{before}<!-- keys: generated -->\n{rows}<!-- end of keys -->{after}");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(MANUAL, &fresh).unwrap();
    }
    assert!(
        fs::read_to_string(MANUAL).unwrap() == fresh,
        "{MANUAL} is stale; run this test with UPDATE_EXPECT=1"
    );
}

fn table(schema: &Value, prefix: &str, rows: &mut String) {
    for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{prefix}{key}");
        if path == "defaults" {
            // Its keys are those of a cluster; the text says so.
            continue;
        }
        let default = schema.get("default").map_or(String::new(), |value| format!("`{value}`"));
        let meaning = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
        writeln!(rows, "| `{path}` | {default} | {} |", meaning.replace('|', "\\|")).unwrap();
        table(schema, &format!("{path}."), rows);
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        alternatives.for_each(|schema| table(schema, &format!("{path}."), rows));
        if let Some(items) = schema.get("items") {
            table(items, &format!("{path}[]."), rows);
        }
    }
}
