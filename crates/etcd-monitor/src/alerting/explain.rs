//! `etcd-monitor routes test`: whom an alert would be told, and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use alert::route::{Explanation, Tree, Verdict};
use jiff::fmt::friendly::{Designator, SpanPrinter};
use model::series::Labels;

use super::routes::Routes;

/// The way of an alert with `labels` through `routes`, for people.
pub(crate) fn text(routes: &Routes, labels: &Labels) -> String {
    let tree = Tree::new(&routes.tree.route);
    let explanation = tree.explain(labels);
    let mut out = format!("{labels}\n\n");
    for step in &explanation.steps {
        let indent = "  ".repeat(step.depth);
        let matchers = if step.depth == 0 { "route" } else { step.matchers.as_str() };
        let what = match &step.verdict {
            Verdict::Taken => told(&tree, step.route, labels),
            Verdict::Passed => "goes on below".to_owned(),
            Verdict::Refused { matcher, value } if value.is_empty() => {
                format!("no: {matcher}, and it has no such label")
            }
            Verdict::Refused { matcher, value } => format!("no: {matcher}, and it has {value:?}"),
            Verdict::NotAsked { taken_by } => format!("not asked: {taken_by} took it"),
        };
        let _ = writeln!(out, "{indent}{matchers}  {what}");
    }
    let _ = writeln!(out, "\ntold: {}", receivers(routes, &explanation));
    out
}

fn told(tree: &Tree, number: usize, labels: &Labels) -> String {
    const PRINTER: SpanPrinter = SpanPrinter::new().designator(Designator::Compact);
    let time = |time| PRINTER.unsigned_duration_to_string(&time).replace(' ', "");
    let route = tree.get(number);
    let escalation = route.escalation.as_ref().map_or_else(String::new, |(after, receiver)| {
        format!(", {receiver} too when nobody acknowledges it within {}", time(*after))
    });
    format!(
        "→ {} after {}, grouped by {}, changes every {}, again after {}{escalation}",
        route.receiver,
        time(route.group_wait),
        route.group_labels(labels),
        time(route.group_interval),
        time(route.repeat_interval),
    )
}

fn receivers(routes: &Routes, explanation: &Explanation) -> String {
    let names: BTreeSet<&str> = explanation.receivers().collect();
    let with_channels: Vec<String> = names
        .into_iter()
        .filter_map(|name| routes.tree.receivers.iter().find(|one| one.name == name))
        .map(|receiver| {
            let channels: Vec<_> =
                receiver.integrations.iter().map(alert::config::Integration::name).collect();
            let channels =
                if channels.is_empty() { "nobody".to_owned() } else { channels.join(", ") };
            format!("{} ({channels})", receiver.name)
        })
        .collect();
    with_channels.join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_way_of_an_alert_is_told_with_its_reasons() {
        let config = json!({"webhook": {"url": "http://127.0.0.1:9/x"}, "console": {}});
        let config = serde_json::from_value(config).expect("a configuration");
        let routes = Routes::read(&config).unwrap_or_else(|errors| panic!("{errors:?}"));
        let labels = Labels::new([("alertname", "A"), ("cluster", "c"), ("severity", "warning")]);
        insta::assert_snapshot!(text(&routes, &labels));
    }
}
