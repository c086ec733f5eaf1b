//! `alert history`: what happened to alerts, and what came of telling of them.

use std::time::Duration;

use serde_json::Value;

use super::{Answer, Error, items, query, shown, text, time};
use crate::cli::data::Output;
use crate::query::grid::{Align, Grid};
use crate::rest::Api;

/// What is asked for.
pub(super) struct Wanted {
    pub(super) notifications: bool,
    pub(super) cluster: Option<String>,
    pub(super) severity: Option<String>,
    pub(super) text: Option<String>,
    pub(super) since: Duration,
    pub(super) limit: usize,
}

pub(super) async fn run(api: &Api, wanted: &Wanted, output: Output) -> Result<Answer, Error> {
    let from = format!("-{}s", wanted.since.as_secs());
    let limit = wanted.limit.to_string();
    let parts = query(&[
        ("cluster", wanted.cluster.as_deref()),
        ("severity", wanted.severity.as_deref()),
        ("text", wanted.text.as_deref()),
        ("from", Some(&from)),
        ("limit", Some(&limit)),
    ]);
    let (path, table): (_, fn(&Value) -> String) = if wanted.notifications {
        (format!("/api/v1/alerts/notifications{parts}"), notifications)
    } else {
        (format!("/api/v1/alerts/history{parts}"), transitions)
    };
    let found = api.get(&path).await?;
    Ok(shown(output, &found, table).into())
}

fn transitions(found: &Value) -> String {
    let mut grid = Grid::new(vec![Align::Left; 6]);
    grid.add(["TIME", "STATE", "SEVERITY", "CLUSTER", "NAME", "TEXT"].map(str::to_owned));
    let mut is_empty = true;
    for item in items(found, "transitions") {
        is_empty = false;
        grid.add([
            time(text(item, "at")),
            text(item, "state").to_owned(),
            text(item, "severity").to_owned(),
            text(item, "cluster").to_owned(),
            text(item, "name").to_owned(),
            text(item, "text").to_owned(),
        ]);
    }
    if is_empty { "nothing happened\n".to_owned() } else { grid.lines().join("\n") + "\n" }
}

fn notifications(found: &Value) -> String {
    let mut grid = Grid::new(vec![Align::Left; 6]);
    grid.add(["TIME", "RECEIVER", "CHANNEL", "OUTCOME", "GROUP", "TEXT"].map(str::to_owned));
    let mut is_empty = true;
    for item in items(found, "notifications") {
        is_empty = false;
        grid.add([
            time(text(item, "at")),
            text(item, "receiver").to_owned(),
            text(item, "channel").to_owned(),
            text(item, "outcome").to_owned(),
            text(item, "group_key").to_owned(),
            text(item, "text").to_owned(),
        ]);
    }
    if is_empty {
        "nobody was told of anything\n".to_owned()
    } else {
        grid.lines().join("\n") + "\n"
    }
}
