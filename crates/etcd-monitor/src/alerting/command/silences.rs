//! `alert silence`: add with a preview, list, expire.

use serde_json::{Value, json};

use super::{Answer, Error, api, escaped, items, list, shown, text, time};
use crate::cli::alert::SilenceCommand;
use crate::query::grid::{Align, Grid};

pub(super) async fn run(command: SilenceCommand) -> Result<Answer, Error> {
    match command {
        SilenceCommand::Add { matchers, time, comment, by, preview, asked } => {
            let length = format!("{}s", time.as_secs());
            let body = json!({
                "matchers": matchers, "for": length, "created_by": by, "comment": comment,
                "preview": preview,
            });
            let made = api(&asked)?.post("/api/v1/silences", &body).await?;
            Ok(shown(asked.output, &made, added).into())
        }
        SilenceCommand::List { expired, asked } => {
            let mut found = api(&asked)?.get("/api/v1/silences").await?;
            if let Some(all) = found["silences"].as_array_mut() {
                all.retain(|silence| expired || text(silence, "state") != "expired");
            }
            Ok(shown(asked.output, &found, table).into())
        }
        SilenceCommand::Expire { id, asked } => {
            api(&asked)?.delete(&format!("/api/v1/silences/{}", escaped(&id))).await?;
            Ok(format!("{id}: is over\n").into())
        }
    }
}

fn added(made: &Value) -> String {
    let count = items(made, "matches").count();
    let covered = match count {
        0 => "it covers no alert now\n".to_owned(),
        1 => format!("it covers 1 alert now:\n{}", rows(made)),
        n => format!("it covers {n} alerts now:\n{}", rows(made)),
    };
    match made["id"].as_str() {
        Some(id) => format!("{id}\n{covered}"),
        None => format!("not made, a preview; {covered}"),
    }
}

fn rows(made: &Value) -> String {
    list::table(&json!({"alerts": made["matches"]}))
}

fn table(found: &Value) -> String {
    let mut grid = Grid::new(vec![Align::Left; 6]);
    grid.add(["ID", "STATE", "ENDS", "BY", "MATCHERS", "COMMENT"].map(str::to_owned));
    let mut is_empty = true;
    for silence in items(found, "silences") {
        is_empty = false;
        let matchers: Vec<_> = items(silence, "matchers").filter_map(Value::as_str).collect();
        grid.add([
            text(silence, "id").to_owned(),
            text(silence, "state").to_owned(),
            time(text(silence, "ends_at")),
            text(silence, "created_by").to_owned(),
            matchers.join(" "),
            text(silence, "comment").to_owned(),
        ]);
    }
    if is_empty { "no silences\n".to_owned() } else { grid.lines().join("\n") + "\n" }
}
