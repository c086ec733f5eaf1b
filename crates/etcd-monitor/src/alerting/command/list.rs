//! `alert list`: one line for each alert.

use serde_json::Value;

use super::{Answer, Error, items, query, shown, text, time};
use crate::cli::data::Output;
use crate::query::grid::{Align, Grid};
use crate::rest::Api;

/// Characters of a fingerprint that tell alerts apart among some thousands.
const SHORT: usize = 8;

/// Which alerts.
pub(super) struct Wanted {
    pub(super) cluster: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) state: Option<String>,
    pub(super) matchers: Vec<String>,
}

pub(super) async fn run(api: &Api, wanted: &Wanted, output: Output) -> Result<Answer, Error> {
    let filter = (!wanted.matchers.is_empty()).then(|| wanted.matchers.join(","));
    let path = format!(
        "/api/v1/alerts{}",
        query(&[
            ("cluster", wanted.cluster.as_deref()),
            ("severity", wanted.severity.as_deref()),
            ("state", wanted.state.as_deref()),
            ("filter", filter.as_deref()),
        ])
    );
    let found = api.get(&path).await?;
    let is_critical =
        |alert: &&Value| text(alert, "severity") == "critical" && text(alert, "state") == "active";
    let critical = items(&found, "alerts").filter(is_critical).count();
    let trouble = (critical > 0).then_some(Error::Critical(critical));
    Ok(Answer { text: shown(output, &found, table), trouble })
}

pub(super) fn table(found: &Value) -> String {
    let mut grid = Grid::new(vec![Align::Left; 7]);
    let titles = ["ALERT", "SEVERITY", "CLUSTER", "SINCE", "STATE", "NAME", "SUMMARY"];
    grid.add(titles.map(str::to_owned));
    let mut is_empty = true;
    for alert in items(found, "alerts") {
        is_empty = false;
        grid.add([
            text(alert, "fingerprint").chars().take(SHORT).collect(),
            text(alert, "severity").to_owned(),
            text(alert, "cluster").to_owned(),
            time(text(alert, "starts_at")),
            state(alert),
            text(alert, "name").to_owned(),
            text(alert, "summary").to_owned(),
        ]);
    }
    if is_empty { "no alerts\n".to_owned() } else { grid.lines().join("\n") + "\n" }
}

/// The state, with what is behind it in a word or two.
fn state(alert: &Value) -> String {
    let first = |name: &str| items(alert, name).next().and_then(Value::as_str);
    if let Some(by) = alert["acknowledged"]["by"].as_str() {
        return format!("ack by {by}");
    }
    if first("silenced_by").is_some() {
        return "silenced".to_owned();
    }
    if let Some(root) = alert["hidden_by"].as_str() {
        return format!("under {root}");
    }
    if first("inhibited_by").is_some() {
        return "inhibited".to_owned();
    }
    if let Some(interval) = first("muted_by") {
        return format!("muted ({interval})");
    }
    text(alert, "state").to_owned()
}
