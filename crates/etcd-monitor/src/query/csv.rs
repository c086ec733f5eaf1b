//! An answer as comma-separated values (RFC 4180): a line for each sample.

use std::borrow::Cow;

use jiff::Timestamp;
use model::series::{Labels, Sample, Series};

use super::answer::Answer;
use super::naming::Naming;
use super::quantity::exact;

/// Columns `time`, each label by its name, `value`. Times are RFC 3339 in UTC.
pub(super) fn render(answer: &Answer) -> String {
    match answer {
        Answer::Scalar(sample) => {
            rows(&[Series { labels: Labels::default(), samples: vec![*sample] }])
        }
        Answer::String(at_ms, text) => {
            let titles = line(["time".into(), "value".into()]);
            titles + &line([time(*at_ms).into(), quoted(text)])
        }
        Answer::Vector(series) | Answer::Matrix(series) => rows(series),
    }
}

fn rows(series: &[Series]) -> String {
    let Naming { common, mut varying } = Naming::of(series);
    varying.extend(common.pairs().iter().map(|(name, _)| name.clone()));
    varying.sort();
    let titles = varying.iter().map(|name| match &**name {
        // A label of the name of another column.
        "time" | "value" => format!("label_{name}").into(),
        name => quoted(name),
    });
    let mut text = line(["time".into()].into_iter().chain(titles).chain(["value".into()]));
    for one in series {
        let labels: Vec<Cow<'_, str>> =
            varying.iter().map(|name| quoted(one.labels.get(name).unwrap_or_default())).collect();
        for Sample { at_ms, value } in &one.samples {
            let cells = [time(*at_ms).into()].into_iter().chain(labels.iter().cloned());
            text.push_str(&line(cells.chain([exact(*value).into()])));
        }
    }
    text
}

fn time(at_ms: i64) -> String {
    let time = Timestamp::from_millisecond(at_ms).map(|at| format!("{at:.3}"));
    time.unwrap_or_else(|_| at_ms.to_string())
}

fn line<'a>(cells: impl IntoIterator<Item = Cow<'a, str>>) -> String {
    let mut line = cells.into_iter().collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}
