//! Every query of `queries.txt` gives what Prometheus gives, for moments and for a range.

use std::collections::BTreeMap;

use promql::{Cancel, Engine, Query, Value};

use crate::data::{self, START};
use crate::memory::Memory;
use crate::prometheus::Prometheus;

/// Labels and points; a scalar has no labels.
type Answer = Vec<(BTreeMap<String, String>, Vec<(f64, f64)>)>;

/// Moments, as seconds after the start: the middle, inside the gap, near the end, after the end.
const MOMENTS: [i64; 4] = [3_600, 2_700, 7_100, 7_400];

#[test]
fn every_query_gives_what_prometheus_gives() {
    let series = data::series();
    let Some(prometheus) = Prometheus::start(&series) else {
        assert!(std::env::var_os("CI").is_none(), "no prometheus; run scripts/get-prometheus.sh");
        eprintln!("SKIPPED: no prometheus; run scripts/get-prometheus.sh");
        return;
    };
    let memory = Memory(series);
    let mut differences = Vec::new();
    let mut compared = 0;
    for query in queries() {
        for moment in MOMENTS {
            let at = START + moment;
            let parameters = [("query", query.clone()), ("time", at.to_string())];
            let theirs = theirs(&prometheus.call("query", &parameters));
            let ours = ask(&memory, &query, Some(at));
            compared += 1;
            if let Some(difference) = difference(&query, theirs, ours, false) {
                differences.push(format!("{query}  @+{moment}: {difference}"));
                break;
            }
        }
        let parameters = [
            ("query", query.clone()),
            ("start", (START + 600).to_string()),
            ("end", (START + 7_800).to_string()),
            ("step", "47".to_owned()),
        ];
        let theirs = theirs(&prometheus.call("query_range", &parameters));
        compared += 1;
        if let Some(difference) = difference(&query, theirs, ask(&memory, &query, None), true) {
            differences.push(format!("{query}  range: {difference}"));
        }
    }
    assert!(compared >= 400, "only {compared} comparisons");
    let count = differences.len();
    assert!(differences.is_empty(), "{count} of {compared} differ:\n{}", differences.join("\n"));
}

/// Lines are queries, or `name name … | template` with `%` for each name.
fn queries() -> Vec<String> {
    let lines = include_str!("queries.txt").lines().filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with('#'));
    let mut queries = Vec::new();
    for line in lines {
        match line.split_once(" | ") {
            Some((names, template)) => {
                queries.extend(names.split(' ').map(|name| template.replace('%', name)));
            }
            None => queries.push(line.to_owned()),
        }
    }
    queries
}

fn ask(memory: &Memory, text: &str, at: Option<i64>) -> Result<Answer, String> {
    let engine = Engine::default();
    let cancel = Cancel::default();
    let value = Query::parse(text).and_then(|query| {
        if let Some(at) = at {
            engine.instant(memory, &query, at * 1000, &cancel)
        } else {
            let (start, end) = ((START + 600) * 1000, (START + 7_800) * 1000);
            engine.range(memory, &query, start, end, 47_000, &cancel)
        }
    });
    let labels = |labels: &model::series::Labels| {
        labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let point = |sample: model::series::Sample| (sample.at_ms as f64 / 1000.0, sample.value);
    Ok(match value.map_err(|error| error.to_string())? {
        Value::Scalar(sample) => vec![(BTreeMap::new(), vec![point(sample)])],
        Value::String(at_ms, text) => {
            let labels = BTreeMap::from([("text".to_owned(), text)]);
            vec![(labels, vec![(at_ms as f64 / 1000.0, 0.0)])]
        }
        Value::Vector(rows) => {
            rows.iter().map(|(row, sample)| (labels(row), vec![point(*sample)])).collect()
        }
        Value::Matrix(series) => series
            .iter()
            .map(|one| (labels(&one.labels), one.samples.iter().copied().map(point).collect()))
            .collect(),
    })
}

fn theirs(answer: &serde_json::Value) -> Result<Answer, String> {
    if answer["status"] != "success" {
        return Err(answer["error"].as_str().unwrap_or("error").to_owned());
    }
    let point = |pair: &serde_json::Value| {
        let value = pair[1].as_str().expect("a value").parse().unwrap_or(0.0);
        (pair[0].as_f64().expect("a time"), value)
    };
    let result = &answer["data"]["result"];
    match answer["data"]["resultType"].as_str() {
        Some("scalar") => return Ok(vec![(BTreeMap::new(), vec![point(result)])]),
        Some("string") => {
            let text = result[1].as_str().expect("a string").to_owned();
            let labels = BTreeMap::from([("text".to_owned(), text)]);
            return Ok(vec![(labels, vec![(result[0].as_f64().expect("a time"), 0.0)])]);
        }
        _ => {}
    }
    let rows = result.as_array().expect("rows").iter().map(|row| {
        let labels = row["metric"].as_object().expect("labels").iter();
        let labels = labels
            .map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned()))
            .collect();
        let points = match row.get("values") {
            Some(values) => values.as_array().expect("points").iter().map(point).collect(),
            None => vec![point(&row["value"])],
        };
        (labels, points)
    });
    Ok(rows.collect())
}

fn difference(
    query: &str,
    theirs: Result<Answer, String>,
    ours: Result<Answer, String>,
    is_range: bool,
) -> Option<String> {
    let (mut theirs, mut ours) = match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => (theirs, ours),
        (Err(_), Err(_)) => return None,
        (Ok(_), Err(ours)) => return Some(format!("only ours fails: {ours}")),
        (Err(theirs), Ok(_)) => return Some(format!("only theirs fails: {theirs}")),
    };
    // Prometheus' order is that of a map here.
    if !is_range && query.contains("histogram_quantile") {
        theirs.sort_by(|a, b| a.0.cmp(&b.0));
        ours.sort_by(|a, b| a.0.cmp(&b.0));
    }
    if theirs.len() != ours.len() {
        return Some(format!("{} series, expected {}", ours.len(), theirs.len()));
    }
    for ((their_labels, theirs), (our_labels, ours)) in theirs.iter().zip(&ours) {
        if their_labels != our_labels {
            return Some(format!("labels {our_labels:?}, expected {their_labels:?}"));
        }
        if theirs.len() != ours.len() {
            return Some(format!(
                "{} points of {our_labels:?}, expected {}",
                ours.len(),
                theirs.len()
            ));
        }
        for (theirs, ours) in theirs.iter().zip(ours) {
            if theirs.0 != ours.0 || !is_close(theirs.1, ours.1) {
                return Some(format!("{ours:?} of {our_labels:?}, expected {theirs:?}"));
            }
        }
    }
    None
}

fn is_close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}
