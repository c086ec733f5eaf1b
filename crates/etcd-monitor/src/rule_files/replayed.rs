//! What a replay has found, for people and scripts.

use jiff::Timestamp;
use model::alert::{ALERT_NAME, Alert};
use model::series::Labels;
use rules::replay::Replay;
use serde_json::{Map, Value, json};

use crate::cli::data::Output;
use crate::query::grid::{Align, Grid};

/// The alerts of `replay`, which went over `span`.
pub(super) fn text(replay: &Replay, span: (Timestamp, Timestamp), output: Output) -> String {
    match output {
        Output::Table => table(replay, span),
        Output::Json => format!("{:#}\n", json(replay, span)),
    }
}

fn table(replay: &Replay, (from, to): (Timestamp, Timestamp)) -> String {
    let alerts = replay.alerts.len();
    let mut text = format!(
        "{} from {from} to {to}, {} evaluations\n",
        super::count(alerts, "alert", "alerts"),
        replay.evaluations
    );
    if alerts == 0 {
        return text;
    }
    let mut grid =
        Grid::new(vec![Align::Left, Align::Right, Align::Left, Align::Left, Align::Left]);
    grid.add(["since", "for", "severity", "alert", "labels"].map(str::to_owned));
    for alert in &replay.alerts {
        let severity = alert.labels.get("severity").unwrap_or_default();
        grid.add([
            alert.starts_at.strftime("%F %T").to_string(),
            length(alert),
            severity.to_owned(),
            alert.name().to_owned(),
            others(&alert.labels),
        ]);
    }
    for line in grid.lines() {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// How long it fired.
fn length(alert: &Alert) -> String {
    let Some(end) = alert.ends_at else { return "still firing".to_owned() };
    let seconds = end.duration_since(alert.starts_at).as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

fn others(labels: &Labels) -> String {
    let is_other = |name: &str| !matches!(name, ALERT_NAME | "severity");
    let others = labels.iter().filter(|(name, _)| is_other(name));
    others.map(|(name, value)| format!("{name}={value:?}")).collect::<Vec<_>>().join(" ")
}

fn json(replay: &Replay, (from, to): (Timestamp, Timestamp)) -> Value {
    let object = |labels: &Labels| -> Map<String, Value> {
        labels.iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
    };
    let alert = |alert: &Alert| {
        json!({
            "labels": object(&alert.labels),
            "annotations": object(&alert.annotations),
            "starts_at": alert.starts_at.to_string(),
            "ends_at": alert.ends_at.map(|end| end.to_string()),
        })
    };
    let errors = replay
        .errors
        .iter()
        .map(|(rule, (times, error))| json!({ "rule": rule, "times": times, "last_error": error }));
    json!({
        "from": from.to_string(),
        "to": to.to_string(),
        "evaluations": replay.evaluations,
        "alerts": replay.alerts.iter().map(alert).collect::<Vec<_>>(),
        "errors": errors.collect::<Vec<_>>(),
    })
}
