//! `alert show`: all about one alert, what to do first.

use serde_json::Value;

use super::{items, text as field, time, title};
use crate::query::grid::printable;

pub(super) fn text(alert: &Value) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    let notes = &alert["annotations"];
    line(format!("{} ({})", title(alert), field(alert, "severity")));
    line(printable(field(alert, "summary")));
    line(String::new());
    line(format!("since        {}", time(field(alert, "starts_at"))));
    line(format!("fingerprint  {}", field(alert, "fingerprint")));
    line(format!("state        {}", field(alert, "state")));
    for (name, title) in [
        ("silenced_by", "silenced by"),
        ("inhibited_by", "inhibited by"),
        ("muted_by", "muted by"),
        ("receivers", "for"),
    ] {
        let all: Vec<_> = items(alert, name).filter_map(Value::as_str).map(printable).collect();
        if !all.is_empty() {
            line(format!("{title:<12} {}", all.join(", ")));
        }
    }
    if let Some(root) = alert["hidden_by"].as_str() {
        line(format!("hidden by    {}", printable(root)));
    }
    let told = alert["told_at"].as_str().map_or_else(|| "nobody yet".to_owned(), time);
    line(format!("told         {told}"));
    if let Some(by) = alert["acknowledged"]["by"].as_str() {
        let (at, note) = (&alert["acknowledged"]["at"], field(&alert["acknowledged"], "note"));
        let at = time(at.as_str().unwrap_or_default());
        line(format!("taken by     {} {at}  {}", printable(by), printable(note)));
    }
    for (name, title) in [
        ("description", ""),
        ("next_steps", "What to do"),
        ("causes", "Likely causes"),
        ("evidence", "Evidence"),
    ] {
        let text = field(notes, name);
        if text.is_empty() {
            continue;
        }
        line(String::new());
        if !title.is_empty() {
            line(format!("{title}:"));
        }
        let indent = if title.is_empty() { "" } else { "  " };
        text.lines().for_each(|text| line(format!("{indent}{}", printable(text))));
    }
    let others = notes.as_object().into_iter().flatten().filter(|(name, _)| {
        !["summary", "description", "next_steps", "causes", "evidence"].contains(&name.as_str())
    });
    let others: Vec<_> = others.collect();
    if !others.is_empty() {
        line(String::new());
    }
    for (name, value) in others {
        line(format!("{name}: {}", printable(value.as_str().unwrap_or_default())));
    }
    let labels = alert["labels"].as_object().into_iter().flatten();
    let labels: Vec<_> = labels
        .map(|(name, value)| format!("{name}={:?}", value.as_str().unwrap_or_default()))
        .collect();
    line(format!("labels: {}", labels.join(" ")));
    out
}
